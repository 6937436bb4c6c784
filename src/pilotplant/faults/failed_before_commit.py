"""Refuse before anything is done, with a chosen status: the caller has to know which refusals pass and which stay."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.faults.statuses import BEFORE, LASTING, WAITING, BeforeCommit
from pilotplant.model.problem import RequestLimitExceeded
from pilotplant.model.script import Commit, Refuse, Script, before
from pilotplant.systems import catalog


class FailedBeforeCommit(Fault):
    """`{fault: failed-before-commit, match: {operation: erp.bom.release}, status: 503, retry_after_s: 2, nth: 3}`"""

    KIND: ClassVar[str] = "failed-before-commit"
    DRAWN: ClassVar[Settings | None] = {"status": (408, 423, 429, 500, 502, 503, 504)}

    status: BeforeCommit
    """The status of the refusal; 400, 403, 404, 422 and 428 are for good."""
    retry_after_s: Annotated[float, Field(gt=0, le=600)] | None = None
    """With 429 and 503: when to come again, as `Retry-After`."""
    vendor_limit: bool = False
    """With 400: it means too many requests and says so by a code in the body, as some vendors do."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.retry_after_s is not None and self.status not in WAITING:
            raise ValueError(f"`retry_after_s` goes with 429 and 503, not with {self.status}")
        if self.vendor_limit and self.status != 400:
            raise ValueError(f"`vendor_limit` goes with 400, not with {self.status}")
        return self

    def bend(self, script: Script, occasion: Occasion) -> Script:
        problem = RequestLimitExceeded() if self.vendor_limit else BEFORE[self.status]
        refuse = Refuse(self.KIND, problem, lasting=self.refuses_for_good, retry_after_s=self.retry_after_s or 0.0)
        return before(script, Commit, refuse)

    @property
    def refuses_for_good(self) -> bool:
        return self.status in LASTING and not self.vendor_limit

    def objection(self) -> str:
        """A refusal for good has to have an effect that is refused: only then does the flow say what must follow."""
        operation = catalog.operations().get(self.match.operation)
        if not self.refuses_for_good or (operation is not None and not operation.query):
            return ""
        named = f"`{self.match.operation}` changes nothing" if self.match.operation else "nothing is named"
        return f"{self.status} refuses for good, so the operation that it refuses has to be named, and {named}"
