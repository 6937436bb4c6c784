"""An event is delivered several times, as every sender does now and then."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Copy, Respond, Script, after


class Duplicate(Fault):
    """`{fault: duplicate, match: {operation: mes.order.completed}, copies: 2, gap_s: 0.1, probability: 0.5}`"""

    KIND: ClassVar[str] = "duplicate"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"copies": (1, 2), "gap_s": (0.0, 0.2, 1.0)}

    copies: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many times more it is delivered."""
    gap_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    """How long after the one before; 0: all at the very moment of the first, side by side."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return after(script, Respond, Copy(self.KIND, times=self.copies, gap_s=self.gap_s, abreast=not self.gap_s))
