"""How much of a system the middleware takes at once, and how it holds back when told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pilotplant.reference.clock import Clock

SUCCESSES_TO_WIDEN = 20
ONE_BURST_S = 0.25
"""What is refused within so long was under way together."""


class Limiter:
    """At most so many calls at once; after "too many requests" half of that, and all calls pause as long as asked.

    Without a common pause, each call would find out by itself that the system wants to be left alone.
    """

    def __init__(self, clock: Clock, *, at_once: int) -> None:
        self._clock = clock
        self._turns = asyncio.Semaphore(at_once)
        self._allowed = at_once
        self._owed = 0
        self._withdrawn = 0
        self._successes = 0
        self._resume_at = 0.0
        self._narrow_from = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the length of a call."""
        await self._take()
        try:
            yield
        finally:
            self._give_back()

    async def _take(self) -> None:
        while True:
            await self._turns.acquire()
            try:
                while (pause_s := self._resume_at - self._clock.monotonic()) > 0:
                    await self._clock.sleep(pause_s)
            except BaseException:
                self._give_back()
                raise
            if not self._owed:
                return
            self._give_back()  # fewer are allowed than when this turn was taken

    def _give_back(self) -> None:
        if self._owed:
            self._owed -= 1
            self._withdrawn += 1
        else:
            self._turns.release()

    def hold_back(self, pause_s: float, *, narrow: bool) -> None:
        """The system asked for patience; `narrow` if because of too many requests."""
        now = self._clock.monotonic()
        # Answers to calls of the same burst narrow only once, also where none of them says how long to wait.
        if narrow and now >= max(self._resume_at, self._narrow_from):
            self._narrow_from = now + ONE_BURST_S
            fewer = max(1, self._allowed // 2)
            self._owed += self._allowed - fewer
            self._allowed = fewer
        self._resume_at = max(self._resume_at, now + pause_s)
        self._successes = 0

    def went_well(self) -> None:
        """A call was answered; after a row of them one turn that was withdrawn comes back."""
        self._successes += 1
        if self._successes < SUCCESSES_TO_WIDEN or not (self._owed or self._withdrawn):
            return
        self._successes = 0
        self._allowed += 1
        if self._owed:
            self._owed -= 1
        else:
            self._withdrawn -= 1
            self._turns.release()
