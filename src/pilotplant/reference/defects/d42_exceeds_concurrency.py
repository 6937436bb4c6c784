"""Makes as many calls at once as there is work: asynchronous code made it easy, and the limit is in an appendix."""

from dataclasses import replace

from pilotplant.reference.clock import Clock
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.parts import Parts

NUMBER = 42
NAME = "exceeds declared concurrency"
CHECK = "manners"
SCENARIO = "eco-cascade"

UNLIMITED = 10_000


class Unlimited(Limiter):
    """Always has a turn to give."""

    def __init__(self, clock: Clock, *, at_once: int) -> None:
        super().__init__(clock, at_once=UNLIMITED)


PARTS = replace(Parts(), limiter=Unlimited)
