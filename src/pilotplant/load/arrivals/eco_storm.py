"""`eco-storm`: one change sets off others: a change finds what else has to change, and that again."""

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.load.arrivals.arrival import Arrivals
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class EcoStorm(Arrivals):
    """Changes come at `rate`; each sets off `follow_ups` others on average, `spread` later on average, and so do these.

    That changes excite each other is what was published of large programmes (ripples with a late peak); the numbers
    are yours. With `follow_ups` below 1 every storm ends.
    """

    SHAPE: ClassVar[str] = "eco-storm"

    rate: Rate
    follow_ups: Annotated[float, Field(ge=0, lt=1)] = 0.6
    spread: Annotated[Stretch, Field(gt=0)] = 5.0
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def expected(self) -> float:
        return self.rate * self.for_ / (1 - self.follow_ups)

    def moments(self, chance: Random) -> Iterator[float]:
        due: list[float] = []
        moment = chance.expovariate(self.rate)
        while moment < self.for_:
            heappush(due, moment)
            moment += chance.expovariate(self.rate)
        while due:
            moment = heappop(due)
            yield moment
            # Geometric, with `follow_ups` as its mean.
            while chance.random() < self.follow_ups / (1 + self.follow_ups):
                later = moment + chance.expovariate(1 / self.spread)
                if later < self.for_:
                    heappush(due, later)

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"rate": self.rate * factor})
