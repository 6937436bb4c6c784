"""After everything came to rest, every system holds what it should hold, given the system of record."""

from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding
from pilotplant.checks.folds.aggregated import Aggregated
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.records import Compare


class Convergence(Check):
    """Compares through what was intended. What is missing altogether is reported by completeness, not twice."""

    NAME: ClassVar[str] = "convergence"
    ABOUT: ClassVar[str] = "At rest, every system holds what the system of record says."

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._differing: list[Compare] = []
        self._unsettled: set[str] | None = None
        """Effects that are judged elsewhere; all promises are known when the first comparison comes."""

    def applies(self) -> bool:
        return self.case.compared()

    def handlers(self) -> Handlers:
        return {Compare: (None, self.on_compare)}

    def on_compare(self, record: Compare) -> None:
        """A system was compared with what is intended."""
        if self._unsettled is None:
            self._unsettled = self.promises.unsettled_effects()
        if record.effect in self._unsettled or self.promises.withdrawn_effect(record.effect):
            return
        named = self.case.header.operations[record.operation]
        if not self.case.governed(named) and self.promises.unnamed.excuses(record):
            return
        self.examined += 1
        if record.difference:
            self._differing.append(record)

    def finish(self) -> None:
        self.examined += Aggregated(self.promises).kept  # sums were compared with what all of them are meant to be
        if self.promises.settled is None:
            self.doubt(
                "The run ended before the estate came to rest; nothing was compared.", "let the run end by itself"
            )
            return
        if self._differing and not self.promises.settled.settled and not self.promises.lives.over:
            self.doubt(
                f"When the wait was given up {len(self._differing)} comparison(s) differed; the target may still have "
                "been at work on them.",
                "raise `quiescence.give_up`, or see what keeps the target busy",
            )
            return
        for record in self._differing:
            where = self.case.system(record.system)
            what = effect_in_words(record.effect)
            proof = self.case.proof(record, where, record.difference)
            self.findings.append(
                Finding(
                    self.NAME,
                    f"{where} holds something else than intended for {what}: {record.difference}.",
                    (proof,),
                    plant=plant_of(record.effect),
                    step=record.effect.partition("|")[0],
                    effect=record.effect,
                )
            )
