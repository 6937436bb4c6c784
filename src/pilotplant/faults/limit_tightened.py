"""For a while a system takes fewer requests than its profile says; it tells when to come again in this way or that."""

from collections import deque
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.problem import RateLimited, RequestLimitExceeded
from pilotplant.model.script import Commit, Refuse, Script, before

_GROWTH_MAX = 5


class LimitTightened(Fault):
    """`{fault: limit-tightened, match: {system: erp}, requests: 10, per_s: 1, retry_after: date}`"""

    KIND: ClassVar[str] = "limit-tightened"
    DRAWN: ClassVar[Settings | None] = {"requests": (5, 20), "retry_after": ("seconds", "date", "absent", "growing")}

    requests: Annotated[int, Field(ge=1)]
    """How many requests a system takes in any stretch of `per_s`."""
    per_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    """The stretch."""
    retry_after: Literal["seconds", "date", "absent", "growing"] = "seconds"
    """How `Retry-After` says when to come again; growing: longer with every request that comes too early."""
    status: Literal[400, 429] = 429
    """400 with a code in the body instead of 429, as some vendors do."""
    _taken: dict[str, deque[float]] = PrivateAttr(default_factory=dict)
    _refused: dict[str, int] = PrivateAttr(default_factory=dict)

    def concerns(self, occasion: Occasion) -> bool:
        if not super().concerns(occasion):
            return False
        taken = self._taken.setdefault(occasion.system, deque())
        while taken and taken[0] + self.per_s <= occasion.now:
            taken.popleft()
        if len(taken) >= self.requests:
            self._refused[occasion.system] = self._refused.get(occasion.system, 0) + 1
            return True
        taken.append(occasion.now)
        self._refused[occasion.system] = 0
        return False

    def bend(self, script: Script, occasion: Occasion) -> Script:
        wait_s = 0.0
        if self.retry_after != "absent":
            taken = self._taken.get(occasion.system)
            wait_s = taken[0] + self.per_s - occasion.now if taken else self.per_s
        if self.retry_after == "growing":
            wait_s *= min(self._refused.get(occasion.system, 1), _GROWTH_MAX)
        problem = RateLimited(limit=self.KIND) if self.status == RateLimited.status else RequestLimitExceeded()
        refuse = Refuse(self.KIND, problem, retry_after_s=wait_s, as_date=self.retry_after == "date")
        return before(script, Commit, refuse)
