"""The ASGI application of the estate: what belongs to a system goes to the front, everything else elsewhere."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotplant.drive.front import Front
from pilotplant.drive.live.wire import LINE, Line, head
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.model.problem import BodyTooLarge


class Application:
    """Serves the systems below their prefixes; everything else goes to `elsewhere` (control, metrics, pages)."""

    def __init__(self, front: Front, *, elsewhere: ASGIApp, incarnation: Callable[[], int]) -> None:
        self._front = front
        self._elsewhere = elsewhere
        self._incarnation = incarnation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return
        door = self._front.door(scope["raw_path"].decode("latin-1"))
        if door is None:
            await self._elsewhere(scope, receive, _InOnePiece(scope, send))
            return
        boundary, path = door
        body = await _read(receive, boundary.profile.body_max_bytes)
        if body is None:
            return
        line: Line = scope[LINE]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request = WireRequest(
            scope["method"], path, scope["query_string"], headers, body, line.connection, self._incarnation()
        )
        await self._front.serve(boundary, request, _OnTheLine(line, send, scope["method"] == "HEAD"))


class _InOnePiece:
    """ASGI's `send`, such that an answer whose body comes at once leaves in one write; everything else as it comes."""

    __slots__ = ("_line", "_send", "_start", "_without_body")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._line: Line = scope[LINE]
        self._without_body = scope["method"] == "HEAD"
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        start, self._start = self._start, None
        if start is None and message["type"] == "http.response.start":
            self._start = message
            return
        if start is not None and message.get("more_body"):
            await self._send(start)
            start = None
        if start is None:
            await self._send(message)
            return
        body: bytes = message.get("body", b"")
        headers = [*start.get("headers", ())]
        if not self._line.kept:
            headers.append((b"connection", b"close"))
        known = any(name.lower() == b"content-length" for name, _value in headers)
        raw = head(start["status"], headers, None if known else len(body))
        await self._line.answer(raw if self._without_body else raw + body)


class _OnTheLine:
    """A caller at the other end of a socket."""

    __slots__ = ("_line", "_send", "_without_body")

    def __init__(self, line: Line, send: Send, without_body: bool) -> None:
        self._line = line
        self._send = send
        self._without_body = without_body

    @property
    def gone(self) -> bool:
        return self._line.gone

    async def answer(self, response: WireResponse) -> bool:
        line = self._line
        if response.status == BodyTooLarge.status:
            # The rest of the body is still coming: a plain close would answer it with a reset and lose ours.
            closing = (*response.headers, (b"connection", b"close"))
            there = not line.gone
            line.drop(head(response.status, closing, len(response.body)) + response.body)
            return there
        headers = response.headers if line.kept else (*response.headers, (b"connection", b"close"))
        raw = head(response.status, headers, len(response.body))
        await line.answer(raw if self._without_body else raw + response.body)
        return not line.gone

    async def begin(self, response: WireResponse) -> None:
        headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def piece(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def drop(self) -> None:
        self._line.drop()

    def reset(self, response: WireResponse, at_byte: int) -> None:
        raw = head(response.status, response.headers, len(response.body)) + response.body
        self._line.reset(raw[:at_byte])


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
