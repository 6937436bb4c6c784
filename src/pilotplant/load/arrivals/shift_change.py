"""`shift-change`: at the end of a shift everybody reports what is finished, most of them in the last minutes."""

from math import exp
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.load.arrivals.arrival import Intensity
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class ShiftChange(Intensity):
    """`rate` through the shift; towards the end of each it climbs to `peak`, and drops when the next one begins.

    `width` is how long before the end half of the peak is reached. That reports crowd before the end and not around
    it is an assumption.
    """

    SHAPE: ClassVar[str] = "shift-change"

    rate: Rate
    peak: Rate
    shift: Annotated[Stretch, Field(gt=0)]
    width: Annotated[Stretch, Field(gt=0)]
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def rate_max(self) -> float:
        return self.rate + self.peak

    def rate_at(self, moment_s: float) -> float:
        left_s = self.shift - moment_s % self.shift
        return self.rate + self.peak * exp(-0.6931471805599453 * left_s / self.width)

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"rate": self.rate * factor, "peak": self.peak * factor})
