"""Sums that a flow allows: several promises kept by postings that name none of them, as long as quantities agree.

Where all promises of a kind (plant, movement, item, lot) allow it and what is held is exactly what they ask for
together, they are kept. A sum is late where it was posted longer than the window after the last of them was due:
whatever it is the sum of, it waited too long.
"""

from collections import defaultdict
from typing import NamedTuple

from pilotplant.checks.folds.anonymous import ROUNDED, by_likeness, likenesses, places_of
from pilotplant.checks.folds.instance import Promise
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.records import Commit


class Late(NamedTuple):
    """A sum that was posted too late for any of what it can hold."""

    record: Commit
    promise: Promise
    waited_s: float


class Aggregated:
    """Which promises sums keep."""

    def __init__(self, promises: Promises) -> None:
        self._found = by_likeness(promises)
        self._places = places_of(promises)
        self._balanced: set[tuple[str, ...]] = set()
        self._covered: set[int] = set()
        """The postings that are part of sums that agree."""
        self.late: list[Late] = []
        self.kept = 0
        if self._found:
            self._weigh(promises)

    def _weigh(self, promises: Promises) -> None:
        amounts = promises.sums.amounts
        groups: dict[tuple[str, ...], dict[str, Promise]] = defaultdict(dict)
        for instance in promises.instances.values():
            for promise in instance.open:
                for likeness in likenesses(promise.effect, self._places):
                    groups[likeness][promise.effect] = promise
        for likeness, asked in groups.items():
            held = amounts.get("|".join(likeness))
            wanted = [amounts.get(effect) for effect in asked]
            allowed = all(promise.terms.window_s is not None for promise in asked.values())
            if held is None or not allowed or likeness not in self._found:
                continue
            known = [quantity for quantity in wanted if quantity is not None]
            if len(known) == len(wanted) and abs(sum(known) - held) <= ROUNDED * len(known):
                self._balanced.add(likeness)
                self._covered.update(record.seq for record in self._found[likeness])
                self.kept += len(asked)
                self._time(likeness, list(asked.values()))

    def _time(self, likeness: tuple[str, ...], asked: list[Promise]) -> None:
        last = max(asked, key=lambda promise: promise.instance.due)
        window_s = max(promise.terms.window_s or 0.0 for promise in asked)
        record = max(self._found[likeness], key=lambda each: each.t)
        waited_s = record.t - last.instance.due
        if window_s and waited_s > window_s:
            self.late.append(Late(record, last, waited_s))

    def keeps(self, promise: Promise) -> bool:
        """Whether a sum keeps this promise."""
        return any(likeness in self._balanced for likeness in likenesses(promise.effect, self._places))

    def covers(self, record: Commit) -> bool:
        """Whether this posting belongs to a sum that agrees."""
        return record.seq in self._covered
