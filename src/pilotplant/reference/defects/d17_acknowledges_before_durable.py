"""Acknowledges events at once and writes them four times a second: a commit for each was too slow in the load test."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pilotplant.reference.inbox import Apply, Inbox, Unreadable
from pilotplant.reference.parts import Parts
from pilotplant.reference.store import Store

NUMBER = 17
NAME = "acknowledges before durable"
CHECK = "recovery"
SCENARIO = "middleware-crash"
LIVE = True

EVERY_S = 0.25


class WritesLater(Inbox):
    """Collects events in memory."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._collected: list[Callable[[], bool]] = []
        self._writing: asyncio.Task[None] | None = None

    async def take(
        self,
        body: bytes,
        *,
        received_at: float,
        apply: dict[str, Apply],
        ignored: frozenset[str],
        set_aside: Callable[[Unreadable], None],
    ) -> bool:
        event = partial(self.accept, body, received_at=received_at, apply=apply, ignored=ignored, set_aside=set_aside)
        self._collected.append(event)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return True

    async def _write(self) -> None:
        await asyncio.sleep(EVERY_S)
        collected, self._collected, self._writing = self._collected, [], None
        for event in collected:
            try:
                event()
            except sqlite3.ProgrammingError:  # the database was closed meanwhile: the middleware is going down
                return


PARTS = replace(Parts(), inbox=WritesLater)
