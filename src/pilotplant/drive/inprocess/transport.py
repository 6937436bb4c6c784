"""A transport into the estate. It honours all four time-outs and tells apart what a socket tells apart.

    client = httpx.AsyncClient(transport=transport(network))
    client = httpx2.AsyncClient(transport=transport(network, httpx2))

Or `respond(network)` as the side effect of a respx route.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx

from pilotplant.drive.inprocess.line import Line, TimedOut
from pilotplant.drive.inprocess.loop import LIFE
from pilotplant.drive.inprocess.network import ESTATE, Network, NoSuchHost


def transport(network: Network, library: Any = httpx, *, connections_max: int = 100) -> Any:
    """A transport for the clients of a library that is made like httpx: its classes, its errors."""
    return _carrier(library)(network, connections_max)


@cache
def _carrier(library: Any) -> Any:
    body = type("Body", (_Body, library.AsyncByteStream), {"library": library})
    return type("Transport", (_Carrier, library.AsyncBaseTransport), {"library": library, "body": body})


class _Carrier:
    """Carries requests to the estate; as many at once as `connections_max`, the others wait as in a pool."""

    library: Any
    body: Any

    def __init__(self, network: Network, connections_max: int) -> None:
        self._network = network
        self._turns = asyncio.Semaphore(connections_max)

    async def handle_async_request(self, request: Any) -> Any:
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(limits.get("pool")):
                await self._turns.acquire()
        except TimeoutError:
            raise self.library.PoolTimeout("no connection was free in time", request=request) from None
        try:
            return await self._exchange(request, limits)
        except BaseException:
            self._turns.release()
            raise

    async def _exchange(self, request: Any, limits: dict[str, float | None]) -> Any:
        body = await request.aread()
        network, url = self._network, request.url
        try:
            async with asyncio.timeout(limits.get("connect")):
                line = await network.connect(url.host, url.port)
        except NoSuchHost as error:
            raise self.library.ConnectError(str(error), request=request) from None
        except TimeoutError:
            raise self.library.ConnectTimeout("the connection did not come about in time", request=request) from None
        try:
            try:
                async with asyncio.timeout(limits.get("write")):
                    await network.travel()
            except TimeoutError:
                raise self.library.WriteTimeout("the request could not be sent in time", request=request) from None
            target = url.raw_path.partition(b"?")
            headers = [(name.lower(), value) for name, value in request.headers.raw]
            network.arrive(line, request.method, target[0].decode("latin-1"), target[2], headers, body)
            try:
                answered = await line.head(limits.get("read"))
            except TimedOut:
                raise self.library.ReadTimeout("no answer in time", request=request) from None
            if not answered:
                raise _broken(self.library, line, request)
        except BaseException:
            line.hang_up()
            raise
        body_stream = self.body(line, request, limits.get("read"), self._turns)
        return self.library.Response(line.status, headers=line.headers, stream=body_stream, request=request)


class _Body:
    """The body of an answer, as it comes; the connection is free again when it is read or closed."""

    library: Any

    def __init__(self, line: Line, request: Any, read_s: float | None, turns: asyncio.Semaphore) -> None:
        self._line = line
        self._request = request
        self._read_s = read_s
        self._turns = turns
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        line = self._line
        while True:
            try:
                piece = await line.next_piece(self._read_s)
            except TimedOut:
                raise self.library.ReadTimeout("the answer stopped in the middle", request=self._request) from None
            if piece:
                yield piece
            elif line.complete:
                return
            else:
                raise _broken(self.library, line, self._request)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            if not self._line.complete:
                self._line.hang_up()
            self._turns.release()


def _broken(library: Any, line: Line, request: Any) -> Exception:
    error: Exception
    if line.ended == "reset":
        error = library.ReadError("the connection was reset", request=request)
    else:
        said = "peer closed connection without sending complete message body" if line.status else "server disconnected"
        error = library.RemoteProtocolError(said, request=request)
    return error


def respond(network: Network) -> Any:
    """What a respx route takes as side effect: the estate answers."""
    by_life: dict[int, Any] = {}  # what the connections of one life hold, the next does not wait for

    async def answer(request: httpx.Request, **_groups: str) -> Any:
        life = LIFE.get()
        if not life and request.url.host != ESTATE:
            return None  # a test that calls somebody else: another route may know them
        if life not in by_life:
            by_life[life] = transport(network)
        return await by_life[life].handle_async_request(request)

    return answer
