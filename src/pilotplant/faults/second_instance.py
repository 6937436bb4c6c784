"""For a while two instances of the middleware run at once, as when a new release is rolled out or one is scaled up."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Commit, Join, Respond, Script, before, carries_out


class SecondInstance(Fault):
    """`{fault: second-instance, match: {operation: erp.stock.post}, nth: 3, for_s: 2, leaves: first}`"""

    KIND: ClassVar[str] = "second-instance"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "both"
    ON_TARGET: ClassVar[bool] = True

    for_s: Annotated[float, Field(gt=0, le=600)] = 2.0
    """How long both run. They share `{work}`; each event goes to one of them, as behind a load balancer."""
    leaves: Literal["first", "second"] = "second"
    """Which of them is asked to end then: the second again, or the first, as when a new release takes over."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Commit if carries_out(script) else Respond, Join(self.KIND, self.for_s, self.leaves))
