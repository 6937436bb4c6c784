"""Delivers events to a middleware in this process; the same promises as the poster on sockets."""

import asyncio
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from pilotplant.channels.poster import Answer, Headers, NoAnswer
from pilotplant.drive.inprocess.life import Dead, Middleware
from pilotplant.drive.inprocess.network import ESTATE, Network


class InProcessPoster:
    """Posts to the middleware; what is addressed to the estate itself (the null target) is accepted and forgotten."""

    def __init__(self, network: Network, listening: Callable[[str], Middleware | None]) -> None:
        self._network = network
        self._listening = listening

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
        parts = urlsplit(url)
        middleware = self._listening(parts.netloc)
        to_estate = parts.hostname == ESTATE
        if not to_estate and (middleware is None or not middleware.alive):
            raise NoAnswer("refused", "nobody listens there")
        if before_first_byte is not None and cut_at != 0:
            before_first_byte()
        await self._network.travel()
        if cut_at is not None:
            raise NoAnswer("cut")
        if to_estate or middleware is None:
            return Answer(202, (), b"")
        sent = [(b"host", parts.netloc.encode()), (b"content-length", b"%d" % len(body)), *headers]
        try:
            async with asyncio.timeout(timeout_s):
                status, content = await middleware.handle(unquote(parts.path) or "/", parts.query, sent, body)
        except TimeoutError:
            raise NoAnswer("timeout") from None
        except Dead:
            raise NoAnswer("reset", "the target died") from None
        return Answer(status, (), content)

    async def close(self) -> None:
        """Nothing is held open."""
