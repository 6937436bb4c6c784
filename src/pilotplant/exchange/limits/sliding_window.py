"""At most so many requests in any stretch of time, e.g. 6,000 in five minutes."""

from collections import deque
from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.exchange.limits.limit import Limit, LimitSpec


class SlidingWindowSpec(LimitSpec):
    """`{kind: sliding-window, requests: 6000, per_s: 300}`"""

    KIND: ClassVar[str] = "sliding-window"

    requests: Annotated[int, Field(ge=1)]
    per_s: Annotated[float, Field(gt=0)]

    def build(self) -> "SlidingWindow":
        return SlidingWindow(self.requests, self.per_s)


class SlidingWindow(Limit):
    """Remembers when each taken request came; a refused one does not count."""

    def __init__(self, requests: int, per_s: float) -> None:
        self._requests = requests
        self._per_s = per_s
        self._taken: deque[float] = deque()

    def take(self, now: float) -> float:
        taken = self._taken
        while taken and taken[0] + self._per_s <= now:
            taken.popleft()
        if len(taken) >= self._requests:
            return taken[0] + self._per_s - now
        taken.append(now)
        return 0.0

    def give_back(self) -> None:
        self._taken.pop()
