"""Tries again at once, without backing off: in test the second attempt always worked."""

from dataclasses import replace

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy

NUMBER = 36
NAME = "retry storm"
CHECK = "manners"
SCENARIO = "erp-outage"

PAUSE_S = 0.01


class NoBackoff(RetryPolicy):
    """Waits for what it is told to wait, and otherwise not."""

    def delay_s(self, attempts: int, failed: CallFailed) -> float:
        return max(PAUSE_S, failed.retry_after_s)


PARTS = replace(Parts(), retry=NoBackoff)
