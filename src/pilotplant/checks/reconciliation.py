"""After a cutover both ERPs say the same of every plant that was moved, and no order was owned twice or by nobody."""

from collections.abc import Iterator
from math import isclose
from typing import Any

from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof
from pilotplant.ledger.records import Commit, Reconcile

_RELEASE, _TAKE_OVER = "legacy.plant.release", "cloud.plant.take_over"
_WORDS = {"items": "items", "orders": "open orders", "quants": "stock quants", "documents": "documents"}


class Reconciliation(Check):
    """Items, open orders and stock agree by count, quantity and value; each order has one owner at a time."""

    NAME = "reconciliation"
    ABOUT = "What was moved is the same on both sides, and belongs to one side at a time."

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._released: dict[str, Commit] = {}
        self._taken: dict[str, Commit] = {}

    def applies(self) -> bool:
        return any(trigger.startswith("legacy.") for flow in self.case.flows for trigger in flow.triggers)

    def handlers(self) -> Handlers:
        return {
            Commit: (lambda named: named.name in (_RELEASE, _TAKE_OVER), self.on_commit),
            Reconcile: (None, self.on_reconcile),
        }

    def on_commit(self, record: Commit) -> None:
        """A plant is let go of, or taken over."""
        name, _, plant = record.effect.partition("|")
        side = self._released if name == _RELEASE else self._taken
        side[plant] = record

    def on_reconcile(self, record: Reconcile) -> None:
        """What both sides come to."""
        self.examined += 1
        if not record.differing and record.counts[0] == record.counts[1] and not _sums_differ(record):
            return
        if record.part == "documents":
            if record.differing:
                self.findings.append(self._twice(record))
            return
        self.findings.append(
            Finding(
                self.NAME,
                _sentence(record),
                tuple(self._proof(record)),
                plant=record.plant,
                step=record.part,
                effect=f"{record.part}|{record.plant}",
            )
        )

    def _twice(self, record: Reconcile) -> Finding:
        names = ", ".join(row[0] for row in record.rows[:5])
        sentence = f"At {record.plant} {record.differing} confirmations are booked in both ERPs: {names}."
        proof = (self.case.proof(record, "cloud", "compared at rest"),)
        effect = f"documents|{record.plant}"
        return Finding(self.NAME, sentence, proof, plant=record.plant, step="documents", effect=effect)

    def _proof(self, record: Reconcile) -> Iterator[Proof]:
        for name, _was, _is, changed, loaded in record.rows[:3]:
            if loaded:
                yield Proof(loaded, 0.0, "cloud", f"{name} was loaded")
            if changed:
                yield Proof(changed, 0.0, "legacy", f"{name} was changed")
        yield self.case.proof(record, "cloud", "both sides were compared at rest")

    def finish(self) -> None:
        for plant, taken in self._taken.items():
            released = self._released.get(plant)
            self.examined += 1
            if released is None or taken.seq < released.seq:
                until = f"until #{released.seq}" if released is not None else "to the end"
                sentence = f"The orders of {plant} were owned twice: taken over at #{taken.seq}, and kept {until}."
                proof = [self.case.proof(taken, "cloud", f"took {plant} over")]
                if released is not None:
                    proof.append(self.case.proof(released, "legacy", f"let go of {plant}"))
                self._own(plant, sentence, proof)
        for plant, released in self._released.items():
            if plant not in self._taken and not self._over:
                self.doubt(
                    f"When the run ended {plant} had been released and not yet been taken over; the target may still "
                    "have been about to.",
                    "raise `quiescence.give_up`, or see what keeps the target busy",
                )
            elif plant not in self._taken:
                sentence = f"The orders of {plant} belong to nobody: released at #{released.seq}, and never taken over."
                self._own(plant, sentence, [self.case.proof(released, "legacy", f"let go of {plant}")])
        if not self.examined and not self.findings:
            self.idle = "no plant was moved"

    @property
    def _over(self) -> bool:
        """Whether nothing more would have come: the estate was at rest, or the target is dead for good."""
        settled = self.promises.settled
        return settled is not None and (settled.settled or self.promises.lives.over)

    def _own(self, plant: str, sentence: str, proof: list[Proof]) -> None:
        effect = f"owner|{plant}"
        self.findings.append(Finding(self.NAME, sentence, tuple(proof), plant=plant, step="ownership", effect=effect))


def _sums_differ(record: Reconcile) -> bool:
    """Whether quantity or value differ by more than rows that agree may come to."""
    rounding = 0.02 + 1e-5 * max(record.counts)
    return not all(isclose(*pair, rel_tol=1e-9, abs_tol=rounding) for pair in (record.quantities, record.value))


def _sentence(record: Reconcile) -> str:
    told = [f"count {record.counts[0]:,} against {record.counts[1]:,}"]
    if any(record.quantities):
        told.append(f"quantity {record.quantities[0]:,.3f} against {record.quantities[1]:,.3f}")
    if any(record.value):
        told.append(f"value {record.value[0]:,.2f} against {record.value[1]:,.2f}")
    rows = "; ".join(
        f"{name} has to be {was or 'gone'} and is {held or 'missing'}{_history(changed, loaded)}"
        for name, was, held, changed, loaded in record.rows[:3]
    )
    if not record.differing:
        return (
            f"At {record.plant} the {_WORDS[record.part]} come to something else after the switch ({', '.join(told)}), "
            "although no row differs by itself."
        )
    more = f"; and {record.differing - 3} more" if record.differing > 3 else ""
    what = f"{record.differing:,} {_WORDS[record.part]} differ after the switch"
    return f"At {record.plant} {what} ({', '.join(told)}): {rows}{more}."


def _history(changed: int, loaded: int) -> str:
    if changed and loaded and changed > loaded:
        return f" (loaded at #{loaded}, changed at #{changed}, and never loaded again)"
    return f" (changed at #{changed}, never loaded)" if changed and not loaded else ""
