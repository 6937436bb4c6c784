"""What came almost as promised: the same in all but one of its keys, or in another version.

Only what is missing is compared with only what nobody asked for, each by its keys with one left out: linear.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pilotplant.checks.case import Case
from pilotplant.checks.folds.instance import Promise
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.records import Commit, Emit, Reject
from pilotplant.model.revisions import letters


class NearMiss(NamedTuple):
    """What came instead of what was promised, and in what it differs."""

    record: Commit | Emit | Reject
    key: str
    held: str
    expected: str

    def in_words(self) -> str:
        """`a request came that almost matched (#4711): `revision` was `D`, `C` expected`."""
        seq = self.record.seq if isinstance(self.record, Emit) else self.record.exchange or self.record.seq
        what = "an event came" if isinstance(self.record, Emit) else "a request came"
        return f"{what} that almost matched (#{seq}): `{self.key}` was `{self.held}`, `{self.expected}` expected"


class NearMisses:
    """Looks for what almost matched."""

    def __init__(self, case: Case, promises: Promises) -> None:
        self._names = {named.name: named.effect_keys for named in case.header.operations}
        self._versioned = promises.near
        self._by_hole: dict[tuple[str, ...], Commit | Reject] = {}
        for record in _astray(promises):
            parts = record.effect.split("|")
            for place in range(1, len(parts)):
                self._by_hole.setdefault(_holed(parts, place), record)

    def of(self, promise: Promise) -> NearMiss | None:
        """What almost kept this promise."""
        other = self._versioned.get(promise.effect)
        if other is not None and other.version and other.version != promise.version:
            return NearMiss(other, "revision", letters(other.version), letters(promise.version))
        parts = promise.effect.split("|")
        names = self._names.get(parts[0], ())
        for place in range(len(parts) - 1, 0, -1):
            record = self._by_hole.get(_holed(parts, place))
            if record is None or record.version != promise.version:
                continue
            name = names[place - 1] if place <= len(names) else f"key {place}"
            return NearMiss(record, name, record.effect.split("|")[place], parts[place])
        return None


def _astray(promises: Promises) -> Iterable[Commit | Reject]:
    yield from promises.unpromised
    yield from promises.astray


def _holed(parts: list[str], place: int) -> tuple[str, ...]:
    return (str(place), *parts[:place], "", *parts[place + 1 :])
