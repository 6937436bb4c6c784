"""Books confirmations one after the other, to be on the safe side: one that has to be repeated holds up all others."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pilotplant.reference.clock import Clock
from pilotplant.reference.lanes import Key, Lane
from pilotplant.reference.parts import Parts

NUMBER = 52
NAME = "head-of-line blocking"
CHECK = "thresholds"
SCENARIO = "plant-offline"


class SingleFile(Lane):
    """One worker for all confirmations."""

    def __init__(
        self, name: str, work: Callable[[Key], Awaitable[None]], clock: Clock, *, workers: int, each: int = 0
    ) -> None:
        super().__init__(name, work, clock, workers=1 if name == "production-confirmation" else workers)


PARTS = replace(Parts(), lane=SingleFile)
