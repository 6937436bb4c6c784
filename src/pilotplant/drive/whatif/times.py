"""A duration that varies: fixed, exponential, lognormal, or as it was measured. Drawn by its quantile."""

from math import log
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pilotplant.kernel.draws import lognormal
from pilotplant.model.durations import Duration

QUANTILES_MAX = 1001


class TimeSpec(BaseModel):
    """How long something takes, in wire time. `40ms` alone is short for `{kind: fixed, mean: 40ms}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["fixed", "exponential", "lognormal", "measured"] = "fixed"
    mean: Duration = 0.0
    """Of `fixed` and `exponential`."""
    median: Duration = 0.0
    """Of `lognormal`."""
    p95: Duration = 0.0
    """Of `lognormal`."""
    quantiles: Annotated[list[Duration], Field(max_length=QUANTILES_MAX)] = []
    """Of `measured`: values in rising order, at equal distances from the smallest to the largest."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = {name for name in ("mean", "median", "p95", "quantiles") if getattr(self, name)}
        wanted = {"lognormal": {"median", "p95"}, "measured": {"quantiles"}}.get(self.kind, {"mean"})
        if stray := sorted(given - wanted):
            raise ValueError(f"`{stray[0]}` says nothing of a time that is {self.kind}")
        if self.kind == "lognormal" and self.p95 < self.median:
            raise ValueError("`p95` is less than `median`")
        if self.kind == "measured" and (not self.quantiles or sorted(self.quantiles) != self.quantiles):
            raise ValueError("`quantiles` must be a list of values in rising order")
        return self

    @property
    def none(self) -> bool:
        """Whether it takes no time at all, ever."""
        return not (self.mean or self.median or any(self.quantiles))

    @property
    def varies(self) -> bool:
        """Whether a draw says anything."""
        return self.kind != "fixed"

    def at(self, u: float) -> float:
        """The duration in seconds at the quantile `u`."""
        match self.kind:
            case "fixed":
                return self.mean
            case "exponential":
                return -self.mean * log(1.0 - min(u, 1 - 1e-12))
            case "lognormal":
                return lognormal(u, self.median, self.p95) if self.median else 0.0
        values = self.quantiles
        place = u * (len(values) - 1)
        low = min(int(place), len(values) - 1)
        high = min(low + 1, len(values) - 1)
        return values[low] + (place - low) * (values[high] - values[low])

    def average(self) -> float:
        """The mean."""
        if self.kind == "measured":
            return sum(self.quantiles) / len(self.quantiles)
        if self.kind == "lognormal":
            return sum(self.at((step + 0.5) / 1000) for step in range(1000)) / 1000
        return self.mean


def _as_time(value: Any) -> Any:
    return {"kind": "fixed", "mean": value} if isinstance(value, str | int | float) else value


Time = Annotated[TimeSpec, BeforeValidator(_as_time, json_schema_input_type=TimeSpec | str | float)]
"""A `TimeSpec`, or a duration."""


def measured(samples: list[float], steps: int = 20) -> TimeSpec:
    """The time that these samples show, by their quantiles."""
    ordered = sorted(samples)
    values = [ordered[min(len(ordered) - 1, round(step / steps * (len(ordered) - 1)))] for step in range(steps + 1)]
    return TimeSpec(kind="measured", quantiles=[round(value, 6) for value in values])
