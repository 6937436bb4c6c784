"""Tries again whatever has failed whenever a scheduler wakes, every two seconds: all of it at the same moment."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.clock import Clock
from pilotplant.reference.lanes import Key, Lane
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy

NUMBER = 38
NAME = "herd after healing"
CHECK = "manners"
SCENARIO = "erp-outage"

EVERY_S = 2.0
MANY = 200


class Scheduler(RetryPolicy):
    """One beat for all."""

    def delay_s(self, attempts: int, failed: CallFailed) -> float:
        earliest = self._clock.monotonic() + failed.retry_after_s
        return failed.retry_after_s + EVERY_S - earliest % EVERY_S


class NobodyWaits(Lane):
    """What waits for the scheduler keeps nobody else from trying, and from waiting too."""

    def __init__(
        self, name: str, work: Callable[[Key], Awaitable[None]], clock: Clock, *, workers: int, each: int = 0
    ) -> None:
        super().__init__(name, work, clock, workers=max(MANY, workers))


PARTS = replace(Parts(), retry=Scheduler, lane=NobodyWaits)
