"""Trying again: how long to wait, and when to stop."""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pilotplant.reference.calls import CallFailed, GaveUp, NotNow, Unsure
from pilotplant.reference.clock import Clock

T = TypeVar("T")

FIRST_DELAY_S = 0.1
EARLY_CAP_S = 1.0
LATE_CAP_S = 2.0
EARLY_ATTEMPTS = 10


class RetryPolicy:
    """Exponential backoff with jitter, never sooner than the system asks for, within a budget of time."""

    def __init__(self, clock: Clock, chance: random.Random, *, budget_s: float) -> None:
        self._clock = clock
        self._chance = chance
        self._budget_s = budget_s

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat `attempt` until it succeeds or is refused, or the budget is spent.

        What must be asked before an unsure call is repeated is the business of `attempt`.
        """
        started, attempts = self._clock.monotonic(), 0
        while True:
            attempts += 1
            try:
                return await attempt()
            except (NotNow, Unsure) as failed:
                if self._clock.monotonic() - started >= self._budget_s:
                    raise GaveUp(failed.code, f"gave up after {attempts} attempts: {failed}") from failed
                await self._clock.sleep(self.delay_s(attempts, failed))

    def delay_s(self, attempts: int, failed: CallFailed) -> float:
        """How long to wait after this many attempts."""
        cap_s = EARLY_CAP_S if attempts <= EARLY_ATTEMPTS else LATE_CAP_S
        backoff_s = min(cap_s, FIRST_DELAY_S * 2.0 ** min(attempts - 1, 10))
        # Half of it is drawn, so that those who failed together do not come back together.
        jittered_s = backoff_s * (0.5 + 0.5 * self._chance.random())
        return max(jittered_s, failed.retry_after_s + 0.2 * jittered_s) if failed.retry_after_s else jittered_s
