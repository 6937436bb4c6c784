"""A system goes down and comes back, again and again: what works now does not work a moment later."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Occasion, Settings
from pilotplant.faults.outage import Outage


class Flapping(Outage):
    """`{fault: flapping, match: {system: erp}, up_s: 0.6, down_s: 0.4, answer: dropped}`"""

    KIND: ClassVar[str] = "flapping"
    DRAWN: ClassVar[Settings | None] = {"up_s": (0.5, 1.0), "down_s": (0.2, 0.5), "answer": ("unavailable", "dropped")}

    up_s: Annotated[float, Field(gt=0, le=600)]
    """How long it is up each time; it begins up."""
    down_s: Annotated[float, Field(gt=0, le=600)]
    """How long it is down each time."""

    def _armed(self, occasion: Occasion) -> bool:
        since_s = (occasion.now - self.window.from_s) % (self.up_s + self.down_s)
        return super()._armed(occasion) and since_s >= self.up_s
