"""An httpx transport into the estate. It honours all four time-outs and tells apart what a socket tells apart.

    client = httpx.AsyncClient(transport=Transport(network))

Or `network.respond` as the side effect of a respx route.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from pilotplant.drive.inprocess.line import Line, TimedOut
from pilotplant.drive.inprocess.network import Network, NoSuchHost


class Transport(httpx.AsyncBaseTransport):
    """Carries requests to the estate; as many at once as `connections_max`, the others wait as in a pool."""

    def __init__(self, network: Network, *, connections_max: int = 100) -> None:
        self._network = network
        self._turns = asyncio.Semaphore(connections_max)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(limits.get("pool")):
                await self._turns.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection was free in time", request=request) from None
        try:
            return await self._exchange(request, limits)
        except BaseException:
            self._turns.release()
            raise

    async def _exchange(self, request: httpx.Request, limits: dict[str, float | None]) -> httpx.Response:
        body = await request.aread()
        network, url = self._network, request.url
        try:
            async with asyncio.timeout(limits.get("connect")):
                line = await network.connect(url.host, url.port)
        except NoSuchHost as error:
            raise httpx.ConnectError(str(error), request=request) from None
        except TimeoutError:
            raise httpx.ConnectTimeout("the connection did not come about in time", request=request) from None
        try:
            try:
                async with asyncio.timeout(limits.get("write")):
                    await network.travel()
            except TimeoutError:
                raise httpx.WriteTimeout("the request could not be sent in time", request=request) from None
            target = url.raw_path.partition(b"?")
            headers = [(name.lower(), value) for name, value in request.headers.raw]
            network.arrive(line, request.method, target[0].decode("latin-1"), target[2], headers, body)
            try:
                answered = await line.head(limits.get("read"))
            except TimedOut:
                raise httpx.ReadTimeout("no answer in time", request=request) from None
            if not answered:
                raise _broken(line, request)
        except BaseException:
            line.hang_up()
            raise
        body_stream = _Body(line, request, limits.get("read"), self._turns)
        return httpx.Response(line.status, headers=line.headers, stream=body_stream, request=request)


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it comes; the connection is free again when it is read or closed."""

    def __init__(self, line: Line, request: httpx.Request, read_s: float | None, turns: asyncio.Semaphore) -> None:
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
                raise httpx.ReadTimeout("the answer stopped in the middle", request=self._request) from None
            if piece:
                yield piece
            elif line.complete:
                return
            else:
                raise _broken(line, self._request)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            if not self._line.complete:
                self._line.hang_up()
            self._turns.release()


def _broken(line: Line, request: httpx.Request) -> httpx.TransportError:
    if line.ended == "reset":
        return httpx.ReadError("the connection was reset", request=request)
    said = "peer closed connection without sending complete message body" if line.status else "server disconnected"
    return httpx.RemoteProtocolError(said, request=request)


def respond(network: Network) -> Any:
    """What a respx route takes as side effect: the estate answers."""
    transport = Transport(network)

    async def answer(request: httpx.Request, **_groups: str) -> httpx.Response:
        return await transport.handle_async_request(request)

    return answer
