"""At most so many requests at once."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.exchange.limits.limit import Limit, LimitSpec


class ConcurrencySpec(LimitSpec):
    """`{kind: concurrency, at_once: 100}`"""

    KIND: ClassVar[str] = "concurrency"

    at_once: Annotated[int, Field(ge=1)]
    retry_after_s: Annotated[float, Field(gt=0)] = 1.0

    def build(self) -> "Concurrency":
        return Concurrency(self.at_once, self.retry_after_s)


class Concurrency(Limit):
    """Counts the requests that are under way. When one will end is not known, so the advice is a fixed wait."""

    def __init__(self, at_once: int, retry_after_s: float) -> None:
        self._at_once = at_once
        self._retry_after_s = retry_after_s
        self.under_way = 0

    def take(self, now: float) -> float:
        if self.under_way >= self._at_once:
            return self._retry_after_s
        self.under_way += 1
        return 0.0

    def done(self, now: float, executed_s: float) -> None:
        self.under_way -= 1

    def give_back(self) -> None:
        self.under_way -= 1
