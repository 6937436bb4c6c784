"""A business fact has exactly one effect, however often it was delivered or retried."""

from typing import ClassVar

from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.records import Commit


class Once(Check):
    """Counts effects, never requests: a repetition that was taken back again is no violation."""

    NAME: ClassVar[str] = "once"
    ABOUT: ClassVar[str] = "Every business fact is booked exactly once."

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.facts = 0
        self._twice: dict[str, list[Commit]] = {}

    def handlers(self) -> Handlers:
        return {Commit: (lambda named: named.effect == "fact", self.on_commit)}

    def on_commit(self, record: Commit) -> None:
        """A counted effect."""
        self.facts += 1
        if record.undoes:
            for effect in record.undoes:
                if self._twice.get(effect):
                    self._twice[effect].pop()
        if record.repeat_of and record.exchange:
            self._twice.setdefault(record.effect, []).append(record)

    def finish(self) -> None:
        for effect, repetitions in self._twice.items():
            if repetitions:
                self._report(effect, repetitions)
        anonymous = self.promises.anonymous
        if anonymous:
            self.doubt(
                f"{len(anonymous)} posting(s) carry no source document, so nothing ties them to what caused them "
                f"(the first is #{anonymous[0].seq}).",
                "set `source_document` to the number of the confirmation",
            )

    def _report(self, effect: str, repetitions: list[Commit]) -> None:
        first = repetitions[0]
        where = self.case.system(first.system)
        what = effect_in_words(effect)
        proof = [Proof(first.repeat_of, round(first.t, 6), where, f"books {what}")]
        for record in repetitions[:3]:
            sent = Proof(record.exchange, round(record.t, 6), self.case.target, "sends it again", where)
            proof += [sent, self.case.proof(record, where, f"books {what} again")]
        times = {1: "twice", 2: "three times"}.get(len(repetitions), f"{len(repetitions) + 1} times")
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} booked the {what} {times} (#{first.repeat_of}, #{first.seq}).",
                tuple(proof),
                plant=plant_of(effect),
                step=effect.partition("|")[0],
                effect=effect,
            )
        )
