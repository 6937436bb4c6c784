"""Serves changes in the order of their arrival: the priority is for people to look at, the queue is a queue."""

from dataclasses import replace

from pilotplant.reference.lanes import Key, Lane
from pilotplant.reference.parts import Parts

NUMBER = 60
NAME = "bulk feed starves urgent changes"
CHECK = "thresholds"
SCENARIO = "priority-lanes"


class FirstComeFirstServed(Lane):
    """Knows no urgency."""

    def add(self, key: Key, *, urgency: int = 0) -> None:
        super().add(key, urgency=0)


PARTS = replace(Parts(), lane=FirstComeFirstServed)
