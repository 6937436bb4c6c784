"""The HTTP server's wire: what ASGI cannot say (reset, drop, raw bytes, the time of the last byte).

The only file that touches internals of uvicorn and httptools; `tests/repo/test_private_apis.py` pins each of them.

    Server          listens inside the running loop, without uvicorn's signal handlers and ticks
    WireProtocol    uvicorn's httptools protocol, with a `Line` in the scope of every request
    Line            one request's hold on its connection
    head            a response head as uvicorn would write it

Three things are mended on the way: a connection that is lost is told to the request that runs (uvicorn tells the last
one parsed), a declined `Upgrade` keeps the request's body (Java's HttpClient offers h2c with every first request), and
a request head has a limit.
"""

import asyncio
import ssl
from collections.abc import Iterable
from http import HTTPStatus
from itertools import count
from math import inf
from types import TracebackType
from typing import Any, Self, cast
from weakref import ref

import httptools
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pilotplant.channels.reset import reset_when_sent

LINE = "pilotplant.line"

_HEAD_MAX = 64 * 1024
_LINGER_S = 1.0
_SETTLE_S = 1.0
_POLL_S = 0.005
_numbers = count(1)


def head(status: int, headers: Iterable[tuple[bytes, bytes]], length: int | None = None) -> bytes:
    """The head of a response, byte for byte as the server writes it; `length` adds the content-length."""
    lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % (name.lower(), value) for name, value in headers)]
    if length is not None:
        lines.append(b"content-length: %d\r\n" % length)
    lines.append(b"\r\n")
    return b"".join(lines)


class Line:
    """What a request may do to its connection; `scope["pilotplant.line"]`. Of use while the request is handled."""

    __slots__ = ("_cycle", "connection", "last_byte_s")

    def __init__(self, connection: int, cycle: RequestResponseCycle) -> None:
        self._cycle = ref(cycle)  # cycle, scope and line would be a ring of garbage per request
        self.connection = connection
        """Number of the connection, unique in this process."""
        self.last_byte_s = inf
        """The loop's time when the last byte of this request arrived; infinite until then."""

    @property
    def gone(self) -> bool:
        """Whether nobody is there to take the answer: the caller left, or the line was reset or dropped."""
        cycle = self._cycle()
        return cycle is None or cycle.disconnected or (not cycle.response_complete and cycle.transport.is_closing())

    async def answer(self, raw: bytes) -> None:
        """Send a whole answer at once, and end it as uvicorn would: ASGI's two messages are two system calls."""
        cycle = self._cycle()
        if cycle is not None and cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle is None or self.gone:
            return
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(raw)
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    @property
    def kept(self) -> bool:
        """Whether the connection stays after this answer."""
        cycle = self._cycle()
        return cycle is not None and cycle.keep_alive

    def write(self, raw: bytes) -> None:
        """Send `raw` exactly as it is and keep the connection; the answer must then end with `reset` or `drop`."""
        cycle = self._cycle()
        if cycle is not None and not self.gone:
            cycle.response_started = True  # should the handler fail now, the connection ends, and no 500 is written
            cycle.transport.write(raw)

    def reset(self, raw: bytes = b"") -> None:
        """Send `raw` exactly as it is, then reset the connection (TCP RST)."""
        cycle = self._cut_off(raw)
        if cycle is not None:
            reset_when_sent(cycle.transport, asyncio.get_running_loop())

    def drop(self, raw: bytes = b"") -> None:
        """Send `raw` exactly as it is, then close the connection in good order, the answer unfinished."""
        cycle = self._cut_off(raw)
        if cycle is not None:
            if cycle.more_body:
                cast(WireProtocol, cycle.transport.get_protocol()).linger()
            else:
                cycle.transport.close()

    def _cut_off(self, raw: bytes) -> RequestResponseCycle | None:
        """Silence ASGI's `send`, so that no 500 can follow; returns the cycle if its connection still stood."""
        cycle = self._cycle()
        if cycle is None:
            return None
        standing = not cycle.disconnected and not cycle.transport.is_closing()
        cycle.disconnected = True
        cycle.message_event.set()
        if not standing:
            return None
        if raw:
            cycle.transport.write(raw)
        return cycle


class WireProtocol(HttpToolsProtocol):
    """One connection."""

    parser: httptools.HttpRequestParser

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.connection = next(_numbers)
        self._line: Line | None = None
        self._running: RequestResponseCycle | None = None
        self._head_of: object = None
        self._head_size = 0

    def data_received(self, data: bytes) -> None:
        """Parse; refuse what is not HTTP or has no end."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(400)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        else:
            scope: Any = self.scope
            if scope is not None and "method" not in scope:
                self._grow_head(scope, len(data))

    def on_headers_complete(self) -> None:
        """Lay the line before the request's task first runs, which is after this chunk of bytes."""
        super().on_headers_complete()
        cycle = self.cycle
        if cycle is not None and cycle.scope is self.scope:
            scope: Any = cycle.scope
            self._line = scope[LINE] = Line(self.connection, cycle)

    def on_message_complete(self) -> None:
        """Stamp the last byte, unless this is the end that the parser sees before a declined upgrade."""
        super().on_message_complete()
        line = self._line
        if line is not None and line.last_byte_s == inf:
            line.last_byte_s = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that runs, also when others are queued behind it."""
        self._release_running()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn keeps the timer, and with it the connection, after an error

    def abort(self) -> None:
        """End the connection now."""
        self._release_running()
        self.transport.abort()

    def linger(self) -> None:
        """Close for writing, and swallow what still comes: closing with unread bytes would reset the connection."""
        transport = self.transport
        self.flow.resume_reading()
        transport.set_protocol(_Deaf(self))
        if transport.can_write_eof():
            transport.write_eof()
        self.loop.call_later(_LINGER_S, transport.close)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        return True  # makes uvicorn leave the message alone; it is parsed again without the offer

    def _decline_upgrade(self, rest: bytes) -> None:
        """Begin again without the offer: the parser takes all after the head for another protocol, body included."""
        method: bytes = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(405)
            return
        lines = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.data_received(b"".join([*lines, b"\r\n", rest]))

    def _grow_head(self, scope: object, size: int) -> None:
        """Count what came of an unfinished head since its first chunk, which may hold an earlier request as well."""
        if self._head_of is not scope:
            self._head_of, self._head_size = scope, 0
        else:
            self._head_size += size
            if self._head_size > _HEAD_MAX:
                self._refuse(431)

    def _refuse(self, status: int) -> None:
        """Answer bytes that are no request, but never in place of the answer to a request before them."""
        running, line = self._running, self._line
        if running is not None and not running.response_complete and not running.more_body:
            self.pipeline.clear()
            running.keep_alive = False
            self.flow.pause_reading()
            return
        if running is not None and running.response_complete and line is not None and line.last_byte_s == inf:
            self.linger()  # the rest of a request that was answered before it ended: it had its answer
            return
        self._release_running()
        text = HTTPStatus(status).phrase.encode()
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        self.transport.write(head(status, headers, len(text)) + text)
        self.linger()

    def _release_running(self) -> None:
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()


class _Deaf(asyncio.Protocol):
    """Takes over a connection that has nothing more to say until the peer closes it."""

    def __init__(self, wire: WireProtocol) -> None:
        self._wire = wire

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.connection_lost(exc)


class Server:
    """Serves an ASGI application from the running event loop: `async with Server(app, "127.0.0.1", 0) as server:`."""

    def __init__(
        self, app: ASGIApp, host: str, port: int, *, grace_s: float = 2.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._config = Config(
            app,
            interface="asgi3",
            http=WireProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
        )
        self._state = ServerState()
        self._host = host
        self._port = port
        self._grace_s = grace_s
        self._tls = tls
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    async def __aenter__(self) -> Self:
        """Listen; an `OSError` of the socket reaches the caller."""
        if not self._config.loaded:
            self._config.load()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: WireProtocol(self._config, self._state, {}, loop),
            self._host,
            self._port,
            backlog=2048,
            ssl=self._tls,
        )
        self._port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let running requests finish for `grace_s`, then end whatever is left."""
        assert self._listener is not None, "the server was never started"
        self._listener.close()
        try:
            for wire in self._wires():
                wire.shutdown()
            await self._until_quiet(self._grace_s)
        finally:
            for wire in self._wires():
                wire.abort()
            for task in list(self._state.tasks):
                task.cancel()
            await self._until_quiet(_SETTLE_S)

    def _wires(self) -> list[WireProtocol]:
        return cast(list[WireProtocol], list(self._state.connections))

    async def _until_quiet(self, limit_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while (self._state.connections or self._state.tasks) and loop.time() < deadline:
            await asyncio.sleep(_POLL_S)
