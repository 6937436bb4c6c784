"""The parametric model of a middleware: what an architect can turn, as a target or a scenario writes it.

The model does what a correct middleware does, in order and once; how fast, and with how much patience, is what these
parameters say. All of them are wire time.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pilotplant.drive.whatif.times import Time, TimeSpec
from pilotplant.model.durations import Duration

Count = Annotated[int, Field(ge=1, le=100_000)]
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _clock(text: str) -> str:
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a time of day; write it like 02:00")
    return text


TimeOfDay = Annotated[str, AfterValidator(_clock)]
"""Business time, UTC."""


def _refuse_stray(spec: "IntakeSpec | RetrySpec") -> None:
    """Of a part that stands alone. Without a kind it may be the rest of a part that stands elsewhere."""
    if "kind" in spec.model_fields_set and (stray := _stray(spec, spec)):
        raise ValueError(stray)


def _stray(told: "IntakeSpec | RetrySpec", whole: "IntakeSpec | RetrySpec") -> str:
    """What was told and says nothing of the kind that it came to."""
    for name in type(told).model_fields:
        other_than_default = getattr(told, name) != type(told).model_fields[name].default
        if name != "kind" and name in told.model_fields_set and other_than_default and name not in whole.used():
            return f"`{name}` says nothing where `kind` is `{whole.kind}`"
    return ""


class IntakeSpec(BaseModel):
    """How it learns what happened: it is told (`events`), asks now and then (`polling`), or once in a while takes all
    that has gathered (`batch`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["events", "polling", "batch"] = "events"
    every: Duration = 0.0
    """Polling: so often."""
    at: list[TimeOfDay] = []
    """Batch: at these times of day, such as `["02:00"]`."""
    batch_size: Annotated[int, Field(ge=0)] = 0
    """How many it takes at once at most; 0: all."""
    confirm_every: Annotated[Duration, Field(gt=0)] = 3.0
    """Polling and batch: how often it asks whether what it waits for has come about."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        _refuse_stray(self)
        return self

    def used(self) -> frozenset[str]:
        """The fields that say something of this kind of intake."""
        own = {"polling": ("every",), "batch": ("at",)}.get(self.kind)
        return frozenset((*own, "batch_size", "confirm_every") if own else ())

    def missing(self) -> str:
        """What it needs and does not say."""
        if self.kind == "polling" and not self.every:
            return "polling needs `every`, such as `every: 60s`"
        if self.kind == "batch" and not self.at:
            return 'a batch needs `at`, such as `at: ["02:00"]`'
        return ""

    def moments_s(self) -> list[float]:
        """When batches begin, in seconds since midnight."""
        return sorted(int(text.partition(":")[0]) * 3600.0 + int(text.partition(":")[2]) * 60.0 for text in self.at)


class RetrySpec(BaseModel):
    """What it does when a call failed in a way that may pass."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["none", "fixed", "exponential"] = "exponential"
    first: Annotated[Duration, Field(gt=0)] = 0.1
    """The first pause; of `fixed`, every pause."""
    factor: Annotated[float, Field(ge=1, le=100)] = 2.0
    cap: Annotated[Duration, Field(gt=0)] = 2.0
    """The longest pause."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.5
    """This share of a pause is drawn."""
    budget: Duration = 60.0
    """It gives up after so long, and tells the desk; 0: never."""
    honours_retry_after: bool = True
    pauses: Literal["call", "system"] = "system"
    """Whom it keeps back when a system asks for patience: the call, or all calls to that system."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        _refuse_stray(self)
        return self

    def used(self) -> frozenset[str]:
        """The fields that say something of this kind of retrying."""
        if self.kind == "none":
            return frozenset()
        fields = ("first", "jitter", "budget", "honours_retry_after", "pauses")
        return frozenset(fields if self.kind == "fixed" else (*fields, "factor", "cap"))

    @property
    def heeds_for_all(self) -> bool:
        """Whether all calls to a system are kept back while it asks for patience."""
        return self.kind != "none" and self.honours_retry_after and self.pauses == "system"

    @property
    def longest_s(self) -> float:
        """The longest pause of its own accord."""
        return self.first if self.kind == "fixed" else self.cap

    def pause_s(self, attempt: int, u: float, asked_s: float) -> float:
        """How long it waits after this many attempts; `asked_s` is what the answer asked for."""
        grown_s = self.first if self.kind == "fixed" else self.first * self.factor ** min(attempt - 1, 60)
        pause_s = min(self.longest_s, grown_s) * (1 - self.jitter * u)
        if asked_s and self.honours_retry_after:
            return max(pause_s, asked_s + 0.2 * pause_s)
        return pause_s


class BreakerSpec(BaseModel):
    """After so many failures in a row nothing is sent to a system for a while; then one call tries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    failures: Count = 5
    open_for: Annotated[Duration, Field(gt=0)] = 30.0


class ModelSpec(BaseModel):
    """A middleware as an architect describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: Count = 16
    """How many pieces of work (a change at a plant, a confirmation) it carries out at once."""
    lanes: dict[str, Count] = {}
    """Workers of their own for a flow, by its name."""
    queue: Literal["fifo", "per-key", "priority"] = "per-key"
    """Who is next: who came first; the same, but nothing that touches what is being worked on; the flows in the order
    of `priority` first, and then per key."""
    priority: list[str] = []
    """Flows, the most urgent first; those not named come last."""
    at_once: Count = 8
    """How many calls one piece of work has open at once."""
    concurrency: Count = 16
    """How many calls it has open at one system."""
    targets: dict[str, Count] = {}
    """The same by kind of system, such as `{erp: 4}`."""
    intake: IntakeSpec = IntakeSpec()
    mapping: Time = TimeSpec(mean=0.005)
    """From beginning a piece of work to its first call."""
    mappings: dict[str, Time] = {}
    """The same by flow."""
    handling: Time = TimeSpec()
    """From an answer, or a fact that was waited for, to the next call of the same piece of work."""
    network: Time = TimeSpec()
    """On the way to a system, and on the way back."""
    lookups: dict[str, Annotated[int, Field(ge=0, le=100)]] = {}
    """How many queries it makes at the same system before a call, by operation."""
    documents: Literal["whole", "lines"] = "whole"
    """Whether the lines of one document travel together or one by one."""
    timeout: Annotated[Duration, Field(gt=0)] = 5.0
    retry: RetrySpec = RetrySpec()
    breaker: BreakerSpec | None = None
    dedupe_window: Duration = 86_400.0
    """For so long it remembers what it was told; what is told again later is looked into again, at its cost."""
    answer_patience: Duration = 3.0
    """For so long it waits for an answer that nobody can force; then it tells the desk."""
    restart: Duration = 0.5
    """From being started after a crash to being at work."""

    def merged(self, other: "ModelSpec | None") -> "ModelSpec":
        """This model with everything that the other one says explicitly, field by field; a time is said as a whole.

        Where the other one names a kind, what is left of this one and says nothing of that kind is passed over. What
        the other one says itself has to mean something: `ValueError`.
        """
        upper = other or ModelSpec()
        told = {name: _over(getattr(self, name), getattr(upper, name)) for name in upper.model_fields_set}
        merged = self.model_copy(update=told)
        if stray := _stray(upper.intake, merged.intake) or _stray(upper.retry, merged.retry):
            raise ValueError(stray)
        if missing := merged.intake.missing():
            raise ValueError(missing)
        return merged

    def calls_at_once(self, kind: str) -> int:
        """How many calls it has open at a system of this kind."""
        return self.targets.get(kind, self.concurrency)

    def mapping_of(self, flow: str) -> TimeSpec:
        """How long a piece of work of this flow takes to begin."""
        return self.mappings.get(flow, self.mapping)

    def longest_wait_s(self) -> float:
        """How long it may do nothing though something waits."""
        waits = [self.retry.longest_s, self.intake.every, self.intake.confirm_every, self.timeout, self.restart]
        waits.append(self.answer_patience)
        if self.breaker is not None:
            waits.append(self.breaker.open_for)
        if self.intake.kind == "batch":
            waits.append(86_400.0)
        return max(waits)


def _over(base: object, upper: object) -> object:
    """What holds where both say something."""
    if isinstance(base, dict) and isinstance(upper, dict):
        return {**base, **{name: _over(base.get(name), value) for name, value in upper.items()}}
    if isinstance(base, TimeSpec) and isinstance(upper, TimeSpec):
        keeps_kind = "kind" not in upper.model_fields_set and base.kind == "exponential"
        return base.model_copy(update={"mean": upper.mean}) if keeps_kind else upper
    if isinstance(base, BaseModel) and isinstance(upper, BaseModel):
        return base.model_copy(update={name: getattr(upper, name) for name in upper.model_fields_set})
    return upper
