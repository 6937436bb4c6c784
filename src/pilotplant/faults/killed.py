"""The middleware dies at a chosen moment and is started again, with the files that it kept or without them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Commit, Drop, Kill, Respond, Script, after, before, carries_out


class Killed(Fault):
    """`{fault: killed, match: {operation: erp.stock.post}, moment: after, nth: 3, restart_after_s: 0.5}`"""

    KIND: ClassVar[str] = "killed"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "both"
    DRAWN: ClassVar[Settings | None] = {
        "moment": ("before", "after"),
        "restart_after_s": (0.2, 1.0),
        "max_count": (1, 2),
    }
    ON_TARGET: ClassVar[bool] = True

    moment: Literal["before", "after"] = "after"
    """Of a request: before it is carried out (then it is not), or after, before the answer. Of an event: before it is
    delivered, or as soon as it is acknowledged."""
    restart_after_s: Annotated[float, Field(gt=0, le=600)] = 0.5
    """How long it stays dead."""
    restart: Literal["warm", "cold"] = "warm"
    """`cold`: what it kept in `{work}` is gone as well, and every event that it had acknowledged is delivered again."""

    @property
    def empties(self) -> bool:
        return self.restart == "cold"

    def bend(self, script: Script, occasion: Occasion) -> Script:
        kill = Kill(self.KIND, self.restart_after_s, self.empties)
        if not carries_out(script):
            return (before if self.moment == "before" else after)(script, Respond, kill)
        return (kill, Drop()) if self.moment == "before" else after(script, Commit, kill)
