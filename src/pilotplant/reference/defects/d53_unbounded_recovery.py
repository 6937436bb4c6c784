"""Doubles the pause after every failure and knows no longest one: after an outage it sleeps about as long again."""

from dataclasses import replace

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import FIRST_DELAY_S, RetryPolicy

NUMBER = 53
NAME = "unbounded recovery"
CHECK = "recovery"
SCENARIO = "long-outage"


class NoCap(RetryPolicy):
    """Exponential, as the textbook says, to the end."""

    def delay_s(self, attempts: int, failed: CallFailed) -> float:
        backoff_s = FIRST_DELAY_S * 2.0 ** (attempts - 1)
        return max(backoff_s * (0.5 + 0.5 * self._chance.random()), failed.retry_after_s)


PARTS = replace(Parts(), retry=NoCap)
