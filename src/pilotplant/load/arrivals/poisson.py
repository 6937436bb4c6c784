"""`poisson`: arrivals that know nothing of each other, at a steady rate: many terminals, many people."""

from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.load.arrivals.arrival import Intensity
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class Poisson(Intensity):
    """So many a second on average."""

    SHAPE: ClassVar[str] = "poisson"

    rate: Rate
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def rate_max(self) -> float:
        return self.rate

    def rate_at(self, moment_s: float) -> float:
        del moment_s
        return self.rate

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"rate": self.rate * factor})
