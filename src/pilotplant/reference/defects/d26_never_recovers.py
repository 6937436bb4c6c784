"""A circuit breaker that opens after ten failures in a row and waits for somebody to close it."""

from dataclasses import replace
from typing import TypeVar

from pilotplant.reference.calls import Call, NotNow, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts

NUMBER = 26
NAME = "never recovers from an outage"
CHECK = "recovery"
SCENARIO = "erp-outage"

FAILURES_MAX = 10
T = TypeVar("T")


class Breaker(SystemClient):
    """Protects a system that seems to be down."""

    _failures = 0

    async def send(self, call: Call, returns: type[T]) -> T:
        if self._failures >= FAILURES_MAX:
            raise NotNow("circuit-open", f"{self.url} has failed {self._failures} times in a row")
        try:
            answer = await super().send(call, returns)
        except (NotNow, Unsure):
            self._failures += 1
            raise
        self._failures = 0
        return answer


PARTS = replace(Parts(), client=Breaker)
