"""A business fact has exactly one effect, however often it was delivered or retried."""

from typing import ClassVar

from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof
from pilotplant.checks.folds.anonymous import surplus
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Commit


class Once(Check):
    """Counts effects, never requests: a repetition that was taken back again is no violation."""

    NAME: ClassVar[str] = "once"
    ABOUT: ClassVar[str] = "Every business fact is booked exactly once."

    def applies(self) -> bool:
        return self.case.counted()

    def handlers(self) -> Handlers:
        def counted(named: Named) -> bool:
            return named.effect == "fact" and not named.event and self.case.governed(named)

        return {Commit: (counted, self.on_commit)}

    def on_commit(self, record: Commit) -> None:
        """A counted effect."""
        self.examined += 1

    def finish(self) -> None:
        documents: dict[int, list[list[Commit]]] = {}
        for repetitions in self.promises.repeats.values():
            sent = [record for record in repetitions if record.exchange]
            if sent:
                documents.setdefault(sent[0].exchange, []).append(sent)
        for repeated in documents.values():
            self._report(repeated[0], len(repeated) - 1)
        anonymous = list(self.promises.anonymous.values())
        if anonymous:
            self.doubt(
                f"{len(anonymous)} posting(s) carry no source document, so nothing ties them to what caused them "
                f"(the first is #{anonymous[0].seq}).",
                "set `source_document` to the number of the confirmation",
            )
        for records, asked in surplus(self.promises):
            self._report_surplus(records, asked)

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

    def _report_surplus(self, records: list[Commit], asked: int) -> None:
        """Without an identity the single posting cannot be blamed, but the sum can."""
        first = records[0]
        where = self.case.system(first.system)
        what = effect_in_words(first.effect)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} booked the {what} {len(records)} times without a source document, and only {asked} such "
                f"posting(s) are asked for that nothing else accounts for.",
                tuple(self._bookings(records[:4], "")),
                plant=plant_of(first.effect),
                step=first.effect.partition("|")[0],
                effect=first.effect,
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
