"""A scenario as its YAML document describes it: estate, data, stimuli, faults, expectations, thresholds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.faults.fault import Fault, Key, fault_kinds
from pilotplant.model.durations import Duration, Rate
from pilotplant.model.suggestions import did_you_mean

OCCURRENCES_MAX = 1_000_000
"""Of one stimulus: all moments are drawn before the run begins."""
LENGTH_MAX_S = 7 * 86_400.0

Stretch = Annotated[Duration, Field(le=LENGTH_MAX_S)]
"""A duration within a run: at most a week."""


Mode = Literal["live", "inprocess", "whatif"]
"""How a scenario is run: on sockets and the real clock, in one process on a virtual one, or with a model in the place
of the middleware."""


class Happening(Protocol):
    """What is to happen: which stimulus, with which parameters."""

    @property
    def do(self) -> str:
        """The name of the stimulus."""
        ...

    @property
    def with_(self) -> Mapping[str, Any]:
        """Its parameters."""
        ...


class StimulusSpec(BaseModel):
    """Something that happens in a system of record: once (`at`), so often (`count` `over`), or at a `rate` `for` a
    while."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    do: str
    at: Stretch | None = None
    count: Annotated[int, Field(ge=1, le=OCCURRENCES_MAX)] | None = None
    over: Stretch | None = None
    rate: Rate | None = None
    for_: Annotated[Stretch | None, Field(alias="for")] = None
    start: Stretch = 0.0
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    key: Key = ""
    """Names its chance, so that it does the same whatever else the scenario holds; its position if empty."""

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        shapes = (self.at is not None, self.count is not None, self.rate is not None)
        if sum(shapes) != 1:
            raise ValueError("a stimulus has either `at`, or `count` and `over`, or `rate` and `for`")
        if (self.count is None) != (self.over is None):
            raise ValueError("`count` and `over` go together")
        if (self.rate is None) != (self.for_ is None):
            raise ValueError("`rate` and `for` go together")
        if self.rate is not None and self.for_ is not None and self.rate * self.for_ > OCCURRENCES_MAX:
            raise ValueError(f"`rate` times `for` is more than {OCCURRENCES_MAX:,} occurrences")
        return self


def read_fault_entry(entry: Any) -> Any:
    """A fault as a document lists it, built by its own kind."""
    if isinstance(entry, Fault):
        return entry
    if not isinstance(entry, dict) or entry.get("fault") not in fault_kinds():
        given = entry.get("fault") if isinstance(entry, dict) else None
        if not isinstance(given, str):
            raise ValueError(f"a fault needs `fault`, one of {', '.join(fault_kinds())}")
        guess = did_you_mean(given, fault_kinds())
        raise ValueError(f"there is no fault `{given}`{guess}; there are {', '.join(fault_kinds())}")
    return fault_kinds()[entry["fault"]].model_validate(entry)


def _key(fault: Any) -> str:
    key: str = fault.key
    return key


class QuiescenceSpec(BaseModel):
    """When the estate counts as being at rest, in wire time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quiet: Stretch = 1.0
    give_up: Stretch = 60.0


class CrashSpec(BaseModel):
    """Kill the middleware where it waits, and build it again: at certain awaits, or one run for `every` one of them.

    Only in-process. `at_most` spreads so many runs evenly over all awaits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: list[Annotated[int, Field(ge=1)]] = []
    every: Literal["await"] | None = None
    at_most: Annotated[int, Field(ge=1)] | None = None
    restart_after: Stretch = 0.5

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.at) == (self.every is not None):
            raise ValueError("a crash has either `at` (a list of awaits) or `every: await`")
        if self.at_most is not None and self.every is None:
            raise ValueError("`at_most` goes with `every`")
        return self


class FoundSpec(BaseModel):
    """What `pilotplant explore` found with this scenario: what `pilotplant replay` needs to find it again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: Annotated[int, Field(ge=0)]
    mode: Mode
    target: Annotated[str, Field(min_length=1)]
    check: str
    step: str = ""


class ScenarioSpec(BaseModel):
    """What happens, to which estate, and what must be true afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str = ""
    estate: str
    speed: Annotated[float, Field(gt=0, le=100_000)] = 1.0
    """Business seconds per wire second."""
    stimuli: list[StimulusSpec] = []
    faults: list[Annotated[SerializeAsAny[Fault], BeforeValidator(read_fault_entry)]] = []
    flows: Annotated[list[str], Field(min_length=1)]
    crash: CrashSpec | None = None
    thresholds: list[str] = []
    quiescence: QuiescenceSpec = QuiescenceSpec()
    modes: list[Mode] = []
    """How it may be run; empty: in every mode. What takes a day on the real clock is for `whatif`."""
    model: ModelSpec | None = None
    """For what-if: parameters of the model, before those of the target."""
    found: FoundSpec | None = None

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        given = {"stimuli": [_key(entry) for entry in self.stimuli], "faults": [_key(entry) for entry in self.faults]}
        for name, written in given.items():
            keys = [key or str(number) for number, key in enumerate(written)]  # as a run names their chance
            if twice := next((key for key in keys if keys.count(key) > 1), ""):
                raise ValueError(f"two {name} draw from the chance named `{twice}`, by `key` or by position")
        return self
