"""Tries everything five times, refusals too: the retry decorator catches the base class of all errors."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from pilotplant.reference.calls import Refusal
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy

NUMBER = 35
NAME = "retries permanent refusals"
CHECK = "manners"
SCENARIO = "erp-rejects"

ATTEMPTS = 5
T = TypeVar("T")


class RetriesRefusals(RetryPolicy):
    """Hopes for another answer."""

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for number in range(1, ATTEMPTS):
            try:
                return await super().persist(attempt)
            except Refusal as refusal:
                await self._clock.sleep(self.delay_s(number, refusal))
        return await super().persist(attempt)


PARTS = replace(Parts(), retry=RetriesRefusals)
