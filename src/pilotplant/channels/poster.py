"""The HTTP/1.1 client that delivers webhooks: asyncio and httptools, nothing between them and the socket.

It does what a delivery that is judged needs and other clients hide: it says when the first byte leaves, it never sends
a request twice, it names how an answer failed to come, and it can break off at an exact byte. At most
`connections_max` connections stand to one origin; further posts wait in the order in which they came.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol, cast
from urllib.parse import urlsplit

import httptools

from pilotplant.channels.reset import reset_when_sent

Reason = Literal["refused", "timeout", "reset", "closed", "protocol", "cut"]
Headers = Sequence[tuple[bytes, bytes]]

_BODY_KEPT_MAX = 64 * 1024


class NoAnswer(Exception):
    """No complete response came.

    refused   no connection could be made        reset     the peer reset the connection
    timeout   not in time                        closed    the peer (or `close`) ended the connection too early
    protocol  what came is not HTTP or not TLS   cut       broken off by us, as asked with `cut_at`
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; of its body at most the first 64 KiB are kept."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Posts(Protocol):
    """Whatever carries a request to the target and its answer back."""

    async def post(
        self,
        url: str,
        headers: Headers,
        body: bytes,
        *,
        timeout_s: float,
        before_first_byte: Callable[[], None] | None = None,
        cut_at: int | None = None,
    ) -> Answer:
        """Send one request, once, and return its answer; raises `NoAnswer`."""
        ...

    async def close(self) -> None:
        """End what is under way with `NoAnswer("closed")`."""
        ...


@dataclass(frozen=True, slots=True)
class _Address:
    secure: bool
    host: str
    port: int
    start: bytes
    host_line: bytes


@lru_cache(maxsize=4096)
def _address(url: str) -> _Address:
    """Take a URL apart, once."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"url={url!r} holds spaces, control or non-ASCII characters; percent-encode them")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"url={url!r} has the scheme {parts.scheme!r}; it must be http or https")
    if not parts.hostname:
        raise ValueError(f"url={url!r} names no host")
    if "@" in parts.netloc:
        raise ValueError(f"The url to {parts.hostname} holds credentials; send them in a header instead")
    try:
        given = parts.port
    except ValueError as error:
        raise ValueError(f"url={url!r} has no usable port: {error}") from None
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return _Address(
        secure=secure,
        host=parts.hostname,
        port=given if given is not None else (443 if secure else 80),
        start=f"POST {target} HTTP/1.1\r\n".encode(),
        host_line=f"host: {name}{'' if given is None else f':{given}'}\r\n".encode(),
    )


def _render(address: _Address, headers: Headers, body: bytes) -> bytes:
    """The bytes of a request. The caller may name the host, but not the length."""
    lines = [address.start, address.host_line]
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"host":
            lines[1] = b""
        elif lowered in (b"content-length", b"transfer-encoding"):
            raise ValueError(f"header={name!r}: the length of a request is not the caller's to state")
        lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"content-length: %d\r\n\r\n" % len(body))
    head = b"".join(lines)
    expected = len(lines) + 1 - (not lines[1])
    if head.count(b"\n") != expected or head.count(b"\r") != expected:
        raise ValueError(f"headers={headers!r} hold a line break")
    return head + body


class _Link(asyncio.Protocol):
    """One connection, with at most one request on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, links: set["_Link"]) -> None:
        self.idle_since_s = 0.0
        self._loop = loop
        self._links = links
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._cutting = False
        self._keep = True
        self._ended_by: Reason = "closed"
        self._begin()

    def _begin(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._room = _BODY_KEPT_MAX
        self._in_body = False
        self._ends_itself = False

    async def exchange(self, request: bytes, deadline: float, cut_at: int | None) -> Answer:
        """Send the request and wait for its answer."""
        transport = self._transport
        assert transport is not None and self._answer is None, "a link carries one request at a time"
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answer = answer
        timer = self._loop.call_at(deadline, self.fail, "timeout")
        try:
            if cut_at is None:
                transport.write(request)
            else:
                self._cutting = True
                transport.write(request[:cut_at])
                reset_when_sent(transport, self._loop)
            return await answer
        finally:
            timer.cancel()
            self._answer = None

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        transport = self._transport
        return (
            self._keep
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0  # else the answer overtook the rest of its request
        )

    def must_stand(self) -> None:
        """A peer may speak or leave before the request; then nothing is sent."""
        assert self._transport is not None, "a link is used only once it is connected"
        if not self._keep or self._transport.is_closing():
            raise NoAnswer(self._ended_by, "the connection ended before the request began")

    def fail(self, reason: Reason, detail: str = "") -> None:
        """End the connection; whoever waits for its answer gets the reason."""
        if self._keep:
            self._ended_by = reason
        self._keep = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(reason, detail))
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one only in behaviour
        self._links.add(self)

    def data_received(self, data: bytes) -> None:
        if self._cutting:
            return
        if self._answer is None:
            self.fail("protocol", "bytes came that nobody had asked for")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail("protocol", f"the response is not HTTP/1.1 ({error})")

    def connection_lost(self, exc: Exception | None) -> None:
        self._links.discard(self)
        if self._cutting:
            self.fail("cut")
        elif exc is None and self._in_body and not self._ends_itself:
            self._complete()
        elif exc is None:
            self.fail("closed", "the connection ended before the response did")
        else:
            self.fail("protocol" if isinstance(exc, ssl.SSLError) else "reset", str(exc))
        self._keep = False
        del self._parser  # parser and link hold each other

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self._keep = False  # a second response to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        lowered = name.lower()
        if lowered in (b"content-length", b"transfer-encoding"):
            self._ends_itself = True
        self._headers.append((lowered, value))

    def on_headers_complete(self) -> None:
        self._in_body = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        if self._room:
            kept = body[: self._room]
            self._room -= len(kept)
            self._body.append(kept)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._begin()  # 100 Continue or 103 Early Hints: the answer is still to come
            return
        self._keep = self._keep and self._parser.should_keep_alive()
        self._complete()

    def _complete(self) -> None:
        if self._answer is None or self._answer.done():
            return
        answer = Answer(self._parser.get_status_code(), tuple(self._headers), b"".join(self._body))
        self._answer.set_result(answer)
        self._begin()


class _Pool:
    """The connections to one origin, and the posts that wait for one."""

    def __init__(self, connections_max: int, idle_max_s: float) -> None:
        self._free = connections_max
        self._idle_max_s = idle_max_s
        self._idle: list[_Link] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a turn, first come first served."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # the turn came in the moment of the cancellation: pass it on
            raise

    def leave(self) -> None:
        """Give the turn to the next."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def take(self, now_s: float) -> _Link | None:
        """The connection used last, if the peer has not closed it and is not about to."""
        while self._idle:
            link = self._idle.pop()
            if link.usable and now_s - link.idle_since_s < self._idle_max_s:
                return link
            link.fail("closed")
        return None

    def put(self, link: _Link, now_s: float) -> None:
        """Keep a connection for the next request."""
        link.idle_since_s = now_s
        self._idle.append(link)

    def dismiss(self) -> None:
        """Turn away all that wait."""
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(NoAnswer("closed", "the poster was closed"))
        self._waiting.clear()


class Poster:
    """Posts bodies to URLs. Belongs to the event loop in which it is first used.

    A connection idle for `idle_max_s` is not used again: common servers close theirs after 2 to 5 s, and a request that
    crosses the closing would be an attempt lost for no fault of the target.
    """

    def __init__(
        self, *, connections_max: int = 64, tls: ssl.SSLContext | None = None, idle_max_s: float = 1.5
    ) -> None:
        if connections_max < 1:
            raise ValueError(f"connections_max={connections_max} must be at least 1")
        self._connections_max = connections_max
        self._idle_max_s = idle_max_s
        self._tls = tls
        self._pools: dict[tuple[bool, str, int], _Pool] = {}
        self._links: set[_Link] = set()
        self._connecting: set[asyncio.Timeout] = set()
        self._closed = False

    @property
    def connections_open(self) -> int:
        """How many connections stand, busy and idle."""
        return len(self._links)

    async def post(
        self,
        url: str,
        headers: Headers,
        body: bytes,
        *,
        timeout_s: float,
        before_first_byte: Callable[[], None] | None = None,
        cut_at: int | None = None,
    ) -> Answer:
        """Send one request, once, and return its answer; raises `NoAnswer`.

        `timeout_s` covers connecting, sending and reading, not the wait for a free connection. `before_first_byte` is
        called when the connection stands, right before the first byte. `cut_at` sends so many bytes of the request
        (head and body) and then resets the connection.
        """
        if cut_at is not None and cut_at < 0:
            raise ValueError(f"cut_at={cut_at} must not be negative")
        address = _address(url)
        request = _render(address, headers, body)
        key = (address.secure, address.host, address.port)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = _Pool(self._connections_max, self._idle_max_s)
        if self._closed:
            raise NoAnswer("closed", "the poster was closed")
        await pool.enter()
        try:
            return await self._post(pool, address, request, timeout_s, before_first_byte, cut_at)
        finally:
            pool.leave()

    async def _post(
        self,
        pool: _Pool,
        address: _Address,
        request: bytes,
        timeout_s: float,
        before_first_byte: Callable[[], None] | None,
        cut_at: int | None,
    ) -> Answer:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        link = pool.take(now_s) or await self._connect(loop, address, timeout_s)
        try:
            link.must_stand()
            if before_first_byte is not None and cut_at != 0:
                before_first_byte()
            answer = await link.exchange(request, now_s + timeout_s, cut_at)
        except BaseException:
            link.fail("closed")
            raise
        if link.usable and not self._closed:
            pool.put(link, loop.time())
        else:
            link.fail("closed")
        return answer

    async def _connect(self, loop: asyncio.AbstractEventLoop, address: _Address, timeout_s: float) -> _Link:
        if address.secure and self._tls is None:
            self._tls = ssl.create_default_context()
        limit = asyncio.timeout(timeout_s)
        self._connecting.add(limit)
        try:
            async with limit:
                _, link = await loop.create_connection(
                    lambda: _Link(loop, self._links),
                    address.host,
                    address.port,
                    ssl=self._tls if address.secure else None,
                )
        except TimeoutError:
            raise self._not_connected("timeout", f"no connection within {timeout_s} s") from None
        except ConnectionResetError as error:
            raise self._not_connected("reset", str(error)) from error
        except ssl.SSLError as error:
            raise self._not_connected("protocol", str(error)) from error
        except OSError as error:
            raise self._not_connected("refused", str(error)) from error
        finally:
            self._connecting.discard(limit)
        return link

    def _not_connected(self, reason: Reason, detail: str) -> NoAnswer:
        return NoAnswer("closed", "the poster was closed") if self._closed else NoAnswer(reason, detail)

    async def close(self) -> None:
        """End all connections; posts under way and waiting end with `NoAnswer("closed")`."""
        self._closed = True
        for pool in self._pools.values():
            pool.dismiss()
        for limit in self._connecting:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
        for link in list(self._links):
            link.fail("closed", "the poster was closed")
        while self._links or self._connecting:
            await asyncio.sleep(0)  # an aborted connection reports its loss within a few turns of the loop
