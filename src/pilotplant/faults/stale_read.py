"""A query is answered with what was true a while ago, as by a cache or a replica that lags behind."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Commit, Recall, Script, before
from pilotplant.systems import catalog


class StaleRead(Fault):
    """`{fault: stale-read, match: {operation: erp.item.get}, lag_s: 0.8, probability: 0.5}`"""

    KIND: ClassVar[str] = "stale-read"
    DRAWN: ClassVar[Settings | None] = {"lag_s": (0.3, 0.8)}

    lag_s: Annotated[float, Field(gt=0, le=600)]
    """How far it lags behind at most. It bites where the same question was asked before, so long ago or less."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Commit, Recall(self.KIND, self.lag_s)) if _query(occasion.operation) else script

    def objection(self) -> str:
        if not self.match.operation or _query(self.match.operation):
            return ""
        return f"`{self.match.operation}` is no query"


def _query(name: str) -> bool:
    operation = catalog.operations().get(name)
    return operation is not None and operation.query
