"""Postings without an identity: which confirmation one belongs to cannot be known, but sums still have to agree.

A posting without a source document agrees with a promise in everything else: plant, movement, item, lot. It may be the
sum of several promises that nothing else keeps; no more may be booked in this way than they ask for, and no less.
Where quantities are not known, each posting counts for one promise.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

from pilotplant.checks.folds.instance import Promise
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.records import Commit

_Likeness = tuple[str, ...]
"""An effect without the key that would identify it."""
ROUNDED = 0.001
"""A rounded quantity differs by so much at most, and a sum of them by so much for each."""


class Surplus(NamedTuple):
    """Postings of which there are more than anything asks for."""

    records: list[Commit]
    asked: int
    """How many are asked for, where there are too many."""
    held: float
    wanted: float
    """How much there is and how much is asked for, where it is too much."""


class Accounting:
    """Which missing promises may have been kept by postings without an identity. Nothing counts twice."""

    def __init__(self, promises: Promises) -> None:
        self._left = Counter({likeness: len(found) for likeness, found in by_likeness(promises).items()})
        self._taken: Counter[_Likeness] = Counter()
        self._places = places_of(promises)
        self._amounts = dict(promises.sums.amounts)
        refused = [effect.split("|") for effect in promises.sums.refused]
        places = [(parts, place) for parts in refused for place, part in enumerate(parts) if not part]
        self._refused = {_without(parts, place) for parts, place in places}
        self._refused_places = {(parts[0], place) for parts, place in places}

    def __bool__(self) -> bool:
        return bool(self._left or self._refused)

    def take(self, promise: Promise) -> bool:
        """Whether what is not used up yet may be, or hold, what was promised."""
        refused = likenesses(promise.effect, self._refused_places) if self._refused else ()
        if promise.instance.exception and any(each in self._refused for each in refused):
            return True  # somebody was told, so it may have been part of what was refused
        asked = self._amounts.get(promise.effect)
        for likeness in likenesses(promise.effect, self._places):
            held = self._amounts.get("|".join(likeness))
            if held is not None and asked is not None:
                if held >= asked - ROUNDED * (self._taken[likeness] + 1):
                    self._taken[likeness] += 1
                    self._amounts["|".join(likeness)] = held - asked
                    return True
            elif self._left[likeness] > 0:
                self._left[likeness] -= 1
                return True
        return False


def surplus(promises: Promises) -> list[Surplus]:
    """Postings of which there are more than anything asks for."""
    found = by_likeness(promises)
    if not found:
        return []
    places, amounts = places_of(promises), promises.sums.amounts
    asked: Counter[_Likeness] = Counter()
    wanted: dict[_Likeness, float] = defaultdict(float)
    for instance in promises.instances.values():
        for effect in {promise.effect for promise in instance.open}:
            for likeness in likenesses(effect, places):
                asked[likeness] += 1
                wanted[likeness] += amounts.get(effect, float("inf"))  # nobody knows how much it asks for
    told = (
        Surplus(records, asked[likeness], amounts.get("|".join(likeness), 0.0), wanted[likeness])
        for likeness, records in found.items()
    )
    return [
        each for each in told if len(each.records) > each.asked or each.held > each.wanted + ROUNDED * len(each.records)
    ]


def by_likeness(promises: Promises) -> dict[_Likeness, list[Commit]]:
    """Postings without an identity, by what they are alike in."""
    found: dict[_Likeness, list[Commit]] = defaultdict(list)
    for effect, record in promises.anonymous.items():
        parts = effect.split("|")
        found[_without(parts, _place(parts))].append(record)
    return found


def places_of(promises: Promises) -> set[tuple[str, int]]:
    """By operation, which of its keys stands for the missing identity."""
    split = (effect.split("|") for effect in promises.anonymous)
    return {(parts[0], _place(parts)) for parts in split}


def likenesses(effect: str, places: set[tuple[str, int]]) -> list[_Likeness]:
    """What postings without an identity would be like that could hold this effect."""
    parts = effect.split("|")
    return [_without(parts, place) for name, place in sorted(places) if name == parts[0] and place < len(parts)]


def _place(parts: list[str]) -> int:
    return next(place for place, part in enumerate(parts) if part.startswith("?"))


def _without(parts: list[str], place: int) -> _Likeness:
    return (*parts[:place], "?", *parts[place + 1 :])
