"""The estate's front: finds the system that a request is for, and performs the script of its exchange.

What a driver adds is a `Caller`: somebody at the other end of a line, on a socket or in this process.
"""

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl

from pilotplant.exchange.exchange import Boundary, Exchange
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.turns import Turn
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.kernel.world import World
from pilotplant.ledger.records import Ending
from pilotplant.model.problem import BodyTooLarge, MethodNotAllowed, NoSuchOperation
from pilotplant.model.script import Commit, Delay, Drop, Hold, Reset, Respond, Step, Strike, Striking, Trickle

TOKEN_PATH = "/oauth/token"
OPENAPI_PATH = "/openapi.json"
_FORM_MAX = 8192
_SPECIAL = frozenset((TOKEN_PATH, OPENAPI_PATH))


class Caller(Protocol):
    """Whoever waits for an answer, and what may happen to the line to them."""

    @property
    def gone(self) -> bool:
        """Whether nobody is there to take the answer any more."""
        ...

    async def answer(self, response: WireResponse) -> bool:
        """Send the whole answer; returns whether there was still somebody to take it."""
        ...

    async def begin(self, response: WireResponse) -> None:
        """Send the head of an answer whose body follows in pieces."""
        ...

    async def piece(self, body: bytes, *, more: bool) -> None:
        """Send a piece of the body."""
        ...

    def drop(self) -> None:
        """Close the line in good order, without an answer."""
        ...

    def reset(self, response: WireResponse, at_byte: int) -> None:
        """Send so many bytes of the answer, head included, and break the line."""
        ...


class Door(NamedTuple):
    """Where a path leads: a system, and the path as that system sees it."""

    boundary: Boundary
    path: str


class Front:
    """Serves the systems below their prefixes."""

    def __init__(
        self,
        boundaries: Mapping[str, Boundary],
        *,
        world: World,
        hold: Callable[[float], Awaitable[None]],
        strike: Striking,
        documents: Mapping[str, bytes],
    ) -> None:
        self._mounts = {f"/{name.replace('@', '/')}": boundary for name, boundary in boundaries.items()}
        self._world = world
        self._hold = hold
        self._strike = strike
        self._documents = documents

    def door(self, path: str) -> Door | None:
        """The system that a path belongs to; nothing if it is none of a system."""
        parts = path.split("/", 3)
        for depth in (2, 3):
            prefix = "/".join(parts[:depth])
            boundary = self._mounts.get(prefix)
            if boundary is not None:
                return Door(boundary, path[len(prefix) :])
        return None

    async def serve(self, boundary: Boundary, request: WireRequest, caller: Caller) -> None:
        """Answer a request whose last byte has arrived."""
        self._world.advance()
        if request.path == TOKEN_PATH and request.method == "POST" and _fits(request, boundary):
            exchange: Exchange = open_token(boundary, _credentials(request), request)
        elif request.path in _SPECIAL:
            await caller.answer(self._special(boundary, request))
            return
        else:
            exchange = boundary.open(request)
        try:
            ending = await self._perform(exchange, caller)
        except BaseException:
            exchange.end(Ending.CUT_SHORT)
            raise
        exchange.end(ending)

    def _special(self, boundary: Boundary, request: WireRequest) -> WireResponse:
        method = "POST" if request.path == TOKEN_PATH else "GET"
        if request.method != method:
            return boundary.dialect.refusal(MethodNotAllowed(allowed=(method,)))
        if not _fits(request, boundary):
            return boundary.dialect.refusal(BodyTooLarge())
        system = boundary.system
        document = self._documents.get(system.name) or self._documents.get(system.kind.name)
        if document is None:
            return boundary.dialect.refusal(NoSuchOperation(detail=request.path))
        return WireResponse(200, ((b"content-type", b"application/json"),), document)

    async def _perform(self, exchange: Exchange, caller: Caller) -> Ending:
        for step in exchange.script:
            kind = type(step)
            if kind is Commit:
                if exchange.turn is not None and not exchange.turn.come:
                    await self._queue(exchange.turn)
                exchange.commit()
                continue
            if kind is not Delay and caller.gone:
                return Ending.CALLER_GONE  # a fault that would strike now touches nobody
            if step.fault and not isinstance(step, Strike):
                exchange.bitten(step.fault)
            if kind is Respond:
                exchange.first_byte()
                return Ending.SENT if await caller.answer(exchange.response) else Ending.CALLER_GONE
            if kind is Delay:
                await asyncio.sleep(step.seconds)  # type: ignore[attr-defined]
                self._world.advance()
            elif isinstance(step, Strike):
                await self._strike(step, partial(exchange.bitten, step.fault))
            elif kind is Hold:
                await self._hold(step.until)  # type: ignore[attr-defined]
                self._world.advance()
            else:
                return await self._break(exchange, caller, step)
        return Ending.CUT_SHORT

    async def _queue(self, turn: Turn) -> None:
        """Wait until those are done who were to change the same document before."""
        come = asyncio.get_running_loop().create_future()
        turn.wake = lambda: None if come.done() else come.set_result(None)
        await come
        self._world.advance()

    async def _break(self, exchange: Exchange, caller: Caller, step: Step) -> Ending:
        """The endings that are no ordinary answer."""
        match step:
            case Drop():
                caller.drop()
                return Ending.DROPPED
            case Reset(at_byte=at_byte):
                if at_byte:
                    exchange.first_byte()
                caller.reset(exchange.response, at_byte)
                return Ending.RESET
            case Trickle(bytes_each=bytes_each, pause_s=pause_s):
                exchange.first_byte()
                return await self._trickle(exchange.response, caller, bytes_each, pause_s)
        raise AssertionError(f"no driver performs {step!r}")

    async def _trickle(self, response: WireResponse, caller: Caller, bytes_each: int, pause_s: float) -> Ending:
        await caller.begin(response)
        for start in range(0, len(response.body), bytes_each):
            if caller.gone:
                return Ending.CALLER_GONE
            more = start + bytes_each < len(response.body)
            await caller.piece(response.body[start : start + bytes_each], more=more)
            if more:
                await asyncio.sleep(pause_s)
                self._world.advance()
        if not response.body:
            await caller.piece(b"", more=False)
        return Ending.SENT


def _fits(request: WireRequest, boundary: Boundary) -> bool:
    return len(request.body) <= boundary.profile.body_max_bytes


def _credentials(request: WireRequest) -> dict[str, str]:
    """Client credentials from the form, or from HTTP Basic as RFC 6749 allows."""
    form = dict(parse_qsl(request.body[:_FORM_MAX].decode("utf-8", "replace")))
    given = request.headers.get(b"authorization", b"")
    if given[:6].lower() == b"basic ":
        try:
            client_id, _, client_secret = b64decode(given[6:], validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return form
        form.setdefault("client_id", client_id)
        form.setdefault("client_secret", client_secret)
    return form
