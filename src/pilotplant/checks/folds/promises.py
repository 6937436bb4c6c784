"""The promises of the flows: which are open, kept, overtaken, withdrawn, refused or excused.

Memory is bounded by what is open: an instance whose promises are all kept is told to whoever listens and forgotten,
save a bounded number for the flow board.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.checks.wording import plant_of
from pilotplant.ledger.records import (
    Ack,
    Commit,
    Deliver,
    Emit,
    Obligation,
    Quiesce,
    Reject,
    ResponseFirst,
)

BOARD_MAX = 400
EXCEPTION = "desk.exception.raise"


@dataclass(slots=True)
class Promise:
    """One obligation that is not kept yet."""

    number: int
    step: str
    effect: str
    version: int
    operation: int
    must: bool
    exact: bool
    executable: bool
    event: bool
    instance: "Instance"


@dataclass(slots=True)
class Progress:
    """How far one step of an instance is."""

    promised: int = 0
    kept: int = 0
    at: float | None = None


@dataclass(slots=True)
class Instance:
    """One flow instance: a change at a plant, a confirmation."""

    flow: int
    name: str
    subject: str
    plant: str
    due: float
    trigger: int
    steps: dict[str, Progress] = field(default_factory=dict)
    open: dict[int, Promise] = field(default_factory=dict)
    refusals: dict[str, Reject | Emit] = field(default_factory=dict)
    """Definite refusals that no later success made good, by effect."""
    exception: int = 0
    withdrawn: int = 0

    @property
    def excused(self) -> bool:
        """Whether what is open need not happen any more."""
        return bool(self.withdrawn or (self.refusals and self.exception))


class Promises:
    """Follows every obligation."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.instances: dict[str, Instance] = {}
        self.finished: list[Instance] = []
        self.expanded = 0
        self.settled: Quiesce | None = None
        self.withdrawn: set[str] = set()
        """Subjects that were withdrawn, also after they were carried out."""
        self.undone: dict[str, int] = {}
        """Facts that were taken back and not booked again."""
        self.repeats: dict[str, list[Commit]] = defaultdict(list)
        """Repetitions of facts that still stand twice."""
        self.unpromised: list[Commit] = []
        self.anonymous: list[Commit] = []
        self.on_finish: list[Callable[[Instance, float], None]] = []
        self.delivered: dict[int, Deliver] = {}
        self.acknowledged: dict[int, Ack] = {}
        self.triggers: dict[int, Emit] = {}
        self._open: dict[str, list[Promise]] = {}
        self._promised: dict[str, int] = {}
        self._latest: dict[str, Instance] = {}
        """Which instance promises the newest version of a state effect."""
        self._instances_of: Counter[int] = Counter()
        self._numbers = 0
        self._refused_by = {
            step.refused_by: step.effect for flow in case.flows for step in flow.steps.values() if step.refused_by
        }
        self._cancels = {flow.cancelled_by: flow for flow in case.flows if flow.cancelled_by}
        self._triggers = {flow.trigger for flow in case.flows}
        self._refusing: dict[int, str] = {}
        self.revealed_refusals: dict[int, int] = {}
        """From the exchange of a refusal to the `seq` of its answer's first byte."""

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        interesting = self._triggers | set(self._cancels) | set(self._refused_by)
        governed = self.case.governed
        return {
            Obligation: (None, self.on_obligation),
            Commit: (lambda named: governed(named) or named.name == EXCEPTION, self.on_commit),
            Emit: (lambda named: governed(named) or named.name in interesting, self.on_emit),
            Reject: (governed, self.on_reject),
            Deliver: (None, self.on_deliver),
            Ack: (None, self.on_ack),
            ResponseFirst: (None, self.on_response),
            Quiesce: (None, self.on_quiesce),
        }

    def on_obligation(self, record: Obligation) -> None:
        """A promise was made."""
        key = f"{record.flow}|{record.instance}"
        instance = self.instances.get(key)
        if instance is None:
            instance = self.instances[key] = Instance(
                record.flow, record.instance, record.subject, record.plant, record.due, record.trigger
            )
            self._instances_of[record.trigger] += 1
        flow = self.case.flows[record.flow]
        step = flow.steps[record.step]
        progress = instance.steps.get(record.step)
        if progress is None:
            progress = instance.steps[record.step] = Progress()
        progress.promised += 1
        self.expanded += 1
        if record.version > self._promised.get(record.effect, 0):
            self._promised[record.effect] = record.version
            self._latest[record.effect] = instance
        if not record.must:
            progress.kept += 1
            return
        self._numbers += 1
        promise = Promise(
            self._numbers,
            record.step,
            record.effect,
            record.version,
            record.operation,
            step.severity == "fail",
            flow.coalesce == "every",
            step.guard == "executable",
            bool(step.event),
            instance,
        )
        instance.open[promise.number] = promise
        for effect in (record.effect, *record.accept):
            waiting = self._open.get(effect)
            if waiting is None:
                self._open[effect] = [promise]
            else:
                waiting.append(promise)

    def on_commit(self, record: Commit) -> None:
        """An effect came about, or (undoing) went away."""
        if record.undoes:
            self._undo(record)
        waiting = self._open.get(record.effect)
        if waiting is not None:
            self._keep(record, waiting)
        elif record.repeat_of:
            self.repeats[record.effect].append(record)
        elif record.effect in self.undone:
            del self.undone[record.effect]
        elif record.exchange:
            self._without_promise(record)

    def _keep(self, record: Commit | Emit, waiting: list[Promise]) -> None:
        facet = getattr(record, "facet", "")
        left: list[Promise] = []
        for promise in waiting:
            late_enough = record.version == promise.version if promise.exact else record.version >= promise.version
            if late_enough and not (promise.executable and facet == "staged"):
                self._kept(promise, record.t)
            else:
                left.append(promise)
        if left:
            self._open[record.effect] = left
        else:
            del self._open[record.effect]

    def _kept(self, promise: Promise, t: float) -> None:
        instance = promise.instance
        if instance.open.pop(promise.number, None) is None:
            return  # an accepted alternative had kept it
        progress = instance.steps[promise.step]
        progress.kept += 1
        progress.at = t
        if instance.refusals:
            instance.refusals.pop(promise.effect, None)
        if not instance.open:
            self._finish(instance, t)

    def _finish(self, instance: Instance, t: float) -> None:
        for listener in self.on_finish:
            listener(instance, t)
        del self.instances[f"{instance.flow}|{instance.name}"]
        self._instances_of[instance.trigger] -= 1
        if not self._instances_of[instance.trigger]:
            del self._instances_of[instance.trigger]
            for told in (self.triggers, self.delivered, self.acknowledged):
                told.pop(instance.trigger, None)
        if len(self.finished) < BOARD_MAX:
            self.finished.append(instance)

    def _undo(self, record: Commit) -> None:
        for effect in record.undoes:
            if self.repeats.get(effect):
                self.repeats[effect].pop()
            elif effect.partition("|")[0] != EXCEPTION:
                self.undone[effect] = record.seq

    def _without_promise(self, record: Commit) -> None:
        name, _, keys = record.effect.partition("|")
        if name == EXCEPTION:
            self._note_exception(record, keys.split("|"))
        elif "|?" in record.effect:
            self.anonymous.append(record)
        elif record.version > self._promised.get(record.effect, 0) or not record.version:
            self.unpromised.append(record)

    def _note_exception(self, record: Commit, keys: list[str]) -> None:
        plant, subject = keys[0], keys[1]
        for instance in self._about(subject):
            if instance.plant == plant:
                instance.exception = record.seq

    def _about(self, subject: str) -> Iterator[Instance]:
        return (instance for instance in self.instances.values() if instance.subject == subject)

    def on_emit(self, record: Emit) -> None:
        """An event keeps a promise, fires a trigger, withdraws an instance or states a refusal."""
        name = self.case.operation(record.operation)
        if name in self._triggers:
            self.triggers[record.seq] = record
        if name in self._cancels:
            self.withdrawn.add(record.effect.partition("|")[2])
            for instance in self._about(record.effect.partition("|")[2]):
                if self.case.flows[instance.flow].cancelled_by == name:
                    instance.withdrawn = record.seq
        refused = self._refused_by.get(name)
        if refused is not None:
            self._refuse(f"{refused}|{record.effect.partition('|')[2]}", record.version, record)
        waiting = self._open.get(record.effect)
        if waiting is not None:
            self._keep(record, waiting)

    def on_reject(self, record: Reject) -> None:
        """A definite refusal of something promised is remembered with its instance."""
        if record.definite and record.effect:
            self._refuse(record.effect, record.version, record)
            self._refusing[record.exchange] = record.effect

    def _refuse(self, effect: str, version: int, record: Reject | Emit) -> None:
        for promise in self._open.get(effect, ()):
            on_reject = self.case.flows[promise.instance.flow].on_reject
            if promise.version == version and on_reject is not None and promise.step in on_reject.of:
                promise.instance.refusals[effect] = record

    def on_response(self, record: ResponseFirst) -> None:
        """A refusal is told."""
        if self._refusing and record.exchange in self._refusing:
            del self._refusing[record.exchange]
            self.revealed_refusals[record.exchange] = record.seq

    def on_deliver(self, record: Deliver) -> None:
        """A trigger is told."""
        if record.emit in self.triggers:
            self.delivered.setdefault(record.emit, record)

    def on_ack(self, record: Ack) -> None:
        """A trigger was acknowledged; of those whose instances are finished nothing is kept."""
        if record.emit in self.triggers and 200 <= record.status < 300:
            self.acknowledged[record.emit] = record

    def on_quiesce(self, record: Quiesce) -> None:
        """The run came to rest, or gave up."""
        self.settled = record

    def overtaken(self, promise: Promise) -> bool:
        """Whether a later version of the same was promised, so that this one need not happen any more."""
        return not promise.exact and self._promised.get(promise.effect, 0) > promise.version

    def released(self, instance: Instance, seen: frozenset[str] = frozenset()) -> bool:
        """Whether nothing more can be demanded of an instance: excused itself, or overtaken by one that is.

        A change whose item was taken further by a later change waits for that one; if the later one was refused or
        withdrawn, the earlier cannot be completed any more by anybody.
        """
        if instance.excused:
            return True
        return any(
            self.overtaken(promise)
            and (later := self._latest[promise.effect]).name not in seen
            and self.released(later, seen | {instance.name})
            for promise in instance.open.values()
        )

    def missing(self, instance: Instance) -> list[Promise]:
        """What of an instance should have happened and did not."""
        if self.released(instance):
            return []
        return [promise for promise in instance.open.values() if not self.overtaken(promise)]

    def withdrawn_effect(self, effect: str) -> bool:
        """Whether the newest promise of a state effect was withdrawn: then either version may be held."""
        latest = self._latest.get(effect)
        return latest is not None and latest.subject in self.withdrawn

    def unsettled_effects(self) -> set[str]:
        """Effects that are still promised: refused, withdrawn, overtaken, or missing and reported as such."""
        return {promise.effect for instance in self.instances.values() for promise in instance.open.values()}

    def plant(self, instance: Instance) -> str:
        """The plant of an instance."""
        return instance.plant or next((plant_of(p.effect) for p in instance.open.values()), "")
