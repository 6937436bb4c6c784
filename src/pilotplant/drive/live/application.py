"""The ASGI application of the estate: finds the system, opens the exchange, performs its script on the wire."""

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from pilotplant.drive.live.wire import LINE, Line, head
from pilotplant.exchange.exchange import Boundary, Exchange
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.kernel.world import World
from pilotplant.ledger.records import Ending
from pilotplant.model.problem import BodyTooLarge, MethodNotAllowed, NoSuchOperation
from pilotplant.model.script import Commit, Delay, Drop, Hold, Reset, Respond, Step, Trickle

TOKEN_PATH = "/oauth/token"
OPENAPI_PATH = "/openapi.json"
_FORM_MAX = 8192
_SPECIAL = frozenset((TOKEN_PATH, OPENAPI_PATH))


class Application:
    """Serves the systems below their prefixes; everything else goes to `elsewhere` (control, metrics, pages)."""

    def __init__(
        self,
        boundaries: Mapping[str, Boundary],
        *,
        world: World,
        hold: Callable[[float], Awaitable[None]],
        elsewhere: ASGIApp,
        incarnation: Callable[[], int] = lambda: 0,
    ) -> None:
        self._mounts = {f"/{name.replace('@', '/')}": boundary for name, boundary in boundaries.items()}
        self._world = world
        self._hold = hold
        self._elsewhere = elsewhere
        self._incarnation = incarnation
        self.documents: dict[str, bytes] = {}
        """OpenAPI documents by kind of system."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("latin-1")
        parts = path.split("/", 3)
        prefix = "/".join(parts[:2])
        boundary = self._mounts.get(prefix)
        if boundary is None:
            prefix = "/".join(parts[:3])
            boundary = self._mounts.get(prefix)
        if boundary is None:
            await self._elsewhere(scope, receive, send)
            return
        body = await _read(receive, boundary.profile.body_max_bytes)
        if body is None:
            return
        line: Line = scope[LINE]
        local = path[len(prefix) :]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request = WireRequest(
            scope["method"], local, scope["query_string"], headers, body, line.connection, self._incarnation()
        )
        self._world.advance()
        if local == TOKEN_PATH and request.method == "POST" and len(body) <= boundary.profile.body_max_bytes:
            exchange: Exchange = boundary.open_token(_credentials(request), request)
        elif local in _SPECIAL:
            await _send(send, line, self._special(boundary, local, request))
            return
        else:
            exchange = boundary.open(request)
        try:
            ending = await self._perform(exchange, line, send)
        except BaseException:
            exchange.end(Ending.CUT_SHORT)
            raise
        exchange.end(ending)

    def _special(self, boundary: Boundary, path: str, request: WireRequest) -> WireResponse:
        method = "POST" if path == TOKEN_PATH else "GET"
        if request.method != method:
            return boundary.dialect.refusal(MethodNotAllowed(allowed=(method,)))
        if len(request.body) > boundary.profile.body_max_bytes:
            return boundary.dialect.refusal(BodyTooLarge())
        document = self.documents.get(boundary.system.kind.name)
        if document is None:
            return boundary.dialect.refusal(NoSuchOperation(detail=path))
        return WireResponse(200, ((b"content-type", b"application/json"),), document)

    async def _perform(self, exchange: Exchange, line: Line, send: Send) -> Ending:
        for step in exchange.script:
            kind = type(step)
            if kind is Commit:
                exchange.commit()
                continue
            if kind is not Delay and line.gone:
                return Ending.CALLER_GONE  # a fault that would strike now touches nobody
            if step.fault:
                exchange.bitten(step.fault)
            if kind is Respond:
                exchange.first_byte()
                return Ending.SENT if await _send(send, line, exchange.response) else Ending.CALLER_GONE
            if kind is Delay:
                await asyncio.sleep(step.seconds)  # type: ignore[attr-defined]
                self._world.advance()
            elif kind is Hold:
                await self._hold(step.until)  # type: ignore[attr-defined]
                self._world.advance()
            else:
                return await self._break(exchange, line, step, send)
        return Ending.CUT_SHORT

    async def _break(self, exchange: Exchange, line: Line, step: Step, send: Send) -> Ending:
        """The endings that ASGI cannot express."""
        match step:
            case Drop():
                line.drop()
                return Ending.DROPPED
            case Reset(at_byte=at_byte):
                response = exchange.response
                raw = head(response.status, response.headers, len(response.body)) + response.body
                if at_byte:
                    exchange.first_byte()
                line.reset(raw[:at_byte])
                return Ending.RESET
            case Trickle(bytes_each=bytes_each, pause_s=pause_s):
                exchange.first_byte()
                return await self._trickle(exchange.response, line, send, bytes_each, pause_s)
        raise AssertionError(f"no driver performs {step!r}")

    async def _trickle(self, response: WireResponse, line: Line, send: Send, bytes_each: int, pause_s: float) -> Ending:
        length = (b"content-length", b"%d" % len(response.body))
        await send({"type": "http.response.start", "status": response.status, "headers": [*response.headers, length]})
        for start in range(0, len(response.body), bytes_each):
            if line.gone:
                return Ending.CALLER_GONE
            piece = response.body[start : start + bytes_each]
            more = start + bytes_each < len(response.body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if more:
                await asyncio.sleep(pause_s)
                self._world.advance()
        if not response.body:
            await send({"type": "http.response.body", "body": b""})
        return Ending.SENT


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body; of one that is too large only so much that it shows; nothing if the caller left before its end."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        size += len(part)
        if not message.get("more_body") or size > limit:
            return b"".join([*parts, part]) if parts else part
        parts.append(part)


async def _send(send: Send, line: Line, response: WireResponse) -> bool:
    """Send the answer; returns whether there was still somebody to take it."""
    if response.status == BodyTooLarge.status:
        # The rest of the body is still coming. A plain close would answer it with a reset, and the answer were lost.
        closing = (*response.headers, (b"connection", b"close"))
        there = not line.gone
        line.drop(head(response.status, closing, len(response.body)) + response.body)
        return there
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
    return not line.gone


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
