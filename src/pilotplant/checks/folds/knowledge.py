"""What was known when: for every effect that some step has to wait for, the first message that reveals it.

An edge runs from a commit to *any* message that reveals it: the answer of its own exchange, the delivery of an event
that states or announces it, a read that lists it, and anything that reveals everything of its system. Besides, whatever
a system says of an entity vouches for what stood about that entity before: an activation that is accepted, or reported
as done, shows that the structure is in place. A fact is known to a request if such a message had begun before the
request's last byte arrived. Looking too generously only misses; it cannot accuse falsely.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.ledger.header import Named
from pilotplant.ledger.merging import Moment, moment_of, undecided
from pilotplant.ledger.records import UNBELIEVABLE, Commit, Deliver, Emit, Read, Reject, ResponseFirst, Reveals

EVER = 1 << 62
"""Later than every record."""

_NEVER = Moment(inf, 0)

_Entity = tuple[int, str]
"""A system, and the keys of something in it."""


@dataclass(slots=True)
class Fact:
    """A version of an effect, when it came about and when it was first revealed (0: not yet)."""

    version: int
    system: int
    at: int
    t: float
    revealed: int = 0
    told: Moment = _NEVER
    """When that was, and by which process."""


class Knowledge:
    """Follows the effects that steps wait for."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.facts: dict[str, list[Fact]] = defaultdict(list)
        self._untold: dict[_Entity, list[Fact]] = {}
        self._by_exchange: dict[int, list[Fact]] = {}
        self._by_emit: dict[int, list[Fact]] = {}
        self._by_commit: dict[int, list[Fact]] = {}
        self._last: tuple[Commit, list[Fact]] | None = None
        self._listed: dict[int, tuple[tuple[str, int], ...]] = {}
        self._everything: dict[int, list[int]] = defaultdict(list)
        self._everything_t: dict[int, list[float]] = defaultdict(list)
        awaited = [named for named in case.header.operations if case.awaited(named)]
        self._awaited = [case.awaited(named) for named in case.header.operations]
        self._entities = {(_kind(named), named.effect_keys) for named in awaited}
        self._announcing = {_kind(named) for named in awaited if not named.event}
        """Kinds of systems whose events may announce an awaited commit, whatever they are about."""

    def handlers(self) -> dict[Any, Any]:
        """What it looks at; nothing at all where no step waits for anything."""
        if not self._entities:
            return {}
        return {
            Commit: (self._about_an_entity, self.on_commit),
            Reject: (self._about_an_entity, self.on_reject),
            Emit: (lambda named: self._about_an_entity(named) or _kind(named) in self._announcing, self.on_emit),
            Deliver: (None, self.on_deliver),
            Read: (None, self.on_read),
            ResponseFirst: (None, self.on_response),
        }

    def _about_an_entity(self, named: Named) -> bool:
        return (_kind(named), named.effect_keys) in self._entities

    def on_commit(self, record: Commit) -> None:
        """An awaited effect came about, or something else was done with its entity."""
        untold = self._untold_of(record.system, record.effect)
        told = [*untold]
        if self._awaited[record.operation]:
            fact = Fact(record.version, record.system, record.seq, record.t)
            self.facts[record.effect].append(fact)
            untold.append(fact)
            told.append(fact)
            self._by_commit[record.seq] = self._together(record, fact)
        if record.exchange and told:
            self._by_exchange.setdefault(record.exchange, []).extend(told)

    def _together(self, record: Commit, fact: Fact) -> list[Fact]:
        """The facts of one act: an event that announces the last of them announces all."""
        last = self._last
        same = last is not None and (last[0].seq, last[0].exchange, last[0].operation) == (
            record.seq - 1,
            record.exchange,
            record.operation,
        )
        facts = last[1] if last is not None and same else []
        facts.append(fact)
        self._last = (record, facts)
        return facts

    def on_reject(self, record: Reject) -> None:
        """A refusal shows what stands in its way."""
        if record.effect:
            self._by_exchange.setdefault(record.exchange, []).extend(self._untold_of(record.system, record.effect))

    def on_emit(self, record: Emit) -> None:
        """A fact was stated; it is known when the event is delivered."""
        untold = self._untold_of(record.system, record.effect)
        told = [*untold, *self._by_commit.get(record.cause, ())]
        if self._awaited[record.operation]:
            fact = Fact(record.version, record.system, record.seq, record.t)
            self.facts[record.effect].append(fact)
            untold.append(fact)
            told.append(fact)
        if told:
            self._by_emit[record.seq] = told

    def _untold_of(self, system: int, effect: str) -> list[Fact]:
        entity = (system, effect.partition("|")[2])
        untold = self._untold.get(entity, ())
        self._untold[entity] = left = [fact for fact in untold if not fact.revealed]
        return left

    def on_deliver(self, record: Deliver) -> None:
        """The first byte of a delivery is about to go out; the first delivery of an event reveals all that it can."""
        if record.emit in self._by_emit and record.bent not in UNBELIEVABLE:
            self._reveal(self._by_emit.pop(record.emit), record)

    def on_read(self, record: Read) -> None:
        """A query lists effects; they are known when its answer begins."""
        for effect, _version in record.revealed:
            told = self._untold.get((record.system, effect.partition("|")[2]))
            if told:
                self._by_exchange.setdefault(record.exchange, []).extend(told)
            if effect in self.facts:
                self._listed[record.exchange] = record.revealed

    def on_response(self, record: ResponseFirst) -> None:
        """The first byte of an answer is about to go out."""
        exchange = record.exchange
        if exchange in self._by_exchange:
            self._reveal(self._by_exchange.pop(exchange), record)
        if exchange in self._listed:
            for effect, version in self._listed.pop(exchange):
                listed = [fact for fact in self.facts.get(effect, ()) if fact.version <= version]
                self._reveal(listed, record)
        if record.reveals == Reveals.EVERYTHING:
            self._everything[record.system].append(record.seq)
            if self.case.header.segments:
                self._everything_t[record.system].append(record.t)

    def _reveal(self, facts: list[Fact], by: Deliver | ResponseFirst) -> None:
        for fact in facts:
            if not fact.revealed:
                fact.revealed, fact.told = by.seq, moment_of(by, self.case.header)

    def known(self, effect: str, version: int, request: int) -> bool:
        """Whether a caller whose request ended at `request` can have known the effect, in this version or a later."""
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

    def hardly_later(self, effect: str, version: int, asked: Moment) -> bool:
        """Whether another process than that which took the request revealed it so soon after, that nobody can say which
        of the two came first."""
        for fact in self.facts.get(effect, ()):
            if fact.version < version:
                continue
            if fact.revealed and undecided(fact.told, asked):
                return True
            position = bisect_right(self._everything[fact.system], fact.at)
            moments = self._everything_t[fact.system][position : position + 1]
            if moments and undecided(Moment(moments[0], self.case.header.segment(fact.system)), asked):
                return True
        return False

    def perhaps_told(self, effect: str, version: int, asked_t: float) -> bool:
        """Whether it came about in a system whose process was killed before the request came: what that process had
        told, nobody wrote down."""
        torn_from = self.case.header.torn_from
        return any(
            fact.version >= version and torn_from(fact.system) <= asked_t and fact.t <= asked_t
            for fact in self.facts.get(effect, ())
        )

    def first(self, effect: str, version: int) -> Fact | None:
        """The first fact of this effect in this version or a later one."""
        return next((fact for fact in self.facts.get(effect, ()) if fact.version >= version), None)


def _kind(named: Named) -> str:
    return named.name.partition(".")[0]
