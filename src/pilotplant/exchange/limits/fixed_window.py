"""At most so many requests from one full minute (or hour) to the next: twice as many may come around the change."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.exchange.limits.limit import Limit, LimitSpec


class FixedWindowSpec(LimitSpec):
    """`{kind: fixed-window, requests: 600, per_s: 60}`"""

    KIND: ClassVar[str] = "fixed-window"

    requests: Annotated[int, Field(ge=1)]
    per_s: Annotated[float, Field(gt=0)]

    def build(self) -> "FixedWindow":
        return FixedWindow(self.requests, self.per_s)


class FixedWindow(Limit):
    """Counts within windows that lie one after the other from the start of the run; a refused request does not
    count."""

    def __init__(self, requests: int, per_s: float) -> None:
        self._requests = requests
        self._per_s = per_s
        self._window = -1
        self._taken = 0

    def take(self, now: float) -> float:
        window = int(now / self._per_s)
        if window != self._window:
            self._window, self._taken = window, 0
        if self._taken >= self._requests:
            return max((window + 1) * self._per_s - now, 1e-6)
        self._taken += 1
        return 0.0

    def give_back(self) -> None:
        self._taken -= 1
