"""A load profile as its YAML document describes it: which arrivals meet which estate, and what has to hold."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from pilotplant.faults.fault import Fault
from pilotplant.load.arrivals.arrival import Arrivals, shapes
from pilotplant.model.durations import Rate
from pilotplant.model.suggestions import did_you_mean
from pilotplant.scenario.model import OCCURRENCES_MAX, QuiescenceSpec, ScenarioSpec, Stretch, read_fault_entry

WORKERS_MAX = 64


def _arrivals(entry: Any) -> Any:
    if isinstance(entry, Arrivals):
        return entry
    kind = Arrivals.chosen(entry)
    if kind is None:
        given = entry.get("shape") if isinstance(entry, dict) else None
        guess = did_you_mean(given, shapes()) if isinstance(given, str) else ""
        raise ValueError(f"arrivals need a `shape`, one of {', '.join(shapes())}{guess}")
    return kind.model_validate(entry)


ArrivalsEntry = Annotated[
    SerializeAsAny[Arrivals],
    BeforeValidator(_arrivals, json_schema_input_type=reduce(or_, shapes().values())),
]
"""One of the shapes; which, its `shape` says."""


class CapacitySpec(BaseModel):
    """How `--find-capacity` looks for the rate at which the profile's thresholds no longer hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: Annotated[Rate, Field(alias="from")] = 5.0
    """The first rate that is tried."""
    to: Rate = 2000.0
    """Nothing faster is tried."""
    hold: Annotated[Stretch, Field(ge=0.5)] = 10.0
    """How long each rate is held."""
    precision: Annotated[float, Field(gt=0.005, lt=1)] = 0.05
    """How far the highest rate that held and the lowest that did not may be apart, as a share."""
    growth_max: Annotated[float, Field(gt=0, lt=1)] = 0.03
    """A backlog that grows by more than this share of what arrives is one that never ends."""

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("`to` has to be higher than `from`")
        return self


class SoakSpec(BaseModel):
    """What a long run says of memory and handles: of the target that was started, and of the harness itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warm_up: Annotated[float, Field(ge=0, lt=0.9)] = 0.3
    """The first share of the run, in which growing is allowed."""
    growth_max_mb: Annotated[float, Field(gt=0)] = 32.0
    """By how much memory may grow after that."""
    handles_max: Annotated[int, Field(gt=0)] = 50
    """By how many handles (files, sockets) may become more after that."""


class LoadSpec(BaseModel):
    """A load profile: a scenario whose stimuli are arrivals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    load: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str = ""
    estate: str
    speed: Annotated[float, Field(gt=0, le=100_000)] = 1.0
    """Business seconds per wire second."""
    arrivals: Annotated[list[ArrivalsEntry], Field(min_length=1)]
    faults: list[Annotated[SerializeAsAny[Fault], BeforeValidator(read_fault_entry)]] = []
    flows: Annotated[list[str], Field(min_length=1)]
    thresholds: list[str] = []
    quiescence: QuiescenceSpec = QuiescenceSpec()
    workers: Annotated[int, Field(ge=1, le=WORKERS_MAX)] = 1
    """How many processes of Locust drive the sources."""
    capacity: CapacitySpec = CapacitySpec()
    soak: SoakSpec | None = None

    @model_validator(mode="after")
    def _in_bounds(self) -> Self:
        if sum(arrivals.expected for arrivals in self.arrivals) > OCCURRENCES_MAX:
            raise ValueError(f"the profile has more than {OCCURRENCES_MAX:,} arrivals")
        keys = [arrivals.key or str(number) for number, arrivals in enumerate(self.arrivals)]
        if twice := next((key for key in keys if keys.count(key) > 1), ""):
            raise ValueError(f"two arrivals draw from the chance named `{twice}`, by `key` or by position")
        return self

    @property
    def rate(self) -> float:
        """Arrivals a second, on average."""
        length_s = max(arrivals.start + arrivals.length_s for arrivals in self.arrivals)
        return sum(arrivals.expected for arrivals in self.arrivals) / max(length_s, 1e-9)

    def scenario(self) -> ScenarioSpec:
        """What a run has to know of it."""
        return ScenarioSpec(
            scenario=self.load,
            about=self.about,
            estate=self.estate,
            speed=self.speed,
            faults=list(self.faults),
            flows=self.flows,
            thresholds=self.thresholds,
            quiescence=self.quiescence,
        )

    def scaled(self, factor: float) -> "LoadSpec":
        """The same profile with so many times as many arrivals."""
        return self.model_copy(update={"arrivals": [arrivals.scaled(factor) for arrivals in self.arrivals]})
