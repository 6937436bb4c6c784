"""A system is down: everything that is asked of it, tokens included, is refused with 503 or meets a closed door."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.faults.statuses import BEFORE
from pilotplant.model.script import Commit, Drop, Refuse, Script, before, carries_out
from pilotplant.systems import catalog


class Outage(Fault):
    """`{fault: outage, match: {system: erp}, window: {from_s: 1, to_s: 3}, answer: unavailable, retry_after_s: 1}`"""

    KIND: ClassVar[str] = "outage"
    DRAWN: ClassVar[Settings | None] = {"answer": ("unavailable", "dropped"), "retry_after_s": (None, 0.5)}

    answer: Literal["unavailable", "dropped"] = "unavailable"
    """A 503, or connections that end without an answer."""
    retry_after_s: Annotated[float, Field(gt=0, le=600)] | None = None
    """What the 503 says of when to come again."""

    def concerns(self, occasion: Occasion) -> bool:
        if occasion.operation == catalog.TOKEN:
            return not self.match.operation and self.match.within(occasion.system) and self._armed(occasion)
        return super().concerns(occasion)

    def bend(self, script: Script, occasion: Occasion) -> Script:
        if not carries_out(script):
            return script
        if self.answer == "dropped":
            return (Drop(self.KIND),)
        return before(script, Commit, Refuse(self.KIND, BEFORE[503], retry_after_s=self.retry_after_s or 0.0))
