"""A running simulator: its state, its behaviour over time, and the one place where what it does is recorded."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from pilotplant.kernel.world import World
from pilotplant.ledger.records import Commit, Emit, Read, Reject
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import (
    UNWANTED,
    Event,
    EventType,
    Operation,
    Values,
    effect_id,
    event_type,
    extractor,
    version_number,
)
from pilotplant.model.outcome import Committed, Found, Outcome
from pilotplant.model.paging import Listed
from pilotplant.model.problem import Rejection
from pilotplant.model.short_hash import short_hash
from pilotplant.systems.catalog import SystemKind
from pilotplant.systems.identified import expanded
from pilotplant.systems.rows import ListSpec, Rows


class Published(NamedTuple):
    """An event that was stated: by whom, what, and where it stands in the ledger."""

    system: "System"
    type: EventType
    event: Event
    seq: int
    event_id: str
    effect: str = ""
    version: int = 0


NEVER = float("-inf")
"""Before every moment."""

Listener = Callable[[Published], None]
_encode_json = msgspec.json.Encoder().encode


class System:
    """One simulator of the estate: `plm`, `erp`, `mes@DE01` …"""

    def __init__(
        self,
        kind: SystemKind,
        name: str,
        plants: tuple[str, ...],
        state: Any,
        parameters: Any,
        world: World,
        ledger: LedgerWriter,
        lists: ListSpec | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.plants = plants
        self.state = state
        self.parameters = parameters
        self.world = world
        self.ledger = ledger
        self.number = ledger.systems[name]
        self.listeners: list[Listener] = []
        self.witnesses: list[Callable[[str], None]] = []
        """Told of every effect and every fact that is stated; for those who count while the estate works."""
        self.working = True
        """Whether the system does things of its own accord; while a run comes to rest it only finishes and answers."""
        self.jobs_open = 0
        """Work accepted but not finished, in wire time: quiescence waits for it."""
        self.silent_since = NEVER
        """When it was last asked something that it will never answer, in wire time."""
        self.operations: Mapping[str, Operation] = kind.operations
        """As this target may call them: with the custom fields that its document asks for."""
        self.identified: Callable[[Operation, Any], Any] | None = None
        """Finds the identities in a command by rules of the target, if it has any."""
        self.on_effect: Callable[[str, str, int], None] | None = None
        """Told of every effect that is committed (operation, identity, exchange), for whoever watches a target."""
        self.intends: Callable[[str, Any], bool] = lambda _effect, _command: True
        """Set by the estate: whether a correct middleware would have sent this command for this effect."""
        self._standing: dict[int, int] = {}
        """Where each fact was committed, by the hash of its identity: the text itself is too much for a long run."""
        self._repeats: Counter[int] = Counter()
        self._newest: dict[str, tuple[int, int]] = {}
        self._effects: dict[str, _EffectReader] = {}
        self._events = 0
        self._rows = Rows(name, kind.operations, lists or ListSpec(), world)
        self.behaviour = kind.behaviour(self)

    def apply(self, operation: Operation, command: Any, exchange: int = 0) -> Outcome:
        """Carry out a command and record what came of it. `exchange` 0: the system (or a stimulus) acts by itself."""
        now = self.world.now()
        outcome = operation.handler(self.state, command, now)
        if isinstance(outcome, Listed):
            outcome = self._rows.answer(operation, command, outcome)
        if isinstance(outcome, Committed):
            self._commit(operation, command, outcome, exchange, now.wire)
        elif isinstance(outcome, Found):
            if outcome.reveals:
                number = self.ledger.operations[operation.name]
                self.ledger.write(Read, now.wire, self.number, exchange, number, outcome.reveals)
        else:
            self.reject(operation, command, outcome.rejection, exchange)
        return outcome

    def publish(self, event: Event, cause: int = 0) -> int:
        """State a business fact: record it, then tell whoever listens."""
        declared = event_type(event)
        self._events += 1
        event_id = f"{self.name}-{self.world.mark}{self._events:08d}"
        effect, version = self._reader(declared.name, declared.effect.keys, declared.effect.version, "").one(event)
        self._rows.note(declared.effect.keys, effect)
        seq = self.ledger.write(
            Emit,
            self.world.env.now,
            self.number,
            self.ledger.operations[declared.name],
            effect,
            version,
            event_id,
            cause,
            self.ledger.body(_encode_json(event)),
        )
        for listener in self.listeners:
            listener(Published(self, declared, event, seq, event_id, effect, version))
        for witness in self.witnesses:
            witness(effect)
        return seq

    def newest(self, effect: str) -> int:
        """The newest version of a state effect that was committed in this run; 0 if none was."""
        return self._newest.get(effect, (0, 0))[0]

    def stands(self, effect: str) -> bool:
        """Whether a fact was committed in this run and not taken back."""
        return short_hash(effect) in self._standing

    def documents(self, operation: Operation, command: Any) -> tuple[str, ...]:
        """The identities of what a command would change."""
        effect = operation.effect
        reader = self._reader(operation.name, effect.keys, effect.version, effect.each)
        return tuple(identity for identity, _version in reader.all(command))

    def newest_commit(self, effect: str) -> int:
        """Which commit that was; 0 if there was none."""
        return self._newest.get(effect, (0, 0))[1]

    def changed(self) -> tuple[str, ...]:
        """The state effects that were committed in this run."""
        return tuple(self._newest)

    def _commit(self, operation: Operation, command: Any, outcome: Committed, exchange: int, t: float) -> None:
        number, counted = self.ledger.operations[operation.name], operation.counted
        facet = getattr(command, operation.facet) if operation.facet else ""
        undone = outcome.undoes
        if undone:
            self._undo(undone)
        cause = 0
        for effect, version in self._effects_of(operation, command, outcome):
            repeat_of = stale_over = 0
            fact = short_hash(effect)
            if operation.discloses and not self.intends(effect, command):
                facet = UNWANTED
            if counted:
                repeat_of = self._standing.get(fact, 0)
            elif outcome.stale:
                newest, by = self._newest.get(effect, (0, 0))
                stale_over = by if outcome.effects is None or newest > version else 0  # of many rows, those that are
            cause = self.ledger.write(
                Commit, t, self.number, exchange, number, effect, version, repeat_of, stale_over, facet, undone
            )
            if self.on_effect is not None:
                self.on_effect(operation.name, effect, exchange)
            if counted:
                if repeat_of:
                    self._repeats[fact] += 1
                else:
                    self._standing[fact] = cause
            elif facet != "staged" and version >= self._newest.get(effect, (0, 0))[0]:
                self._newest[effect] = (version, cause)
            self._rows.note(operation.effect.keys, effect)
            for witness in self.witnesses:
                witness(effect)
        for row in outcome.touches:
            self._rows.touch(*row)
        for event in outcome.emit:
            self.publish(event, cause)
        for job in outcome.jobs:
            self.behaviour.start_job(job)

    def _undo(self, effects: tuple[str, ...]) -> None:
        """Facts that were taken back do not stand any more; of one that was booked twice, one booking remains."""
        for fact in map(short_hash, effects):
            if self._repeats[fact]:
                self._repeats[fact] -= 1
            else:
                self._standing.pop(fact, None)

    def reject(self, operation: Operation, command: Any, rejection: Rejection, exchange: int) -> None:
        """Record a refusal, with what would have been done."""
        reader = self._reader(operation.name, operation.effect.keys, operation.effect.version, operation.effect.each)
        effects = reader.all(command) or [("", 0)]
        intended = all(self.intends(effect, command) for effect, _version in effects)
        for effect, version in effects:
            self.ledger.write(
                Reject,
                self.world.env.now,
                self.number,
                exchange,
                self.ledger.operations[operation.name],
                effect,
                version,
                rejection.code,
                rejection.status,
                rejection.definite,
                intended,
                getattr(rejection, "retry_after_s", 0.0),
                getattr(rejection, "items", ()),
            )

    def _effects_of(self, operation: Operation, command: Any, outcome: Committed) -> list[tuple[str, int]]:
        if outcome.effects is not None:
            return [(effect_id(operation.name, values), version) for values, version in outcome.effects]
        effect = operation.effect
        return self._reader(operation.name, effect.keys, effect.version, effect.each).all(command)

    def _reader(self, name: str, keys: tuple[str, ...], version: str, each: str) -> "_EffectReader":
        reader = self._effects.get(name)
        if reader is None:
            reader = self._effects[name] = _EffectReader(name, keys, version, each)
        return reader


class _EffectReader:
    """Reads the identities of effects off commands and events; what a command does not say reads as empty."""

    def __init__(self, name: str, keys: tuple[str, ...], version: str, each: str) -> None:
        self.name = name
        self._keys = keys
        self._version = version
        self._each = each
        self._values: Values | None = None

    def one(self, struct: Any) -> tuple[str, int]:
        """The identity and version of the effect of a command or event."""
        if self._values is None:
            complete = set(self._keys) <= set(struct.__struct_fields__)
            self._values = extractor(self._keys) if complete else self._tolerant
        version = version_number(getattr(struct, self._version, 0)) if self._version else 0
        return effect_id(self.name, self._values(struct)), version

    def all(self, struct: Any) -> list[tuple[str, int]]:
        """The identities of all effects. Lines of one document that are the same fact are one effect."""
        if not self._each:
            return [self.one(struct)]
        identities: dict[str, int] = {}
        common = [getattr(struct, key, "") for key in self._keys]
        for element in getattr(struct, self._each):
            values = [getattr(element, key, None) or told for key, told in zip(self._keys, common, strict=True)]
            for each in expanded(values):
                identities[effect_id(self.name, each)] = 0
        return list(identities.items())

    def _tolerant(self, struct: Any) -> tuple[str, ...]:
        return tuple(str(getattr(struct, key, "")) for key in self._keys)
