"""The network of a run in one process: who answers at which address, and how long a message takes to get there."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from itertools import count
from random import Random
from typing import Any

from pilotplant.drive.front import Front
from pilotplant.drive.inprocess.line import Line
from pilotplant.drive.inprocess.loop import LIFE
from pilotplant.exchange.wire import WireRequest, WireResponse

ESTATE = "estate.pilotplant"
"""The name of the estate; targets find it in the addresses that they are told."""

JOURNEY_S = (0.0002, 0.002)
"""A message takes between these; which, decides who arrives first."""


class NoSuchHost(Exception):
    """Nobody answers at this address."""


class Network:
    """Carries requests of the middleware to the estate's front."""

    def __init__(
        self, front: Front, *, chance: Random, outside: Callable[[str], None], fail: Callable[[BaseException], None]
    ) -> None:
        self._front = front
        self._chance = chance
        self._outside = outside
        self._fail = fail
        self._numbers = count(1)
        self._lines: dict[Line, None] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def connect(self, host: str, port: int | None) -> Line:
        """A connection to a host."""
        if host != ESTATE:
            self._outside(f"calls {host}{f':{port}' if port else ''}, which is not part of the estate")
            raise NoSuchHost(f"nobody answers at {host}")
        return Line(next(self._numbers), LIFE.get())

    async def travel(self) -> None:
        """Let a message be on its way."""
        await asyncio.sleep(self._chance.uniform(*JOURNEY_S))

    def arrive(
        self,
        line: Line,
        method: str,
        path: str,
        query: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        """The last byte of a request has arrived: from here on it is the estate's, whatever becomes of the caller."""
        self._lines[line] = None
        door = self._front.door(path)
        if door is None:
            work = line.answer(WireResponse(404, ((b"content-type", b"text/plain"),), b"there is nothing here"))
            self._begin(line, work)
            return
        request = WireRequest(method, door.path, query, dict(headers), body, line.number, line.life)
        self._begin(line, self._front.serve(door.boundary, request, line))

    def _begin(self, line: Line, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._serving.add(task)

        def ended(task: asyncio.Task[Any]) -> None:
            self._serving.discard(task)
            self._lines.pop(line, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._fail(error)
                line.drop()

        task.add_done_callback(ended)

    def cut(self, life: int) -> None:
        """All lines of a life that ended go dead."""
        for line in self._lines:
            if line.life == life:
                line.hang_up()

    async def close(self) -> None:
        """End the exchanges that are still open."""
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
