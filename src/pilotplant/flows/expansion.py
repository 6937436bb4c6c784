"""From a trigger to obligations: this instance, this step, these keys. Done when the trigger fires, with the truth at
hand."""

from collections.abc import Callable, Container, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from pilotplant.flows.grammar import After, Alternative, FlowSpec, StepSpec
from pilotplant.flows.relations.relation import Row, relations
from pilotplant.ledger.records import Obligation
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Effect, effect_id, version_number
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import Published


@cache
def declared_effect(name: str) -> Effect:
    """The effect that an operation or event declares."""
    operation = catalog.operations().get(name)
    return operation.effect if operation else catalog.events()[name].effect


def kind_of(name: str) -> str:
    """The kind of system that an operation or event belongs to."""
    return name.partition(".")[0]


class _Step(NamedTuple):
    """A step of a flow, and what does not change from promise to promise: they are written by the hundred thousand."""

    name: str
    spec: StepSpec
    effect: str
    kind: str
    operation: int
    """Its number in the ledger."""
    relieves: bool
    """Whether a later version that asks for nothing takes the place of an earlier one that did."""


STRAYS_MAX = 10_000
"""How many facts that nobody has promised are looked at again at rest."""


class Expander:
    """Listens to the estate and writes obligations."""

    def __init__(self, flows: Sequence[FlowSpec], estate: Estate, ledger: LedgerWriter) -> None:
        self._flows = flows
        self._estate = estate
        self._ledger = ledger
        self.witnesses: list[Callable[[str, list[Obligation]], None]] = []
        """Told of every flow that was triggered, and of what it promises."""
        self.effects: dict[str, None] = {}
        """Everything that was ever promised, in order: what is compared at rest."""
        self.alternatives: dict[str, None] = {}
        """What is accepted in the place of something promised: compared if it came about."""
        self.strays: dict[str, None] = {}
        """Facts that no flow of this run has promised, though a system of record may ask for them; bounded."""
        self._facts = {
            name
            for kind in catalog.kinds().values()
            for name in kind.replicas
            if (operation := kind.operations.get(name)) is not None and operation.counted
        }
        self._steps = [self._steps_of(flow) for flow in flows]
        for system in estate:
            if not self._facts.isdisjoint(system.kind.replicas):
                system.witnesses.append(self._saw)
        self.listeners: list[Callable[[Obligation], None]] = []
        """Told of every promise: a model works them off."""

    def _steps_of(self, flow: FlowSpec) -> list[_Step]:
        """The steps that this estate has systems for."""
        known = ((name, step, step.effect, kind_of(step.effect)) for name, step in flow.steps.items())
        return [
            _Step(
                name,
                step,
                effect,
                kind,
                self._ledger.operations[effect],
                flow.coalesce == "latest" and bool(declared_effect(effect).version),
            )
            for name, step, effect, kind in known
            if self._estate.of_kind(kind)
        ]

    def on_event(self, published: Published) -> None:
        """Expand every flow that this event triggers."""
        for number, flow in enumerate(self._flows):
            if published.type.name in flow.triggers:
                expansion = _Expansion(flow, number, published, self._estate, self._ledger, self.listeners)
                expansion.write(self._steps[number], self.effects)
                self.effects.update(dict.fromkeys([promise.effect for promise in expansion.promises]))
                self.alternatives.update(dict.fromkeys(expansion.alternatives))
                for witness in self.witnesses:
                    witness(flow.flow, expansion.promises)

    def _saw(self, effect: str) -> None:
        """Something came about."""
        if effect in self.effects or effect in self.alternatives or len(self.strays) >= STRAYS_MAX:
            return
        if effect.partition("|")[0] in self._facts:
            self.strays[effect] = None


class _Expansion:
    """One trigger, one flow."""

    def __init__(
        self,
        flow: FlowSpec,
        number: int,
        published: Published,
        estate: Estate,
        ledger: LedgerWriter,
        listeners: Sequence[Callable[[Obligation], None]],
    ) -> None:
        self._listeners = listeners
        self._flow = flow
        self._number = number
        self._trigger: Any = published.event
        self._seq = published.seq
        self._estate = estate
        self._ledger = ledger
        self.promises: list[Obligation] = []
        self.alternatives: list[str] = []
        rows = relations()[flow.for_each].rows(self._trigger, {}, estate)
        self._rows = tuple(row for row in rows if _applies(flow, row))

    def write(self, steps: Sequence[_Step], before: Container[str]) -> None:
        """Write all obligations. `before`: what was promised already."""
        for step in steps:
            for row in self._rows_of(step):
                if _applies(step.spec, row):
                    self._write_one(step, row)
                elif step.relieves and self._relieves(step, row, before):
                    self._write_one(step, row, must=False)

    def _relieves(self, step: _Step, row: Row, before: Container[str]) -> bool:
        """Whether a later version that asks for nothing here takes the place of an earlier one that did."""
        effect, version = _identity(step.effect, row)
        return version > 0 and effect in before

    def _rows_of(self, step: _Step) -> Sequence[Row]:
        over, kind = step.spec.for_each, step.kind
        rows: Sequence[Row] = self._rows
        if over:
            rows = [related for row in rows for related in self._related(over, row)]
        serving = self._estate.serving
        return [row for row in rows if "plant" not in row or serving(kind, row["plant"])]

    def _related(self, relation: str, row: Row) -> list[Row]:
        return [{**row, **more} for more in relations()[relation].rows(self._trigger, row, self._estate)]

    def _write_one(self, step: _Step, row: Row, *, must: bool = True) -> None:
        spec = step.spec
        effect, version = _identity(step.effect, row)
        scope = _values(self._flow.scope)(row)
        instance, due = "@".join(scope), self._due(row)
        must = must and not self._held_before(spec, row, effect, version)
        after: tuple[tuple[str, str, int], ...] = ()
        if spec.after:
            known = (entry for needed in spec.after for entry in self._known_before(needed, row, scope))
            after = tuple(entry for entry in known if entry[1] != effect)
        accept: tuple[str, ...] = ()
        if spec.accept:
            accept = tuple(_identity(other.commit, row)[0] for other in spec.accept)
            self.alternatives.extend(accept)
        t, plant = self._estate.world.env.now, row.get("plant", "")
        told = (step.operation, effect, version, must, after, accept, due, self._seq, scope[0], plant)
        seq = self._ledger.write(Obligation, t, self._number, instance, step.name, *told)
        promise = Obligation(seq, t, self._number, instance, step.name, *told)
        self.promises.append(promise)
        for listener in self._listeners:
            listener(promise)

    def _known_before(self, needed: After, row: Row, scope: tuple[str, ...]) -> list[tuple[str, str, int]]:
        step = self._flow.steps[needed.step]
        if not self._estate.of_kind(kind_of(step.effect)):
            return []
        if not needed.over:
            rows: list[Row] = [row]
        elif needed.over == "scope":
            rows = [other for other in self._rows if tuple(other[key] for key in self._flow.scope) == scope]
        else:
            related = relations()[needed.over].rows(self._trigger, row, self._estate)
            rows = [other for other in related if _applies(self._flow, {**row, **other})]
        if step.for_each and needed.over != step.for_each:
            rows = [other for base in rows for other in self._related(step.for_each, base)]
        known: list[tuple[str, str, int]] = []
        for other in rows:
            effect, version = _identity(step.effect, other)
            if _applies(step, other) and not self._generated(step, other, effect, version):
                known.append((needed.step, effect, version))
        return known

    def _held_before(self, step: StepSpec, row: Row, effect: str, version: int) -> bool:
        """Whether the promise is kept already: in this run, or by the data that the run began with."""
        system = self._estate.serving(kind_of(step.effect), row.get("plant", ""))
        if step.accept and any(self._done_instead(other, row, version) for other in step.accept):
            return True
        if not version:
            return system is not None and system.stands(effect)
        if system is None or system.newest(effect) < version:
            return self._generated(step, row, effect, version)
        held = self._held(step, row) if step.guard == "executable" else None
        return held is None or held >= version  # what was committed may only be staged; what is held can be executed

    def _done_instead(self, other: Alternative, row: Row, version: int) -> bool:
        """Whether what is accepted in its place stands, in this version at least."""
        keys = tuple(row[key] for key in declared_effect(other.commit).keys)
        if not self._estate.stands(effect_id(other.commit, keys)):
            return False
        kind = kind_of(other.commit)
        system, replica = (
            self._estate.serving(kind, row.get("plant", "")),
            catalog.kinds()[kind].replicas.get(other.commit),
        )
        held = replica.version(system.state, keys) if replica is not None and system is not None else 0
        return held >= version

    def _generated(self, step: StepSpec, row: Row, effect: str, version: int) -> bool:
        """Whether the data that the run began with hold it; then nothing in the ledger can reveal it."""
        system = self._estate.serving(kind_of(step.effect), row.get("plant", ""))
        if not version or system is None or system.newest(effect):
            return False
        return (self._held(step, row) or 0) >= version

    def _held(self, step: StepSpec, row: Row) -> int | None:
        """The version that the system holds; nothing where it does not tell."""
        kind = kind_of(step.effect)
        system = self._estate.serving(kind, row.get("plant", ""))
        replica = catalog.kinds()[kind].replicas.get(step.effect)
        if system is None or replica is None:
            return None
        return replica.version(system.state, tuple(row[key] for key in declared_effect(step.effect).keys))

    def _due(self, row: Row) -> float:
        world, clock_from = self._estate.world, self._flow.clock_from
        if clock_from == "starts_at":
            return max(float(world.env.now), (float(row["starts_at"]) - world.epoch) / world.speed)
        if clock_from == "effective_at":
            change = self._estate.systems["plm"].state.changes.get(row.get("change", ""))
            if change is not None:
                return max(float(world.env.now), float(change.effective_at - world.epoch) / world.speed)
        return float(world.env.now)


def _applies(limited: StepSpec | FlowSpec, row: Row) -> bool:
    """Whether a flow, or a step of it, is about a row at all."""
    for fact, allowed in limited.when.items():  # noqa: SIM110 (a generator costs three times as much)
        if row.get(fact, "") not in allowed:
            return False
    return True


def _identity(name: str, row: Row) -> tuple[str, int]:
    effect = declared_effect(name)
    version = version_number(row[effect.version]) if effect.version else 0
    return effect_id(name, _values(effect.keys)(row)), version


@cache
def _values(keys: tuple[str, ...]) -> Callable[[Row], tuple[str, ...]]:
    """Reads these facts off a row."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda row: tuple(row[key] for key in keys)
