"""Events arrive in another order than they were stated in: each is kept back for a time of its own."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Delay, Respond, Script, before


class Reordered(Fault):
    """`{fault: reordered, match: {system: plm}, within_s: 0.8}`"""

    KIND: ClassVar[str] = "reordered"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"within_s": (0.3, 1.0, 3.0)}

    within_s: Annotated[float, Field(gt=0, le=600)]
    """How long an event is kept back at most."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Respond, Delay(self.KIND, self.within_s * occasion.u))
