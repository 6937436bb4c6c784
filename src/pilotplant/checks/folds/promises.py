"""The promises of the flows: which are open, kept, overtaken, withdrawn, refused or excused.

Memory is bounded by what is open: an instance whose promises are all kept is told to whoever listens and forgotten,
save a bounded number for the flow board.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.checks.folds.gates import barred
from pilotplant.checks.folds.instance import Instance, Progress, Promise, keeps, subjects_of, terms_of
from pilotplant.checks.folds.lists import ToldByLists
from pilotplant.checks.folds.lives import Lives
from pilotplant.checks.folds.outages import Outages
from pilotplant.checks.folds.silence import unanswered
from pilotplant.checks.folds.sums import Sums
from pilotplant.checks.folds.unnamed import Unnamed, is_copy
from pilotplant.checks.wording import plant_of
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import (
    UNBELIEVABLE,
    Ack,
    Amount,
    Commit,
    Compare,
    Deliver,
    Emit,
    FaultBitten,
    Obligation,
    Quiesce,
    Reject,
    ResponseEnd,
    ResponseFirst,
)

BOARD_MAX = 400
EXCEPTION = "desk.exception.raise"
ITEM = "erp.item.upsert"
ASTRAY_MAX = 1000
"""How many refused requests for what nobody asked for are kept, to see what they almost were."""


class Promises:
    """Follows every obligation."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.instances: dict[str, Instance] = {}
        self._by_subject: dict[str, dict[str, Instance]] = {}
        self.unnamed = Unnamed(self.instances)
        self.lives = Lives()
        self.finished: list[Instance] = []
        self.finished_of: Counter[int] = Counter()  # by flow, also of those of which nothing is kept
        self.expanded = 0
        self.begun = 0  # instances that there ever were
        self.settled: Quiesce | None = None
        self.withdrawn: set[str] = set()
        """Subjects that were withdrawn, also after they were carried out."""
        self.undone: dict[str, Commit] = {}
        """Facts that were taken back and not booked again, by what took them back."""
        self._alternatives: dict[str, tuple[str, ...]] = {}
        """By promised effect, what is accepted in its place."""
        self.elsewhere: set[str] = set()
        """Effects that need not be there, since something that is accepted instead came about."""
        self.repeats: dict[str, list[Commit]] = defaultdict(list)
        """Repetitions of facts that still stand twice."""
        self.anonymous: dict[str, Commit] = {}
        """Facts that nothing ties to what caused them."""
        self.sums = Sums()
        self.unaided: dict[tuple[int, str], tuple[int, Commit]] = {}
        """Steps that the target was to do and a system did by itself: how often, and the first."""
        self.intruding: list[tuple[Promise, Commit]] = []
        """Steps that a system was to do by itself and the target did."""
        self.on_finish: list[Callable[[Instance, float], None]] = []
        self.on_kept: list[Callable[[Promise, Commit | Emit], None]] = []
        self.near: dict[str, Commit | Emit] = {}
        """By effect that is still promised, what came instead: the same in another version."""
        self.astray: list[Reject] = []
        """What was refused, and what nobody had asked for."""
        self.premature: list[tuple[Instance, Reject, Commit]] = []
        """What was refused since the target itself sent only later what it builds on."""
        self._wanting: dict[str, list[tuple[Instance, Reject]]] = {}
        """Refusals by the item, as an effect, for whose want they were refused."""
        self._outages = Outages(case.declares.retry_budget)
        self._disbelieved: set[tuple[int, int]] = set()
        self.delivered: dict[int, Deliver | ResponseEnd] = {}
        """By trigger, what first told the target of it: an event that was delivered, or a list that it looked at."""
        self._waiting: dict[int, Deliver] = {}
        """Triggers in files that nobody has fetched yet."""
        self.acknowledged: dict[int, Ack] = {}
        self.triggers: dict[int, Emit] = {}
        self._open: dict[str, list[Promise]] = {}
        self._surpassed: dict[str, list[Promise]] = {}
        """Promises that a newer version has kept, of instances with others open: the older may still be refused."""
        self._promised: dict[str, int] = {}
        self._unasked: dict[tuple[str, int], Commit] = {}
        self._latest: dict[str, Instance] = {}
        """Which instance promises the newest version of a state effect."""
        self._instances_of: Counter[int] = Counter()
        self._terms = terms_of(case)
        self._refused_by = {
            step.refused_by: step.effect for flow in case.flows for step in flow.steps.values() if step.refused_by
        }
        self._cancels = {flow.cancelled_by: flow for flow in case.flows if flow.cancelled_by}
        self._triggers = {trigger for flow in case.flows for trigger in flow.triggers}
        self._told: dict[int, ResponseFirst | Deliver | None] = {}
        self._lists = ToldByLists(self.triggers, self.delivered)
        self._governed = [case.governed(named) for named in case.header.operations]

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        interesting = self._triggers | set(self._cancels) | set(self._refused_by)
        governed = self.case.governed

        def looked_at(named: Named) -> bool:
            return governed(named) or is_copy(named)

        return (
            self._lists.handlers()
            | self.lives.handlers()
            | {
                Obligation: (None, self.on_obligation),
                Commit: (
                    lambda named: (
                        not named.event and (looked_at(named) or named.effect == "fact" or named.name == ITEM)
                    ),
                    self.on_commit,
                ),
                Emit: (lambda named: governed(named) or named.name in interesting, self.on_emit),
                Reject: (looked_at, self.on_reject),
                Deliver: (None, self.on_deliver),
                Ack: (None, self.on_ack),
                ResponseFirst: (None, self.on_response),
                Quiesce: (None, self.on_quiesce),
                Amount: (None, self.sums.on_amount),
                Compare: (None, self.on_compare),
                FaultBitten: (None, self._outages.on_bitten),
            }
        )

    def on_obligation(self, record: Obligation) -> None:
        """A promise was made."""
        key = f"{record.flow}|{record.instance}"
        instance = self.instances.get(key)
        if instance is None:
            instance = self.instances[key] = Instance(
                record.flow, record.instance, record.subject, record.plant, record.due, record.trigger
            )
            for subject in subjects_of(self.case, instance):
                self._by_subject.setdefault(subject, {})[key] = instance
            self._instances_of[record.trigger] += 1
            self.begun += 1
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
        terms = self._terms[record.flow, record.step]
        promise = Promise(record.effect, record.version, terms, record.after, instance)
        instance.promises.append(promise)
        instance.left += 1
        self._await(record.effect, promise)
        if record.accept:
            self._alternatives[record.effect] = record.accept
        for effect in record.accept:
            self._promised[effect] = max(record.version, self._promised.get(effect, 0))
            self._await(effect, promise)

    def _await(self, effect: str, promise: Promise) -> None:
        waiting = self._open.get(effect)
        if waiting is None:
            self._open[effect] = [promise]
        else:
            waiting.append(promise)

    def on_commit(self, record: Commit) -> None:
        """An effect came about, or (undoing) went away."""
        if record.undoes:
            self._undo(record)
        if not self._governed[record.operation]:
            if record.effect.startswith(EXCEPTION):
                self._note_exception(record)
            elif self._wanting and record.exchange and record.effect in self._wanting:
                self._note_premature(record)
            self.unnamed.on_commit(record)
            return
        waiting = self._open.get(record.effect)
        if waiting is not None and self._keep(record, waiting):
            self.undone.pop(record.effect, None)
            return
        if record.repeat_of:
            self.repeats[record.effect].append(record)
        elif record.effect in self.undone:
            del self.undone[record.effect]
        elif record.exchange:
            self._without_promise(record)

    def _keep(self, record: Commit | Emit, waiting: list[Promise]) -> bool:
        """Whether this kept a promise."""
        kept = False
        left: list[Promise] = []
        for promise in waiting:
            if not promise.open:
                continue  # an accepted alternative had kept it
            if keeps(record, promise):
                self._kept(promise, record)
                kept = True
            else:
                left.append(promise)
        if left:
            self._open[record.effect] = left
            if not kept:
                self.near[record.effect] = record
        else:
            del self._open[record.effect]
            if self.near:
                self.near.pop(record.effect, None)
        return kept

    def _kept(self, promise: Promise, record: Commit | Emit) -> None:
        promise.open = False
        instance, terms = promise.instance, promise.terms
        progress = instance.steps[terms.step]
        progress.kept += 1
        progress.at = record.t
        progress.seq = record.seq
        instance.seen = record
        for listener in self.on_kept:
            listener(promise, record)
        if terms.actor != "either":
            self._note_actor(promise, record)
        if record.effect != promise.effect:
            self.elsewhere.add(promise.effect)
        if instance.refusals or instance.setbacks:
            instance.make_good(promise, record.version)
        instance.left -= 1
        if not instance.left:
            self._finish(instance, record.t)
        elif record.version > promise.version > 0:
            self._surpassed.setdefault(promise.effect, []).append(promise)

    def _note_actor(self, promise: Promise, record: Commit | Emit) -> None:
        """Who did it: the target, or a system by itself. Events are always stated by a system."""
        if isinstance(record, Emit):
            return
        if promise.terms.actor == "native":
            if record.exchange:
                self.intruding.append((promise, record))
        elif not record.exchange:
            step = (promise.instance.flow, promise.terms.step)
            times, first = self.unaided.get(step, (0, record))
            self.unaided[step] = (times + 1, first)

    def _finish(self, instance: Instance, t: float) -> None:
        for listener in self.on_finish:
            listener(instance, t)
        key = f"{instance.flow}|{instance.name}"
        del self.instances[key]
        for subject in subjects_of(self.case, instance):
            about = self._by_subject[subject]
            del about[key]
            if not about:
                del self._by_subject[subject]
        if self._surpassed:
            self._forget_surpassed(instance)
        instance.promises.clear()  # promises refer to their instance: without the circle both are freed at once
        self._instances_of[instance.trigger] -= 1
        if not self._instances_of[instance.trigger]:
            del self._instances_of[instance.trigger]
            self._lists.forget(instance.trigger)
            for told in (self.triggers, self.delivered, self.acknowledged):
                told.pop(instance.trigger, None)
        self.finished_of[instance.flow] += 1
        if len(self.finished) < BOARD_MAX:
            self.finished.append(instance)

    def _forget_surpassed(self, instance: Instance) -> None:
        for promise in instance.promises:
            left = [other for other in self._surpassed.pop(promise.effect, ()) if other.instance is not instance]
            if left:
                self._surpassed[promise.effect] = left

    def _undo(self, record: Commit) -> None:
        for effect in dict.fromkeys(record.undoes):  # two equal lines of a document are one fact
            if effect.startswith(EXCEPTION):
                self._note_resolution(effect, record)
            elif self.repeats.get(effect):
                self.repeats[effect].pop()
            elif not (self.anonymous.pop(effect, None) or self._unasked.pop(self._unasked_key(effect), None)):
                self.undone[effect] = record

    def _unasked_key(self, effect: str) -> tuple[str, int]:
        """Most facts have no version; one that says which version of something it is has it in its key."""
        plain = (effect, 0)
        return plain if plain in self._unasked else next((key for key in self._unasked if key[0] == effect), plain)

    def _without_promise(self, record: Commit) -> None:
        if "|?" in record.effect:
            self.anonymous[record.effect] = record
        elif record.version > self._promised.get(record.effect, 0) or not record.version:
            self._unasked.setdefault((record.effect, record.version), record)

    def on_compare(self, record: Compare) -> None:
        """Facts are compared only if a flow or a system of record asks for them: this one was asked for after all."""
        self._unasked.pop((record.effect, 0), None)

    def _note_exception(self, record: Commit) -> None:
        plant, subject = record.effect.split("|")[1:3]
        for instance in self._about(subject, plant):
            instance.exception = record.seq
            instance.outlasted |= self._outages.outlasted(record.t)
            instance.unanswered |= unanswered(self.case, instance, record.t)

    def _note_resolution(self, exception: str, record: Commit) -> None:
        """A person resolved an exception: where a flow says so, its clock begins anew."""
        plant, subject = exception.split("|")[1:3]
        for instance in self._about(subject, plant):
            if self.case.flows[instance.flow].clock_from == "resolution":
                instance.due = max(instance.due, record.t)

    def _about(self, subject: str, plant: str = "") -> Iterator[Instance]:
        about = self._by_subject.get(subject, {}).values()
        return (instance for instance in list(about) if not plant or instance.plant == plant)

    def on_emit(self, record: Emit) -> None:
        """An event keeps a promise, fires a trigger, withdraws an instance or states a refusal."""
        name = self.case.operation(record.operation)
        if name in self._triggers:
            self.triggers[record.seq] = record
            self._lists.on_trigger(record)
        if name in self._cancels:
            self.withdrawn.add(record.effect.partition("|")[2])
            for instance in self._about(record.effect.partition("|")[2]):
                if self.case.flows[instance.flow].cancelled_by == name:
                    instance.withdrawn = record.seq
        refused = self._refused_by.get(name)
        if refused is not None and self._refuse(f"{refused}|{record.effect.partition('|')[2]}", record.version, record):
            self._told[record.seq] = None
        waiting = self._open.get(record.effect)
        if waiting is not None:
            self._keep(record, waiting)

    def on_reject(self, record: Reject) -> None:
        """A definite refusal of something promised is remembered with its instance."""
        owed = record.definite and record.intended and record.effect
        if not self._governed[record.operation]:
            self.unnamed.on_reject(record)
        elif owed and self._refuse(record.effect, record.version, record):
            self._told[record.exchange] = None
        elif owed and record.version:
            self._refuse_again(record)
        elif record.effect and not record.intended:
            if len(self.astray) < ASTRAY_MAX:
                self.astray.append(record)
            self.sums.on_stray(record)

    def _note_premature(self, record: Commit) -> None:
        """The target itself sends an item for want of which something was refused: it only had the order wrong.
        Where a change of its own asks for the item, that says nothing."""
        if f"erp.bom.release|{record.effect.partition('|')[2]}" in self._promised:
            return
        for instance, refusal in self._wanting.pop(record.effect):
            if instance.refusals.get(refusal.effect) is refusal:
                del instance.refusals[refusal.effect]
                self.premature.append((instance, refusal, record))

    def _refuse(self, effect: str, version: int, record: Reject | Emit) -> bool:
        refused = False
        still_open = [promise for promise in self._open.get(effect, ()) if promise.open]
        for promise in (*still_open, *self._surpassed.get(effect, ())):
            instance, on_reject = promise.instance, self.case.flows[promise.instance.flow].on_reject
            if promise.effect != effect or promise.version != version:
                continue
            if not promise.open or on_reject is None or promise.terms.step not in on_reject.of:
                instance.setbacks[effect] = record.seq
                continue
            instance.refusals[effect] = instance.seen = record
            refused = True
            if isinstance(record, Reject) and version:
                for item in record.needs:
                    wanted = f"{ITEM}|{plant_of(effect)}|{item}"
                    self._wanting.setdefault(wanted, []).append((instance, record))
        return refused

    def _refuse_again(self, record: Reject) -> None:
        """What was taken once is sent again, after a crash, say, and now refused for good: whoever tells a person may
        leave it there."""
        for instance in self.instances.values():
            if any(p.effect == record.effect and p.version == record.version for p in instance.promises):
                instance.setbacks[record.effect] = record.seq

    def on_response(self, record: ResponseFirst) -> None:
        """A refusal is told by its answer."""
        if self._told and record.exchange in self._told:
            self._told[record.exchange] = record

    def on_deliver(self, record: Deliver) -> None:
        """A trigger is told, or a refusal that an event states."""
        if record.bent in UNBELIEVABLE:
            self._disbelieved.add((record.emit, record.attempt))
            return
        if record.emit in self.triggers and not record.about:
            (self._waiting if record.waits else self.delivered).setdefault(record.emit, record)
        if self._told and record.emit in self._told:
            self._told[record.emit] = self._told[record.emit] or record

    def on_ack(self, record: Ack) -> None:
        """A trigger was acknowledged; of those whose instances are finished nothing is kept."""
        if self._disbelieved and (record.emit, record.attempt) in self._disbelieved:
            return
        if record.emit in self.triggers and 200 <= record.status < 300:
            self.acknowledged[record.emit] = record
            if record.emit in self._waiting:  # a file that was fetched is known
                self.delivered.setdefault(record.emit, self._waiting.pop(record.emit))

    def on_quiesce(self, record: Quiesce) -> None:
        """The run came to rest, or gave up."""
        self.settled = record

    @property
    def unpromised(self) -> list[Commit]:
        """What nothing asked for, then or later."""
        return [
            record
            for (effect, version), record in self._unasked.items()
            if not version or version > self._promised.get(effect, 0)
        ]

    def told(self, refusal: Reject | Emit) -> ResponseFirst | Deliver | None:
        """The first message that tells a refusal, if one did."""
        return self._told.get(refusal.exchange if isinstance(refusal, Reject) else refusal.seq)

    def overtaken(self, promise: Promise) -> bool:
        """Whether a later version of the same was promised, so that this one need not happen any more."""
        return not promise.terms.exact and self._promised.get(promise.effect, 0) > promise.version

    def released(self, instance: Instance, seen: frozenset[str] = frozenset()) -> bool:
        """Whether nothing more can be demanded of an instance: excused itself, or overtaken by one that is.

        A change whose item was taken further by a later change waits for that one; if the later one was refused or
        withdrawn, the earlier cannot be completed any more by anybody.
        """
        if instance.excused:
            return True
        return any(
            self.overtaken(promise)
            and (later := self._latest.get(promise.effect)) is not None
            and later.name not in seen
            and self.released(later, seen | {instance.name})
            for promise in instance.open
        )

    def standing_refusals(self, instance: Instance) -> dict[str, Reject | Emit]:
        """Refusals that were told and that this instance has to answer for: not those that a later one took over."""
        overtaken = {promise.effect for promise in instance.open if self.overtaken(promise)}
        return {e: refusal for e, refusal in instance.refusals.items() if e not in overtaken and self.told(refusal)}

    def missing(self, instance: Instance) -> list[Promise]:
        """What of an instance should have happened and did not."""
        left = [] if self.released(instance) else instance.open
        return [each for each in left if not (self.overtaken(each) or self.barred(each))]

    def barred(self, promise: Promise) -> bool:
        """Whether it waits for something at another place that was refused there for good."""
        return barred(promise, self._open)

    def withdrawn_effect(self, effect: str) -> bool:
        """Whether the newest promise of a state effect was withdrawn: then either version may be held."""
        latest = self._latest.get(effect)
        return latest is not None and latest.subject in self.withdrawn

    def unsettled_effects(self) -> set[str]:
        """Effects whose state is judged elsewhere: still promised (refused, withdrawn,
        overtaken, missing), booked twice, taken back, or done in another way that is accepted."""
        promised = {promise.effect for instance in self.instances.values() for promise in instance.open}
        promised.update(other for effect in list(promised) for other in self._alternatives.get(effect, ()))
        repeated = {effect for effect, commits in self.repeats.items() if commits}
        return promised | repeated | self.undone.keys() | self.elsewhere

    def owed_again(self) -> dict[str, Commit]:
        """Facts that were taken back and should stand: not those of an instance that is excused, which may be whole or
        not at all."""
        excused = {p.effect for instance in self.instances.values() if instance.excused for p in instance.promises}
        return {effect: record for effect, record in self.undone.items() if effect not in excused}

    def concerned(self, subject: str) -> bool:
        """Whether anything that is open, or was withdrawn, is about this."""
        return subject in self._by_subject or subject in self.withdrawn

    def plant(self, instance: Instance) -> str:
        """The plant of an instance."""
        return instance.plant or next((plant_of(promise.effect) for promise in instance.open), "")
