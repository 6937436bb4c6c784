"""`month-end`: postings grow towards the closing of the books, and stop with it."""

from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.load.arrivals.arrival import Intensity
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class MonthEnd(Intensity):
    """From `rate` to `growth` times as many at the end, ever faster (an assumption: no published figure is known)."""

    SHAPE: ClassVar[str] = "month-end"

    rate: Rate
    growth: Annotated[float, Field(ge=1, le=1000)] = 8.0
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def rate_max(self) -> float:
        return self.rate * self.growth

    def rate_at(self, moment_s: float) -> float:
        return float(self.rate * self.growth ** (moment_s / self.for_))

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"rate": self.rate * factor})
