"""The middleware stands still for a while and then goes on, as on a host that has no time for it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Commit, Respond, Script, Suspend, before, carries_out


class Suspended(Fault):
    """`{fault: suspended, match: {operation: erp.stock.post}, for_s: 6, nth: 4}`"""

    KIND: ClassVar[str] = "suspended"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "both"
    DRAWN: ClassVar[Settings | None] = {"for_s": (0.5, 6.0), "max_count": (1, 2)}
    ON_TARGET: ClassVar[bool] = True

    for_s: Annotated[float, Field(gt=0, le=600)]
    """How long."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Commit if carries_out(script) else Respond, Suspend(self.KIND, self.for_s))
