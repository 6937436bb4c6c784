"""`constant`: one after the other, evenly spaced. What a step of a capacity search is made of."""

from collections.abc import Iterator
from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.load.arrivals.arrival import Arrivals
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class Constant(Arrivals):
    """So many a second, without any chance in it."""

    SHAPE: ClassVar[str] = "constant"

    rate: Rate
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def expected(self) -> float:
        return self.rate * self.for_

    def moments(self, chance: Random) -> Iterator[float]:
        del chance
        yield from (number / self.rate for number in range(max(1, round(self.rate * self.for_))))

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"rate": self.rate * factor})
