"""What happened can be traced back to its cause, and what was given up has an owner and names what it is about."""

from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.instance import Promise
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import EXCEPTION, Promises
from pilotplant.checks.folds.recent import Recent
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Commit, Deliver, Emit, Read, Reject, Request

_LOST_MAX = 200
_OPEN_MAX = 5_000
_INCOMPLETE = frozenset(("invalid-request", "malformed-json"))


class Traceability(Check):
    """Correlation of requests with the events that caused them; exceptions that somebody can act on."""

    NAME: ClassVar[str] = "traceability"
    ABOUT: ClassVar[str] = (
        "Requests carry the trace of what caused them, and exceptions say whose they are and of what."
    )

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._draws = Draws(case.header.seed)
        self._sent: Recent[int, str] = Recent(_OPEN_MAX)
        """What requests carried."""
        self._known: Recent[str, int] = Recent()
        """Traces of events, and the trigger of each."""
        self._looked = 0
        self._expected = (0, "")
        """The trigger that was asked about last, and the trace that its event carries."""
        self._carried = 0
        self._judged = 0
        """The last exchange that was found to carry its trace."""
        self._lost: dict[int, tuple[Promise, Commit, str]] = {}
        """By exchange, what came without the trace of its cause."""
        self._triggers = {trigger for flow in case.flows for trigger in flow.triggers}
        self._seen: Recent[str, int] = Recent()
        """What the target has found by looking for itself, and when first: an answer carries no trace."""
        self._raised: list[Commit] = []
        self._refused: list[Reject] = []
        promises.on_kept.append(self._on_kept)

    def applies(self) -> bool:
        return bool(self.case.flows)

    def handlers(self) -> Handlers:
        def caused(named: Named) -> bool:
            return self.case.governed(named) and not named.event

        return {
            Request: (caused, self.on_request),
            Read: (None, self.on_read),
            Commit: (lambda named: named.name == EXCEPTION, self.on_exception),
            Reject: (lambda named: named.name == EXCEPTION, self.on_refused),
        }

    # --- what goes by ------------------------------------------------------------------------------------------------

    def on_request(self, record: Request) -> None:
        """A request that may keep a promise."""
        self._sent[record.seq] = record.traceparent

    def on_read(self, record: Read) -> None:
        """An answer lists what events state as well."""
        for effect, _version in record.revealed:
            if effect.partition("|")[0] in self._triggers and effect not in self._seen:
                self._seen[effect] = record.exchange

    def on_exception(self, record: Commit) -> None:
        """An exception was raised. Whether it is about anything known is seen at the end."""
        if record.exchange:
            self.examined += 1
            _plant, subject = record.effect.split("|")[1:3]
            if not subject.strip() or not self.promises.concerned(subject):
                self._raised.append(record)

    def on_refused(self, record: Reject) -> None:
        """The desk did not take an exception."""
        if record.code in _INCOMPLETE:
            self._refused.append(record)

    def _on_kept(self, promise: Promise, record: Commit | Emit) -> None:
        if isinstance(record, Emit):  # an answer: whoever acts on it carries its trace on
            self._known[self._draws.token(f"trace|{record.event_id}")] = promise.instance.trigger
            return
        exchange = record.exchange
        if not exchange or exchange == self._judged:
            return
        self.examined += 1
        if len(self._lost) >= _LOST_MAX and not self._carried:
            return  # it begins traces of its own
        trigger = promise.instance.trigger
        if trigger != self._expected[0]:
            self._expected = (trigger, self._trace(trigger))
        expected = self._expected[1]
        sent = (self._sent.get(exchange) or "")[3:35]
        if sent and sent == expected:
            self._carried += 1
            self._judged = exchange
            if self._lost:
                self._lost.pop(exchange, None)
        elif expected and len(self._lost) < _LOST_MAX and not (sent and self._of_another(sent)):
            if 0 < (self._seen.get(self.promises.triggers[trigger].effect) or 0) < exchange:
                return  # who polls has no event whose trace it could carry on
            told = self.promises.delivered.get(trigger)
            if not isinstance(told, Deliver) or told.seq > exchange:
                return  # nor has who does by the way what no event has told it yet
            self._lost[exchange] = (promise, record, sent)

    def _trace(self, trigger: int) -> str:
        """The trace that the event carries: like all that is drawn, it follows from the seed."""
        emit = self.promises.triggers.get(trigger)
        if emit is None:
            return ""
        trace = self._draws.token(f"trace|{emit.event_id}")
        self._known[trace] = trigger
        return trace

    def _of_another(self, trace: str) -> bool:
        """Whether it is the trace of another event: who gathers several causes into one request has to choose."""
        if trace in self._known:
            return True
        for trigger in self.promises.triggers:
            if trigger > self._looked:
                self._trace(trigger)
                self._looked = trigger
        return trace in self._known

    # --- what is said ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        if self._carried:  # who never carries a trace on begins traces of its own on purpose
            self._report_lost()
        nobody = [
            instance
            for instance in self.promises.instances.values()
            if not instance.exception and not instance.withdrawn and self.promises.standing_refusals(instance)
        ]
        for record in self._raised:
            subject = record.effect.split("|")[2]
            if not subject.strip() or nobody:
                self._report_unnamed(record, subject, nobody[0].name if nobody else "")
        if self._refused and nobody:
            self._report_refused(self._refused[0], nobody[0].name)
        if not self.examined:
            self.idle = "the target did nothing that an event had caused"

    def _report_lost(self) -> None:
        by_step: dict[tuple[int, str], list[tuple[Promise, Commit, str]]] = {}
        for promise, record, sent in self._lost.values():
            by_step.setdefault((promise.instance.flow, promise.terms.step), []).append((promise, record, sent))
        for entries in by_step.values():
            promise, record, sent = entries[0]
            where, what = self.case.system(record.system), effect_in_words(record.effect, record.version)
            how = "a trace that no event began" if sent else "no trace at all"
            more = f" ({len(entries)} such requests)" if len(entries) > 1 else ""
            sentence = (
                f"{where} received {what} at #{record.exchange} with {how}, while {self._carried} other requests "
            )
            sentence += f"carry the trace of the event that caused them{more}."
            proof = [
                Proof(promise.instance.trigger, 0.0, "estate", f"states what causes it: {promise.instance.name}"),
                Proof(record.exchange, 0.0, self.case.target, f"sends {what} with {how}", where),
            ]
            self._add("correlation", record.effect, sentence, proof, promise.instance.name, Severity.WARN)

    def _report_unnamed(self, record: Commit, subject: str, silent: str) -> None:
        named = (
            f"is about `{subject}`, which nothing in this run is called" if subject.strip() else "names nothing at all"
        )
        sentence = f"The exception #{record.seq} {named}"
        sentence += f", and {silent}, which was refused, has none." if silent else ": nobody can act on it."
        proof = [
            Proof(record.exchange, 0.0, self.case.target, "raises an exception", self.case.system(record.system)),
            self.case.proof(record, self.case.system(record.system), f"it {named}"),
        ]
        self._add("no-instance", record.effect, sentence, proof, silent)

    def _report_refused(self, record: Reject, silent: str) -> None:
        where = self.case.system(record.system)
        sentence = (
            f"The exception desk refused {len(self._refused)} exception(s) that do not say whose they are or of what "
        )
        sentence += f"(first #{record.exchange}), and {silent}, which was refused, has none."
        proof = [
            Proof(record.exchange, 0.0, self.case.target, "raises an exception", where),
            self.case.proof(record, where, f"it is incomplete ({record.code})", self.case.target),
        ]
        self._add("incomplete", EXCEPTION, sentence, proof, silent)

    def _add(
        self,
        kind: str,
        effect: str,
        sentence: str,
        proof: list[Proof],
        instance: str,
        severity: Severity = Severity.FAIL,
    ) -> None:
        self.findings.append(
            Finding(
                self.NAME,
                sentence,
                tuple(proof),
                plant=plant_of(effect),
                instance=instance,
                step=kind,
                severity=severity,
                effect=effect,
            )
        )
