"""What was known when: for every effect that some step has to wait for, the first message that reveals it.

An edge runs from a commit to *any* message that reveals it: the answer of its own exchange, the delivery of an event
that states or announces it, a read that lists it, and anything that reveals everything of its system. A fact is known
to a request if such a message had begun before the request's last byte arrived. Looking too generously only misses; it
cannot accuse falsely.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.ledger.records import Commit, Deliver, Emit, Read, ResponseFirst, Reveals


@dataclass(slots=True)
class Fact:
    """A version of an effect, when it came about and when it was first revealed (0: not yet)."""

    version: int
    system: int
    at: int
    t: float
    revealed: int = 0
    event: bool = False


class Knowledge:
    """Follows the effects that steps wait for."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.facts: dict[str, list[Fact]] = defaultdict(list)
        self._by_exchange: dict[int, list[Fact]] = {}
        self._by_emit: dict[int, list[Fact]] = {}
        self._by_commit: dict[int, Fact] = {}
        self._listed: dict[int, tuple[tuple[str, int], ...]] = {}
        self._everything: dict[int, list[int]] = defaultdict(list)

    def handlers(self) -> dict[Any, Any]:
        """What it looks at; nothing at all where no step waits for anything."""
        awaited = self.case.awaited
        if not any(awaited(named) for named in self.case.header.operations):
            return {}
        return {
            Commit: (awaited, self.on_commit),
            Emit: (lambda named: named.event, self.on_emit),
            Deliver: (None, self.on_deliver),
            Read: (None, self.on_read),
            ResponseFirst: (None, self.on_response),
        }

    def on_commit(self, record: Commit) -> None:
        """An awaited effect came about."""
        fact = Fact(record.version, record.system, record.seq, record.t)
        self.facts[record.effect].append(fact)
        self._by_commit[record.seq] = fact
        if record.exchange:
            self._by_exchange.setdefault(record.exchange, []).append(fact)

    def on_emit(self, record: Emit) -> None:
        """A fact was stated; it is known when the event is delivered."""
        stated: list[Fact] = []
        if self.case.awaited(self.case.header.operations[record.operation]):
            stated.append(Fact(record.version, record.system, record.seq, record.t, event=True))
            self.facts[record.effect].append(stated[0])
        if record.cause in self._by_commit:
            stated.append(self._by_commit[record.cause])
        if stated:
            self._by_emit[record.seq] = stated

    def on_deliver(self, record: Deliver) -> None:
        """The first byte of a delivery is about to go out."""
        for fact in self._by_emit.get(record.emit, ()):
            fact.revealed = fact.revealed or record.seq

    def on_read(self, record: Read) -> None:
        """A query lists effects; they are known when its answer begins."""
        if any(effect in self.facts for effect, _version in record.revealed):
            self._listed[record.exchange] = record.revealed

    def on_response(self, record: ResponseFirst) -> None:
        """The first byte of an answer is about to go out."""
        for fact in self._by_exchange.pop(record.exchange, ()):
            if not fact.event:
                fact.revealed = fact.revealed or record.seq
        for effect, version in self._listed.pop(record.exchange, ()):
            for fact in self.facts.get(effect, ()):
                if fact.version <= version:
                    fact.revealed = fact.revealed or record.seq
        if record.reveals == Reveals.EVERYTHING:
            self._everything[record.system].append(record.seq)

    def known(self, effect: str, version: int, request: int) -> bool:
        """Whether a caller whose request ended at `request` can have known the effect, in this version or a later
        one."""
        for fact in self.facts.get(effect, ()):
            if fact.version < version:
                continue
            if 0 < fact.revealed < request:
                return True
            told = self._everything.get(fact.system, [])
            position = bisect_right(told, fact.at)
            if position < len(told) and told[position] < request:
                return True
        return False

    def first(self, effect: str, version: int) -> Fact | None:
        """The first fact of this effect in this version or a later one."""
        return next((fact for fact in self.facts.get(effect, ()) if fact.version >= version), None)
