"""A business fact has exactly one effect, however often it was delivered or retried."""

from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.aggregated import Aggregated
from pilotplant.checks.folds.anonymous import Surplus, surplus
from pilotplant.checks.folds.echoes import Echo, Echoes
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Commit, Deliver, Emit, Obligation, Reject, Request

_SHOWN_MAX = 1_000


class Once(Check):
    """Counts effects, never requests: a repetition that was taken back again is no violation."""

    NAME: ClassVar[str] = "once"
    ABOUT: ClassVar[str] = "Every business fact is booked exactly once."
    BY_CONSTRUCTION: ClassVar[str] = "a model repeats a booking only when it was not done and will not be"

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._echoes = Echoes(case)
        self._counted = [self._counts(named) for named in case.header.operations]
        self._reused: list[Reject] = []
        self._asked = False
        """Whether anything was asked for that is counted."""

    def applies(self) -> bool:
        return self.case.counted()

    def _counts(self, named: Named) -> bool:
        return named.effect == "fact" and not named.event and self.case.governed(named)

    def handlers(self) -> Handlers:
        echoes = self._echoes
        return {
            Obligation: (self._counts, self.on_obligation),
            Request: (echoes.concerns, echoes.on_request),
            Commit: (lambda named: self._counts(named) or echoes.concerns(named), self.on_commit),
            Emit: (lambda named: named.effect == "state" and named.event, echoes.on_emit),
            Deliver: (None, echoes.on_deliver),
            Reject: (None, self.on_reject),
        }

    def on_obligation(self, record: Obligation) -> None:
        """Something is to be booked, exactly once."""
        del record
        self._asked = True

    def on_commit(self, record: Commit) -> None:
        """A counted effect, or one that may be an echo."""
        if self._counted[record.operation]:
            self.examined += 1
        else:
            self._echoes.on_commit(record)

    def on_reject(self, record: Reject) -> None:
        """An idempotency key that stands for something else."""
        if record.code == "idempotency-key-reused" and len(self._reused) < _SHOWN_MAX:
            self._reused.append(record)

    def finish(self) -> None:
        if not self.examined and not self._asked and not self.case.surely_counted():
            self.idle = "nothing was asked for that is counted"
        documents: dict[int, list[list[Commit]]] = {}
        for repetitions in self.promises.repeats.values():
            sent = [record for record in repetitions if record.exchange]
            if sent:
                documents.setdefault(sent[0].exchange, []).append(sent)
        for repeated in documents.values():
            self._report(repeated[0], len(repeated) - 1)
        sums = Aggregated(self.promises)
        anonymous = [record for record in self.promises.anonymous.values() if not sums.covers(record)]
        if anonymous:
            self.doubt(
                f"{len(anonymous)} posting(s) carry no source document, so nothing ties them to what caused them "
                f"(the first is #{anonymous[0].seq}).",
                "set `source_document` to the number of the confirmation",
            )
        for found in surplus(self.promises):
            if not sums.covers(found.records[0]):  # several postings may be one sum
                self._report_surplus(found)
        for effect, echo in self._echoes.loops.items():
            self._report_loop(effect, echo)
        if self._reused:
            self._report_reused(self._reused)

    def _report(self, repetitions: list[Commit], others: int) -> None:
        first = repetitions[0]
        effect = first.effect
        where = self.case.system(first.system)
        what = effect_in_words(effect)
        proof = [Proof(first.repeat_of, round(first.t, 6), where, f"books {what}")]
        more = f" and {others} more of the same document" if others else ""
        times = {1: "twice", 2: "three times"}.get(len(repetitions), f"{len(repetitions) + 1} times")
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} booked the {what}{more} {times} (#{first.repeat_of}, #{first.seq}).",
                (*proof, *self._bookings(repetitions[:3], " again")),
                plant=plant_of(effect),
                step=effect.partition("|")[0],
                effect=effect,
            )
        )

    def _report_surplus(self, found: Surplus) -> None:
        """Without an identity the single posting cannot be blamed, but the sum can."""
        records = found.records
        first = records[0]
        where = self.case.system(first.system)
        what = effect_in_words(first.effect)
        booked, asked = f"{len(records)} times", f"{found.asked} such posting(s) are"
        if len(records) <= found.asked:
            booked, asked = f"to {found.held:g} in all", f"{found.wanted:g} is"
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} booked the {what} {booked} without a source document, and only {asked} asked for that "
                "nothing else accounts for.",
                tuple(self._bookings(records[:4], "")),
                plant=plant_of(first.effect),
                step=first.effect.partition("|")[0],
                effect=first.effect,
            )
        )

    def _report_loop(self, effect: str, echo: Echo) -> None:
        where, what = self.case.system(echo.written[0].system), effect_in_words(effect)
        last = echo.written[-1]
        proof = [Proof(each.exchange, 0.0, self.case.target, f"sends {what}", where) for each in echo.written]
        proof.append(Proof(echo.told, 0.0, where, "tells the target what it has just written", self.case.target))
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received the very same {what} {echo.rounds} times (last #{last.exchange}), each time after "
                "it had told the target of the time before: the target answers its own echo.",
                tuple(proof),
                plant=plant_of(effect),
                step="echo",
                effect=effect,
            )
        )

    def _report_reused(self, reused: list[Reject]) -> None:
        """What is missing for it is said by completeness; a key that is reused and comes to nothing only warns."""
        first = reused[0]
        where, what = self.case.system(first.system), self.case.operation(first.operation)
        sent = Proof(first.exchange, 0.0, self.case.target, f"sends {what} with a key that stands for another", where)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} refused {len(reused)} {what} because the idempotency key had been used for other content "
                f"(first #{first.exchange}).",
                (sent, self.case.proof(first, where, "the key stands for other content", self.case.target)),
                step="key-reused",
                severity=Severity.WARN,
                effect=f"{what}|idempotency-key",
            )
        )

    def _bookings(self, records: list[Commit], again: str) -> list[Proof]:
        proof: list[Proof] = []
        for record in records:
            where = self.case.system(record.system)
            what = effect_in_words(record.effect)
            sent = Proof(record.exchange, round(record.t, 6), self.case.target, f"sends it{again}", where)
            proof += [sent, self.case.proof(record, where, f"books {what}{again}")]
        return proof
