"""Accept with 202, and reject later: accepted is not done."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Commit, Doom, Script, before
from pilotplant.systems import catalog

_ACCEPTED = 202


class RejectedLate(Fault):
    """`{fault: rejected-late, match: {operation: erp.version.activate}, probability: 0.3}`"""

    KIND: ClassVar[str] = "rejected-late"
    DRAWN: ClassVar[Settings | None] = {"reason": ("the cost estimate is missing",)}

    reason: Annotated[str, Field(min_length=1)] = "the cost estimate is missing"
    """What the rejection says."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Commit, Doom(self.KIND, self.reason)) if _asynchronous(occasion.operation) else script

    def objection(self) -> str:
        if not self.match.operation or _asynchronous(self.match.operation):
            return ""
        known = ", ".join(name for name in catalog.operations() if _asynchronous(name))
        return f"`{self.match.operation}` is done at once; only what is accepted with 202 can be rejected late: {known}"


def _asynchronous(name: str) -> bool:
    operation = catalog.operations().get(name)
    return operation is not None and operation.status == _ACCEPTED
