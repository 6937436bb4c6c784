"""`burst`: a quiet rate, and every so often a short stretch with a much higher one: somebody empties a queue."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pilotplant.load.arrivals.arrival import Intensity
from pilotplant.model.durations import Rate
from pilotplant.scenario.model import Stretch


class Burst(Intensity):
    """`rate`, but `burst_rate` for the first `burst_for` of every `every`."""

    SHAPE: ClassVar[str] = "burst"

    rate: Rate
    burst_rate: Rate
    every: Annotated[Stretch, Field(gt=0)]
    burst_for: Annotated[Stretch, Field(gt=0)]
    for_: Annotated[Stretch, Field(alias="for", gt=0)]

    @model_validator(mode="after")
    def _shorter(self) -> Self:
        if self.burst_for > self.every:
            raise ValueError("`burst_for` is longer than `every`: the bursts would never end")
        return self

    @property
    def length_s(self) -> float:
        return self.for_

    @property
    def rate_max(self) -> float:
        return max(self.rate, self.burst_rate)

    def rate_at(self, moment_s: float) -> float:
        return self.burst_rate if moment_s % self.every < self.burst_for else self.rate

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"rate": self.rate * factor, "burst_rate": self.burst_rate * factor})
