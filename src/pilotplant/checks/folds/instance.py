"""What a flow promises of one change at a plant, or of one confirmation, and how far it is."""

from dataclasses import dataclass, field

from pilotplant.checks.case import Case
from pilotplant.ledger.records import Commit, Emit, Reject


@dataclass(frozen=True, slots=True)
class Terms:
    """What a step of a flow says of each of its promises."""

    step: str
    must: bool
    exact: bool
    executable: bool
    event: bool
    actor: str
    window_s: float | None = None
    """How long it may wait to become part of a sum, where the flow allows sums; 0: for ever."""


@dataclass(slots=True, eq=False)
class Promise:
    """One obligation that is not kept yet."""

    effect: str
    version: int
    terms: Terms
    after: tuple[tuple[str, str, int], ...]
    instance: "Instance"
    open: bool = True


@dataclass(slots=True)
class Progress:
    """How far one step of an instance is."""

    promised: int = 0
    kept: int = 0
    at: float | None = None
    seq: int = 0
    """Of the record that kept a promise of it last."""


@dataclass(slots=True, eq=False)
class Instance:
    """One flow instance: a change at a plant, a confirmation."""

    flow: int
    name: str
    subject: str
    plant: str
    due: float
    trigger: int
    steps: dict[str, Progress] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)
    left: int = 0
    """How many promises are open."""
    refusals: dict[str, Reject | Emit] = field(default_factory=dict)
    """Definite refusals that no later success made good, by effect."""
    setbacks: dict[str, int] = field(default_factory=dict)
    """Definite refusals, by effect, that excuse only whoever told a person afterwards: of steps for which the flow says
    nothing, and those that only a newer version made good, which was not this one's doing."""
    exception: int = 0
    outlasted: bool = False
    """Whether the exception came after an outage that was longer than the target declares to keep trying."""
    unanswered: bool = False
    """Whether the exception came after an answer had been awaited for as long as the target declares to wait."""
    withdrawn: int = 0
    seen: Commit | Emit | Reject | None = None
    """The last that was seen of it."""

    @property
    def open(self) -> list[Promise]:
        """The promises that are not kept."""
        return [promise for promise in self.promises if promise.open]

    @property
    def begun(self) -> bool:
        """Whether any promise of it was kept."""
        return any(progress.kept for progress in self.steps.values())

    @property
    def excused(self) -> bool:
        """Whether what is open need not happen any more."""
        refused = self.refusals or self.outlasted or self.unanswered
        refused = refused or any(seq < self.exception for seq in self.setbacks.values())
        return bool(self.withdrawn or (self.exception and refused))

    def make_good(self, promise: Promise, version: int) -> None:
        """What was refused came about: by the instance's own version, or only by a newer one."""
        refusal = self.refusals.pop(promise.effect, None)
        if not version > promise.version > 0:
            self.setbacks.pop(promise.effect, None)
        elif refusal is not None:
            self.setbacks[promise.effect] = refusal.seq


def terms_of(case: Case) -> dict[tuple[int, str], Terms]:
    """The terms of every step of every flow."""
    return {
        (number, name): Terms(
            step=name,
            must=step.severity == "fail",
            exact=flow.coalesce == "every",
            executable=step.guard == "executable",
            event=bool(step.event),
            actor=step.actor,
            window_s=step.aggregate.window if step.aggregate is not None else None,
        )
        for number, flow in enumerate(case.flows)
        for name, step in flow.steps.items()
    }


def subjects_of(case: Case, instance: Instance) -> tuple[str, ...]:
    """What an instance is about: everything that names it but the plant, which names too much."""
    named = zip(case.flows[instance.flow].scope, instance.name.split("@"), strict=False)
    return tuple(dict.fromkeys((instance.subject, *(value for key, value in named if key != "plant"))))


def keeps(record: Commit | Emit, promise: Promise) -> bool:
    """Whether what came about is what was promised, or more."""
    terms = promise.terms
    if terms.executable and getattr(record, "facet", "") == "staged":
        return False
    if not record.version or not promise.version:
        return True  # facts have no order; one may be accepted where a version is promised
    return record.version == promise.version if terms.exact else record.version >= promise.version
