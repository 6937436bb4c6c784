"""`ramp`: from one rate to another, in a straight line."""

from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.load.arrivals.arrival import Intensity
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class Ramp(Intensity):
    """More and more, or fewer and fewer."""

    SHAPE: ClassVar[str] = "ramp"

    from_: Annotated[Rate, Field(alias="from")]
    to: Rate
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def rate_max(self) -> float:
        return max(self.from_, self.to)

    def rate_at(self, moment_s: float) -> float:
        return self.from_ + (self.to - self.from_) * moment_s / self.for_

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"from_": self.from_ * factor, "to": self.to * factor})
