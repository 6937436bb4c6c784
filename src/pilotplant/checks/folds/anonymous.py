"""Postings without an identity: which confirmation one belongs to cannot be known, but sums still have to agree.

A posting without a source document agrees with a promise in everything else: plant, movement, item, lot. There may be
as many of them as there are such promises that nothing else keeps, and no more.
"""

from collections import Counter, defaultdict

from pilotplant.checks.folds.instance import Promise
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.records import Commit

_Likeness = tuple[str, ...]
"""An effect without the key that would identify it."""


class Accounting:
    """Which missing promises may have been kept by postings without an identity. Each posting counts for one."""

    def __init__(self, promises: Promises) -> None:
        self._left = Counter({likeness: len(found) for likeness, found in _by_likeness(promises).items()})
        self._places = _places(promises)

    def __bool__(self) -> bool:
        return bool(self._left)

    def take(self, promise: Promise) -> bool:
        """Whether a posting that is not used up yet may be the promised one."""
        for likeness in _likenesses(promise.effect, self._places):
            if self._left[likeness] > 0:
                self._left[likeness] -= 1
                return True
        return False


def surplus(promises: Promises) -> list[tuple[list[Commit], int]]:
    """Postings of which there are more than anything asks for, and how many are asked for."""
    found = _by_likeness(promises)
    if not found:
        return []
    places = _places(promises)
    asked: Counter[_Likeness] = Counter()
    for instance in promises.instances.values():
        for effect in {promise.effect for promise in instance.open}:
            asked.update(_likenesses(effect, places))
    return [(records, asked[likeness]) for likeness, records in found.items() if len(records) > asked[likeness]]


def _by_likeness(promises: Promises) -> dict[_Likeness, list[Commit]]:
    found: dict[_Likeness, list[Commit]] = defaultdict(list)
    for effect, record in promises.anonymous.items():
        parts = effect.split("|")
        found[_without(parts, _place(parts))].append(record)
    return found


def _places(promises: Promises) -> set[tuple[str, int]]:
    """By operation, which of its keys stands for the missing identity."""
    split = (effect.split("|") for effect in promises.anonymous)
    return {(parts[0], _place(parts)) for parts in split}


def _likenesses(effect: str, places: set[tuple[str, int]]) -> list[_Likeness]:
    parts = effect.split("|")
    return [_without(parts, place) for name, place in sorted(places) if name == parts[0] and place < len(parts)]


def _place(parts: list[str]) -> int:
    return next(place for place, part in enumerate(parts) if part.startswith("?"))


def _without(parts: list[str], place: int) -> _Likeness:
    return (*parts[:place], "?", *parts[place + 1 :])
