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
    def _schedule(self) -> Self:
        if self.kind == "polling" and not self.every:
            raise ValueError("polling needs `every`, such as `every: 60s`")
        if self.kind == "batch" and not self.at:
            raise ValueError('a batch needs `at`, such as `at: ["02:00"]`')
        return self

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

    def pause_s(self, attempt: int, u: float, asked_s: float) -> float:
        """How long it waits after this many attempts; `asked_s` is what the answer asked for."""
        grown_s = min(self.cap, self.first * self.factor ** min(attempt - 1, 60))
        pause_s = self.first if self.kind == "fixed" else grown_s
        pause_s *= 1 - self.jitter * u
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
        """This model with everything that the other one says explicitly."""
        if other is None:
            return self
        return ModelSpec.model_validate(_over(self.model_dump(), other.model_dump(exclude_unset=True)))

    def calls_at_once(self, kind: str) -> int:
        """How many calls it has open at a system of this kind."""
        return self.targets.get(kind, self.concurrency)

    def mapping_of(self, flow: str) -> TimeSpec:
        """How long a piece of work of this flow takes to begin."""
        return self.mappings.get(flow, self.mapping)

    def longest_wait_s(self) -> float:
        """How long it may do nothing though something waits."""
        waits = [self.retry.cap, self.intake.every, self.intake.confirm_every, self.timeout, self.restart]
        waits.append(self.answer_patience)
        if self.breaker is not None:
            waits.append(self.breaker.open_for)
        if self.intake.kind == "batch":
            waits.append(86_400.0)
        return max(waits)


def _over(base: dict[str, object], upper: dict[str, object]) -> dict[str, object]:
    """Nested plain data with the upper one's values."""
    merged = dict(base)
    for name, value in upper.items():
        below = merged.get(name)
        nested = isinstance(value, dict) and isinstance(below, dict) and "kind" not in value
        merged[name] = _over(below, value) if nested else value  # type: ignore[arg-type]
    return merged
