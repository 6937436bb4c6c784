"""A line to the estate within this process: what the caller of an exchange sees of it, with its time-outs."""

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Literal

from pilotplant.exchange.wire import WireResponse

End = Literal["", "closed", "reset"]


class TimedOut(Exception):
    """Nothing came for as long as the caller would wait."""


class Line:
    """Both ends of one connection while one exchange is on it. The estate's end is a `Caller`."""

    def __init__(self, number: int, life: int) -> None:
        self.number = number
        self.life = life
        """Which life of the middleware calls."""
        self.gone = False
        """The caller hung up."""
        self.status = 0
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        self.ended: End = ""
        """How the estate ended the line before its answer was complete."""
        self.complete = False
        self._pieces: deque[bytes] = deque()
        self._news: asyncio.Future[None] | None = None

    # The estate's end.

    async def answer(self, response: WireResponse) -> bool:
        await self.begin(response)
        await self.piece(response.body, more=False)
        return not self.gone

    async def begin(self, response: WireResponse) -> None:
        self.status = response.status
        self.headers = (*response.headers, (b"content-length", b"%d" % len(response.body)))
        self._tell()

    async def piece(self, body: bytes, *, more: bool) -> None:
        if body:
            self._pieces.append(body)
        self.complete = not more
        self._tell()

    def drop(self) -> None:
        self._end("closed")

    def reset(self, response: WireResponse, at_byte: int) -> None:
        of_body = at_byte - head_length(response)
        if of_body >= 0:
            self.status = response.status
            self.headers = (*response.headers, (b"content-length", b"%d" % len(response.body)))
            if of_body:
                self._pieces.append(response.body[:of_body])
        self._end("reset")

    def _end(self, how: End) -> None:
        self.ended = how
        self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # The caller's end.

    def hang_up(self) -> None:
        """The caller leaves: it gave up, was cancelled, or died."""
        self.gone = True

    async def head(self, patience_s: float | None) -> bool:
        """Wait for the head of the answer; false if the line ended before it."""
        while not self.status and not self.ended:
            await self._wait(patience_s)
        return bool(self.status)

    async def next_piece(self, patience_s: float | None) -> bytes:
        """Wait for more of the body; empty where there is no more."""
        while not self._pieces and not self.complete and not self.ended:
            await self._wait(patience_s)
        return self._pieces.popleft() if self._pieces else b""

    async def _wait(self, patience_s: float | None) -> None:
        self._news = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience_s):
                await self._news
        except TimeoutError:
            raise TimedOut from None


def head_length(response: WireResponse) -> int:
    """How many bytes the head of an answer has on a socket."""
    status = response.status
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    lines = len(f"HTTP/1.1 {status} {phrase}\r\n") + sum(len(n) + len(v) + 4 for n, v in response.headers)
    return lines + len(f"content-length: {len(response.body)}\r\n\r\n")
