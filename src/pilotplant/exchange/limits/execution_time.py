"""At most so many seconds of work in any stretch of time, however many requests that are: slow ones use it up."""

from collections import deque
from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.exchange.limits.limit import Limit, LimitSpec


class ExecutionTimeSpec(LimitSpec):
    """`{kind: execution-time, seconds: 1200, per_s: 300}`"""

    KIND: ClassVar[str] = "execution-time"

    seconds: Annotated[float, Field(gt=0)]
    per_s: Annotated[float, Field(gt=0)]

    def build(self) -> "ExecutionTime":
        return ExecutionTime(self.seconds, self.per_s)


class ExecutionTime(Limit):
    """Remembers when work was done and how much. What is under way is not known yet, so it counts when it is over."""

    def __init__(self, seconds: float, per_s: float) -> None:
        self._budget_s = seconds
        self._per_s = per_s
        self._done: deque[tuple[float, float]] = deque()
        self._spent_s = 0.0

    def take(self, now: float) -> float:
        done = self._done
        while done and done[0][0] + self._per_s <= now:
            self._spent_s -= done.popleft()[1]
        if not done:
            self._spent_s = 0.0  # nothing of rounding is carried on
        if self._spent_s < self._budget_s:
            return 0.0
        left_s, over_s = 0.0, self._spent_s - self._budget_s
        for moment, executed_s in done:
            left_s += executed_s
            if left_s > over_s:
                return moment + self._per_s - now
        return self._per_s

    def done(self, now: float, executed_s: float) -> None:
        if executed_s > 0:
            self._done.append((now, executed_s))
            self._spent_s += executed_s
