"""The grammar of flow contracts. YAML holds data, never expressions; what can be said is enumerated here."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pilotplant.model.durations import Duration

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class After(BaseModel):
    """What has to be known before: a step, for this row or over all rows of a relation (`scope`: the whole scope)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: Name
    over: str = ""


def _as_after(value: object) -> object:
    return {"step": value} if isinstance(value, str) else value


class Alternative(BaseModel):
    """Another way in which a step may be done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str
    by: tuple[str, ...]


class Aggregate(BaseModel):
    """Several promises of a step may be kept by sums that name none of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Annotated[tuple[str, ...], Field(min_length=1)]
    """The keys that a sum still has: all of the effect but the one that names its cause."""
    window: Duration = 0.0
    """How long one may wait to become part of a sum; 0: it does not matter."""
    conserve: Literal["quantity"] = "quantity"
    """What has to be the same in sum."""


class StepSpec(BaseModel):
    """A promise: this commit, or this event, for every row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str = ""
    event: str = ""
    by: Annotated[tuple[str, ...], Field(min_length=1)]
    """Fields of the row that identify the effect: exactly the keys (and version) that the operation declares."""
    after: tuple[Annotated[After, BeforeValidator(_as_after)], ...] = ()
    for_each: str = ""
    when: dict[str, tuple[str, ...]] = {}
    """Only for rows in which these facts have one of these values."""
    guard: Literal["transfer", "executable"] = "transfer"
    """`executable`: only what makes it executable counts and is ordered; staging it earlier is free."""
    actor: Literal["target", "native", "either"] = "target"
    refused_by: str = ""
    """For an `event` step: the event that states the definite refusal instead."""
    accept: tuple[Alternative, ...] = ()
    aggregate: Aggregate | None = None
    severity: Literal["fail", "warn"] = "fail"

    @model_validator(mode="after")
    def _one_effect(self) -> Self:
        if bool(self.commit) == bool(self.event):
            raise ValueError("a step has either `commit` or `event`")
        return self

    @property
    def effect(self) -> str:
        """The name of the operation or event."""
        return self.commit or self.event


class OnReject(BaseModel):
    """What a definite refusal means: these steps must not follow, and an exception is expected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: tuple[Name, ...]
    forbid: tuple[Name, ...] = ()
    expect: Literal["exception", "nothing"] = "exception"


class OnSilence(BaseModel):
    """What it means that an event never comes which nobody can force: somebody has to be told of it in time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Annotated[tuple[Name, ...], Field(min_length=1)]
    expect: Literal["exception"] = "exception"


class FlowSpec(BaseModel):
    """A contract over several systems."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: Name
    about: str = ""
    trigger: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """The event that fires it; several where each asks for the same."""
    when: dict[str, tuple[str, ...]] = {}
    """Only for rows of `for_each` in which these facts have one of these values; of others it says nothing."""
    cancelled_by: str = ""
    """An event with the same first scope key that withdraws the promises which are not kept yet."""
    scope: Annotated[tuple[str, ...], Field(min_length=1)]
    for_each: str
    clock_from: Literal["trigger", "effective_at", "starts_at", "resolution"] = "trigger"
    coalesce: Literal["latest", "every"] = "latest"
    steps: Annotated[dict[Name, StepSpec], Field(min_length=1)]
    on_reject: OnReject | None = None
    on_silence: OnSilence | None = None
    within: dict[Name, dict[Literal["p50", "p95", "max"], Duration]] = {}
    recover_within: Duration | None = None
    criticality: Literal["low", "normal", "high"] = "normal"

    @property
    def triggers(self) -> tuple[str, ...]:
        """The events that fire it."""
        return (self.trigger,) if isinstance(self.trigger, str) else self.trigger
