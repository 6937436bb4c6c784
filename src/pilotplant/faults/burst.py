"""Events are collected and let go all at once, as after a pause of the sender."""

from math import floor
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Hold, Respond, Script, before


class Burst(Fault):
    """`{fault: burst, match: {operation: mes.order.completed}, every_s: 1.5}`"""

    KIND: ClassVar[str] = "burst"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"every_s": (0.5, 1.5)}

    every_s: Annotated[float, Field(gt=0, le=600)]
    """How often the events that came together are let go."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        until_s = (floor(occasion.now / self.every_s) + 1) * self.every_s
        return before(script, Respond, Hold(self.KIND, until_s))
