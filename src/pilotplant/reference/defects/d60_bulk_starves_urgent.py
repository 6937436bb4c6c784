"""Serves all calls of a system from a small pool in the order of arrival: a backlog of postings fills it first."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pilotplant.reference.clock import Clock
from pilotplant.reference.lanes import Key, Lane
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.parts import Parts

NUMBER = 60
NAME = "bulk feed starves urgent changes"
CHECK = "thresholds"
SCENARIO = "priority-lanes"

POOL = 2
MANY = 200


class SmallPool(Limiter):
    """As many connections as the client library opens unless it is told otherwise."""

    def __init__(self, clock: Clock, *, at_once: int) -> None:
        super().__init__(clock, at_once=min(POOL, at_once))


class NothingReserved(Lane):
    """Lets every piece of work queue for the pool by itself, the urgent behind the others."""

    def __init__(
        self, name: str, work: Callable[[Key], Awaitable[None]], clock: Clock, *, workers: int, each: int = 0
    ) -> None:
        super().__init__(name, work, clock, workers=max(MANY, workers))

    def add(self, key: Key, *, urgency: int = 0) -> None:
        super().add(key, urgency=0)


PARTS = replace(Parts(), limiter=SmallPool, lane=NothingReserved)
