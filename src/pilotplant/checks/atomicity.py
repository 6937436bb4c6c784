"""What belongs together is done together or taken back; what others changed meanwhile is not overwritten.

Convicts by what the ledger holds: which effects of an instance came about and which were refused, what was taken back
by whom after which answer, and which version of something had been told to the target before it wrote.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.folds.recent import Recent
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import (
    Commit,
    Crash,
    Deliver,
    Emit,
    Ending,
    Read,
    Reject,
    Request,
    ResponseEnd,
    ResponseFirst,
)
from pilotplant.systems import catalog

_LOOK_UPS = {"erp.stock.documents": "erp.stock.post"}
"""Queries that are asked before something is done again, and what is decided on their answer."""


@dataclass(slots=True)
class _Entity:
    """Something that others change too, under optimistic locking."""

    known: int = 0
    """The newest version that the target can have been told of."""
    read: int = 0
    """The newest version that it has read."""
    others: list[Commit] = field(default_factory=list)
    """What others changed since the target read it last."""


class Atomicity(Check):
    """Compensation and concurrent change."""

    NAME: ClassVar[str] = "atomicity"
    ABOUT: ClassVar[str] = "All or nothing: what fails half-way is taken back once, and nobody's change is overwritten."

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        operations = catalog.operations()
        self._locked = frozenset(name for name, operation in operations.items() if operation.etag is not None)
        numbers = case.header.operation_numbers()
        self._look_ups = {numbers[query]: write for query, write in _LOOK_UPS.items() if query in numbers}
        self._counted = [case.governed(n) and n.effect == "fact" and not n.event for n in case.header.operations]
        self._guarded = [named.name in self._locked for named in case.header.operations]
        self._open: dict[int, Commit] = {}
        """The last fact of each exchange that is not over."""
        self._unanswered: Recent[str, ResponseEnd] = Recent()
        """Documents that were booked and whose answer was lost."""
        self._taken_back: Recent[str, list[Commit]] = Recent()
        """Facts that the target took back."""
        self._reversed: Recent[tuple[int, tuple[str, ...]], int] = Recent()
        self._reversing: dict[int, tuple[int, tuple[str, ...]]] = {}
        self._again: list[tuple[int, Reject]] = []
        self._entities: dict[tuple[int, str], _Entity] = {}
        """By system and the last of its keys."""
        self._telling: dict[int, list[tuple[int, str, int]]] = {}
        self._announced: dict[int, tuple[_Entity, int]] = {}
        self._warned: Recent[tuple[int, int], tuple[Reject, int]] = Recent()
        self._writing: dict[int, Request] = {}
        self._overwritten: list[tuple[Commit, Commit, bool]] = []
        self._asked: Recent[str, tuple[int, int]] = Recent()
        """By what is decided on it, the last look-up: its request and its answer."""
        self._asking: dict[int, str] = {}
        self._blind: list[tuple[Commit, int]] = []

    def applies(self) -> bool:
        return bool(self.case.flows)

    def handlers(self) -> Handlers:
        def written(named: Named) -> bool:
            counted = named.effect == "fact" and not named.event and self.case.governed(named)
            return counted or named.name in self._locked or named.name == "erp.stock.reverse"

        return {
            Request: (
                lambda named: (
                    named.name in self._locked or named.name in _LOOK_UPS or named.name == "erp.stock.reverse"
                ),
                self.on_request,
            ),
            Commit: (written, self.on_commit),
            Reject: (lambda named: named.name in self._locked or named.name == "erp.stock.reverse", self.on_reject),
            Read: (None, self.on_read),
            Emit: (lambda named: named.name == "erp.production_order.changed", self.on_emit),
            Deliver: (None, self.on_deliver),
            ResponseFirst: (None, self.on_first),
            ResponseEnd: (None, self.on_end),
            Crash: (None, self.on_crash),
        }

    # --- what goes by ------------------------------------------------------------------------------------------------

    def on_request(self, record: Request) -> None:
        """A look-up, a reversal, or a change of something that others change too."""
        write = self._look_ups.get(record.operation)
        if write is not None:
            self._asking[record.seq] = "|".join((write, *record.keys))
        elif self._guarded[record.operation]:
            self._writing[record.seq] = record
        else:
            self._reversing[record.seq] = (record.system, record.keys)

    def on_commit(self, record: Commit) -> None:
        """Something came about or was taken back."""
        if self._counted[record.operation]:
            self.examined += 1
            if record.exchange:
                self._open[record.exchange] = record
                if record.repeat_of:
                    self._note_repeated(record)
        elif self._guarded[record.operation]:
            self._note_change(record)
        elif record.exchange:
            for effect in dict.fromkeys(record.undoes):
                self._taken_back[effect] = [*(self._taken_back.get(effect) or ())[-3:], record]

    def _note_repeated(self, record: Commit) -> None:
        asked = self._asked.get(_document(record.effect))
        if asked is not None and asked[1] < record.exchange:
            self._blind.append((record, asked[0]))

    def on_read(self, record: Read) -> None:
        """A query shows something."""
        exchange = record.exchange
        for effect, version in record.revealed:
            if effect.partition("|")[0] in self._locked:
                shown = (record.system, effect.rpartition("|")[2], version)
                self._telling.setdefault(exchange, []).append(shown)
        if exchange in self._asking:  # it showed a booking: nobody decides on its absence
            self._asked.pop(self._asking.pop(exchange))

    def _note_change(self, record: Commit) -> None:
        """Whether it changes again what somebody else had changed since it was read."""
        self.examined += 1
        key = (record.system, record.effect.rpartition("|")[2])
        entity = self._entities.setdefault(key, _Entity()) if record.exchange else self._entities.get(key)
        if entity is None:
            return  # the target knows nothing of it
        if not record.exchange:
            if entity.read:
                entity.others.append(record)
            return
        fields = set(record.facet.split())
        theirs = next((other for other in reversed(entity.others) if fields & set(other.facet.split())), None)
        request = self._writing.get(record.exchange)
        if theirs is not None and entity.read < theirs.version:
            warned = self._warned.pop((record.system, request.fingerprint)) if request is not None else None
            if entity.known < theirs.version:
                self._overwritten.append((theirs, record, False))
            elif warned is not None and 0 < warned[1] < record.exchange:
                self._overwritten.append((theirs, record, True))
        entity.others.clear()
        entity.read = entity.known = record.version

    def on_reject(self, record: Reject) -> None:
        """What was refused because somebody else was faster, or because it had been taken back before."""
        if record.code == "precondition-failed" and record.exchange in self._writing:
            request = self._writing[record.exchange]
            self._warned[record.system, request.fingerprint] = (record, 0)
        elif record.code == "already-reversed" and record.exchange in self._reversing:
            told = self._reversed.get(self._reversing[record.exchange]) or 0
            if 0 < told < record.exchange:
                self._again.append((told, record))

    def on_emit(self, record: Emit) -> None:
        """A change is announced."""
        entity = self._entities.get((record.system, record.effect.rpartition("|")[2]))
        if entity is not None:
            self._announced[record.seq] = (entity, record.version)

    def on_deliver(self, record: Deliver) -> None:
        """And told."""
        if self._announced and record.emit in self._announced:
            entity, version = self._announced.pop(record.emit)
            entity.known = max(version, entity.known)

    def on_first(self, record: ResponseFirst) -> None:
        """An answer tells what a query showed, or that somebody else was faster."""
        if self._telling and record.exchange in self._telling:
            for system, key, version in self._telling.pop(record.exchange):
                self._note_read(self._entities.setdefault((system, key), _Entity()), version)
        if self._asking and record.exchange in self._asking and record.status < 300:
            about = self._asking.pop(record.exchange)
            self._asked[about] = (record.exchange, record.seq)
        request = self._writing.get(record.exchange) if self._writing else None
        if request is not None and record.status == 412:
            self._note_warning(request, record)

    def _note_read(self, entity: _Entity, version: int) -> None:
        entity.known = max(version, entity.known)
        if version >= entity.read:
            entity.read = version
            entity.others = [other for other in entity.others if other.version > version]

    def _note_warning(self, request: Request, record: ResponseFirst) -> None:
        """A refusal for a stale tag names the present one: from here on the newest version is known, and not read."""
        warned = self._warned.get((request.system, request.fingerprint))
        if warned is not None:
            self._warned[request.system, request.fingerprint] = (warned[0], record.seq)
        entity = self._entities.get((request.system, request.keys[-1] if request.keys else ""))
        if entity is not None and entity.others:
            entity.known = max(entity.known, entity.others[-1].version)

    def on_end(self, record: ResponseEnd) -> None:
        """Whether the caller was told what had come about."""
        exchange = record.exchange
        booked = self._open.pop(exchange, None) if self._open else None
        if booked is not None and record.ending != Ending.SENT:
            self._unanswered[_document(booked.effect)] = record
        if self._reversing and exchange in self._reversing:
            document = self._reversing.pop(exchange)
            if record.ending == Ending.SENT and document not in self._reversed:
                self._reversed[document] = record.seq
        if self._writing:
            self._writing.pop(exchange, None)
        if self._asking:
            self._asking.pop(exchange, None)

    def on_crash(self, record: Crash) -> None:
        """The next life cannot know what this one was told."""
        del record
        self._reversed = Recent()

    # --- what is said ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        settled = self.promises.settled
        if settled is not None and settled.settled:
            for instance in self.promises.instances.values():
                self._judge(instance)
            for effect in self.promises.owed_again():
                self._judge_undone(effect, self._taken_back.get(effect) or [])
        for told, reject in self._again:
            self._report_again(told, reject)
        for theirs, ours, warned in self._overwritten:
            self._report_overwritten(theirs, ours, warned)
        self._report_blind()
        if not self.examined:
            self.idle = "nothing was booked and nothing changed that others change too"

    def _judge(self, instance: Instance) -> None:
        """Half of it stands, and the other half was refused for good. A person who was told of that may still make it
        whole, so then it is only a warning."""
        refusals = self.promises.standing_refusals(instance)
        if not refusals or instance.withdrawn or self.case.flows[instance.flow].coalesce != "every":
            return
        undone = self.promises.undone
        standing = [p.terms.step for p in instance.promises if not p.open and p.effect not in undone]
        done = {step: instance.steps[step].seq for step in standing}
        if not done:
            return
        effect, refusal = next(iter(refusals.items()))
        where, what = self.case.system(refusal.system), effect_in_words(effect, refusal.version)
        listed = ", ".join(done)
        seq = max(done.values())
        told = bool(instance.exception)
        then = (
            "was not taken back: a person has to put it right" if told else "was neither taken back nor told to anybody"
        )
        self.findings.append(
            Finding(
                self.NAME,
                f"{instance.name}: {listed} {'are' if len(done) > 1 else 'is'} booked, {what} was refused for good "
                f"(#{refusal.seq}), and what is booked {then}.",
                (
                    Proof(seq, 0.0, where, f"{listed}: booked"),
                    self.case.proof(refusal, where, f"refuses {what}", self.case.target),
                ),
                plant=self.promises.plant(instance),
                instance=instance.name,
                flow=self.case.flows[instance.flow].flow,
                step="no-compensation",
                severity=Severity.WARN if told else Severity.FAIL,
                effect=effect,
            )
        )

    def _judge_undone(self, effect: str, records: list[Commit]) -> None:
        if not records:
            return  # somebody else did
        lost = self._unanswered.get(_document(effect))
        last = records[-1]
        where, what = self.case.system(last.system), effect_in_words(effect)
        if len(records) > 1:
            sentence = (
                f"The {what} was taken back {len(records)} times (#{records[-2].seq}, #{last.seq}), and now it is "
            )
            proof = [self.case.proof(each, where, f"the {what} is taken back") for each in records[-3:]]
            self._report("compensated-twice", effect, f"{sentence}missing.", proof)
        elif lost is not None and lost.seq < last.exchange:
            sentence = (
                f"The {what} was booked and only its answer lost (#{lost.seq}); the target took it back at #{last.seq} "
                "and did not book it again."
            )
            proof = [
                self.case.proof(lost, where, "the answer is lost"),
                Proof(last.exchange, 0.0, self.case.target, "takes it back", where),
                self.case.proof(last, where, f"the {what} is taken back"),
            ]
            self._report("compensated-success", effect, sentence, proof)

    def _report_again(self, told: int, reject: Reject) -> None:
        where = self.case.system(reject.system)
        proof = [
            Proof(told, 0.0, where, "the reversal is answered: done", self.case.target),
            Proof(reject.exchange, 0.0, self.case.target, "reverses it again", where),
            self.case.proof(reject, where, "it was reversed before"),
        ]
        sentence = (
            f"{where} was asked at #{reject.exchange} to reverse once more what it had reversed and said so (#{told})."
        )
        self._report("compensated-twice", f"erp.stock.reverse|{reject.exchange}", sentence, proof, Severity.WARN)

    def _report_overwritten(self, theirs: Commit, ours: Commit, warned: bool) -> None:
        where, what = self.case.system(ours.system), effect_in_words(ours.effect)
        both = " and ".join(sorted(set(theirs.facet.split()) & set(ours.facet.split())))
        how = "after it had been told so, without reading it again" if warned else "which nothing had told it of"
        proof = [
            self.case.proof(theirs, where, f"somebody changes the {both}"),
            Proof(ours.exchange, 0.0, self.case.target, f"changes the {both}", where),
            self.case.proof(ours, where, "the change of the other is lost"),
        ]
        sentence = f"{where}: the target overwrote at #{ours.seq} the {both} of {what} that somebody else had changed "
        sentence += f"(#{theirs.seq}), {how}."
        self._report("stale-decision" if warned else "lost-update", ours.effect, sentence, proof)

    def _report_blind(self) -> None:
        """One finding for each document that was booked again."""
        seen: set[int] = set()
        for record, asked in self._blind:
            if record.exchange in seen:
                continue
            seen.add(record.exchange)
            where, what = self.case.system(record.system), effect_in_words(record.effect)
            proof = [
                Proof(asked, 0.0, self.case.target, "looks whether it is booked", where),
                Proof(record.repeat_of, 0.0, where, f"books {what}"),
                Proof(record.exchange, 0.0, self.case.target, "sends it again", where),
                self.case.proof(record, where, f"books {what} again"),
            ]
            sentence = (
                f"{where} booked the {what} again at #{record.seq}: the look-up that this rests on (#{asked}) did "
            )
            sentence += f"not show the booking #{record.repeat_of} yet."
            self._report("stale-decision", record.effect, sentence, proof)

    def _report(
        self, kind: str, effect: str, sentence: str, proof: list[Proof], severity: Severity = Severity.FAIL
    ) -> None:
        self.findings.append(
            Finding(
                self.NAME, sentence, tuple(proof), plant=plant_of(effect), step=kind, severity=severity, effect=effect
            )
        )


def _document(effect: str) -> str:
    """What the facts of one document have in common: operation, plant, source."""
    return "|".join(effect.split("|")[:3])
