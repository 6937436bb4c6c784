"""Carry it out, then answer that something failed: whoever takes that for "not done" does it twice."""

from typing import ClassVar

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.faults.statuses import AFTER, AfterCommit
from pilotplant.model.script import Commit, Refuse, Script, after


class FailedAfterCommit(Fault):
    """`{fault: failed-after-commit, match: {operation: erp.stock.post}, status: 500, probability: 0.1}`"""

    KIND: ClassVar[str] = "failed-after-commit"
    DRAWN: ClassVar[Settings | None] = {"status": (500, 502, 503, 504)}

    status: AfterCommit = 500
    """The status of the answer."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return after(script, Commit, Refuse(self.KIND, AFTER[self.status]))
