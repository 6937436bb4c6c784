"""Tries again whatever has failed whenever a scheduler wakes, every two seconds: all of it at the same moment."""

from dataclasses import replace

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy

NUMBER = 38
NAME = "herd after healing"
CHECK = "manners"
SCENARIO = "erp-outage"

EVERY_S = 2.0


class Scheduler(RetryPolicy):
    """One beat for all."""

    def delay_s(self, attempts: int, failed: CallFailed) -> float:
        earliest = self._clock.monotonic() + failed.retry_after_s
        return failed.retry_after_s + EVERY_S - earliest % EVERY_S


PARTS = replace(Parts(), retry=Scheduler)
