"""Pieces of work: the promises of one flow instance, as calls in the order that the flow asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

import msgspec

from pilotplant.drive.whatif.port import Call
from pilotplant.flows.grammar import FlowSpec, StepSpec
from pilotplant.ledger.records import Obligation
from pilotplant.model.operation import Command, Operation
from pilotplant.model.revisions import letters
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import System


class State(Enum):
    """How far a task is."""

    OPEN = 0
    SENT = 1
    AWAITED = 2
    """What was asked for was accepted, and comes about later."""
    DONE = 3


@dataclass(slots=True, eq=False)
class Task:
    """One document to send: the effects that it has, and what must be known before."""

    step: str
    name: str
    """The operation or event that the flow promises."""
    effects: list[tuple[str, int]]
    after: tuple[tuple[str, str, int], ...]
    system: System
    fact: bool
    state: State = State.OPEN
    mended: bool = False
    """Whether what was missing for it has been sent once."""
    instead: bool = False
    """Whether it was refused, and what is accepted in its place is tried."""
    watched: bool = False
    """Whether it is seen to that somebody is told if it never comes."""
    accept: tuple[str, ...] = ()
    """Effects that do as well."""
    call: Call | None = None
    """Of what must not be done twice: the call that was made for it last."""


@dataclass(slots=True, eq=False)
class Piece:
    """What one instance of a flow asks for, e.g. one change at one plant."""

    flow: FlowSpec
    instance: str
    subject: str
    plant: str
    trigger: int
    due: float
    tasks: list[Task] = field(default_factory=list)
    keys: tuple[str, ...] = ()
    in_flight: int = 0
    working: bool = False
    mapped: bool = False
    """Whether it was begun: what it takes to understand it is over."""
    handled: int = 0
    """How many answers and facts it has taken in: each takes its own time."""
    queued: bool = False
    stopped: str = ""
    """Why nothing more of it is begun."""
    over: bool = False
    life: int = 0

    @property
    def flow_name(self) -> str:
        """The flow that it belongs to."""
        return self.flow.flow


@dataclass(frozen=True)
class Sending:
    """How an effect is brought about: the system's operation, and the command that is intended just now."""

    operation: Operation
    command: Command
    effects: tuple[str, ...]
    """What it brings about."""
    instead: bool = False
    """Whether that is not what was promised, but what is accepted in its place."""


class Dispatcher:
    """Knows what to send for an effect, from the declarations alone."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._by_command: dict[tuple[str, type], Operation] = {
            (kind.name, operation.command): operation
            for kind in catalog.kinds().values()
            for operation in kind.operations.values()
            if not operation.query
        }
        self._queries: dict[str, tuple[Operation, tuple[str, ...]] | None] = {}

    def sending(self, task: Task) -> Sending | None:
        """The command for a task; nothing where nothing is intended (any more, or yet)."""
        own = None if task.instead else self._sending(task.system, [effect for effect, _version in task.effects])
        if own is not None:
            return _in_version(own, task.effects[0][1])
        if not task.accept:
            return None
        others = (self._sending(task.system, [effect]) for effect in task.accept)
        other = next((found for found in others if found is not None), None)
        return replace(other, instead=True) if other is not None else None

    def _sending(self, system: System, effects: list[str]) -> Sending | None:
        name = effects[0].partition("|")[0]
        replica = system.kind.replicas.get(name)
        if replica is None:
            return None
        commands = [self._estate.intended(replica, tuple(effect.split("|")[1:])) for effect in effects]
        own = system.kind.operations.get(name)
        wanted = [_as_asked(own, command) for command in commands if command is not None]
        operation = self._operation(system, name, wanted[0]) if wanted else None
        if operation is None:
            return None
        return Sending(operation, _joined(operation, wanted), tuple(effects))

    def _operation(self, system: System, name: str, command: Command) -> Operation | None:
        own = system.kind.operations.get(name)
        if own is not None and isinstance(command, own.command):
            return own
        return self._by_command.get((system.kind.name, type(command)))

    def query(self, operation: Operation, command: Command) -> tuple[Operation, Command] | None:
        """A query of the same system that the fields of a command answer: how one looks before one sends."""
        if operation.name not in self._queries:
            self._queries[operation.name] = query_for(operation)
        found = self._queries[operation.name]
        if found is None:
            return None
        query, names = found
        asked: Command = msgspec.convert({name: getattr(command, name) for name in names}, query.command)
        return query, asked

    def prerequisite(self, system: System, plant: str, item: str) -> Sending | None:
        """What brings an item to a plant that does not know it, if the declarations say."""
        replica = system.kind.replicas.get("erp.item.upsert")
        if replica is None:
            return None
        command = replica.intended(self._estate, (plant, item))
        operation = system.kind.operations.get(replica.effect)
        if command is None or operation is None:
            return None
        return Sending(operation, command, ("|".join((replica.effect, plant, item)),))


def _as_asked(operation: Operation | None, command: Command) -> Command:
    """What is intended, told as the command of the operation that was named, where its fields say all that it needs."""
    if operation is None or isinstance(command, operation.command):
        return command
    fields = msgspec.structs.fields(operation.command)
    given = {field.name: getattr(command, field.name) for field in fields if hasattr(command, field.name)}
    if any(field.required and field.name not in given for field in fields):
        return command
    asked: Command = operation.command(**given)
    return asked


def _in_version(sending: Sending, version: int) -> Sending:
    """Where the declarations leave the version open, it is the one that was promised."""
    name = sending.operation.effect.version
    if not name or getattr(sending.command, name) != "":
        return sending
    return replace(sending, command=msgspec.structs.replace(sending.command, **{name: letters(version)}))


def query_for(operation: Operation) -> tuple[Operation, tuple[str, ...]] | None:
    """The query of the same system that the fields of a command answer, and by which of them; none where none does."""
    given = set(operation.command.__struct_fields__)
    fitting: list[tuple[int, str, Operation, tuple[str, ...]]] = []
    for query in catalog.kinds()[operation.system].operations.values():
        if query.query:
            needed = tuple(f.name for f in msgspec.structs.fields(query.command) if f.required)
            if needed and set(needed) <= given:
                fitting.append((-len(needed), query.name, query, needed))
    if not fitting:
        return None
    _rank, _name, query, needed = min(fitting, key=lambda entry: entry[:2])
    return query, needed


def _joined(operation: Operation, commands: list[Command]) -> Command:
    """The lines of one document, together."""
    each = operation.effect.each
    if not each or len(commands) == 1:
        return commands[0]
    lines = tuple(line for command in commands for line in getattr(command, each))
    joined: Command = msgspec.structs.replace(commands[0], **{each: lines})
    return joined


class _Named(NamedTuple):
    """What an operation or event that is promised says of how it is sent."""

    name: str
    fact: bool
    document: tuple[int, ...] | None
    """Which parts of an effect name the document that its line belongs to, where a document has several."""


def _named(name: str) -> _Named:
    operation = catalog.operations().get(name)
    if operation is None or not operation.counted:
        return _Named(name, False, None)
    names = operation.effect.keys
    parts = tuple(1 + names.index(key) for key in operation.keys if key in names)
    return _Named(name, True, parts if operation.effect.each else None)


class Pieces:
    """Gathers promises into pieces of work, trigger by trigger."""

    def __init__(
        self, flows: list[FlowSpec], estate: Estate, operations: Mapping[int, str], *, whole: bool, keep: bool
    ) -> None:
        self._flows = flows
        self._estate = estate
        self._named = {number: _named(name) for number, name in operations.items()}
        self._whole = whole
        self._keep = keep
        """Whether pieces may be asked for again: where events may come again."""
        self._gathered: dict[int, dict[tuple[int, str], Piece]] = {}
        self._documents: dict[tuple[int, str, str, tuple[str, ...]], Task] = {}
        self._last = 0

    def on_obligation(self, promise: Obligation) -> None:
        """A promise was made."""
        if promise.trigger != self._last:
            self._documents.clear()
            self._last = promise.trigger
        flow = self._flows[promise.flow]
        step = flow.steps[promise.step]
        if not promise.must or (step.commit and step.actor == "native"):
            return
        system = self._estate.holding(promise.effect)
        if system is None:
            return
        instances = self._gathered.setdefault(promise.trigger, {})
        known_as = (promise.flow, promise.instance)
        piece = instances.get(known_as)
        if piece is None:
            piece = instances[known_as] = Piece(
                flow, promise.instance, promise.subject, promise.plant, promise.trigger, promise.due
            )
        self._add(piece, promise, self._named[promise.operation], system)

    def _add(self, piece: Piece, promise: Obligation, named: _Named, system: System) -> None:
        effect = (promise.effect, promise.version)
        place = None
        if named.document is not None and self._whole:
            parts = promise.effect.split("|")
            document = tuple([parts[position] for position in named.document])
            place = (promise.trigger, piece.instance, named.name, document)
            known = self._documents.get(place)
            if known is not None:
                known.effects.append(effect)
                return
        task = Task(promise.step, named.name, [effect], promise.after, system, named.fact, accept=promise.accept)
        if place is not None:
            self._documents[place] = task
        piece.tasks.append(task)
        if not named.fact:
            entity = promise.effect.partition("|")[2]
            if entity not in piece.keys:
                piece.keys = (*piece.keys, entity)

    def of(self, trigger: int) -> list[Piece]:
        """The pieces that an event asks for."""
        if not self._keep:
            return list(self._gathered.pop(trigger, {}).values())
        found = self._gathered.get(trigger, {})
        return [
            Piece(
                piece.flow,
                piece.instance,
                piece.subject,
                piece.plant,
                piece.trigger,
                piece.due,
                [Task(t.step, t.name, t.effects, t.after, t.system, t.fact, accept=t.accept) for t in piece.tasks],
                piece.keys,
            )
            for piece in found.values()
        ]


def modelled(flows: list[FlowSpec]) -> tuple[list[FlowSpec], list[str]]:
    """The flows with the steps that a model can carry out, and the others in words.

    What to send follows from a `Replica`; a step whose operation has none is left out, since nothing says what it
    would be sent.
    """
    kept: list[FlowSpec] = []
    left_out: list[str] = []
    for flow in flows:
        steps = {name: step for name, step in flow.steps.items() if _can_be_sent(step)}
        left_out += [
            f"{flow.flow}: {name} (nothing declares what has to be sent, so a model cannot send it)"
            for name in flow.steps
            if name not in steps
        ]
        if len(steps) == len(flow.steps):
            kept.append(flow)
        elif steps:
            kept.append(_with(flow, steps))
    return kept, left_out


def _can_be_sent(step: StepSpec) -> bool:
    if step.event or step.actor == "native":
        return True
    kind = catalog.kinds().get(step.commit.partition(".")[0])
    return kind is not None and step.commit in kind.replicas


def _with(flow: FlowSpec, steps: dict[str, StepSpec]) -> FlowSpec:
    """The flow with these steps alone, and nothing that refers to others."""
    fewer = {
        name: step.model_copy(update={"after": tuple(needed for needed in step.after if needed.step in steps)})
        for name, step in steps.items()
    }
    on_reject = flow.on_reject
    if on_reject is not None:
        of = tuple(name for name in on_reject.of if name in steps)
        forbid = tuple(name for name in on_reject.forbid if name in steps)
        on_reject = on_reject.model_copy(update={"of": of, "forbid": forbid}) if of else None
    within = {name: limits for name, limits in flow.within.items() if name in steps}
    return flow.model_copy(update={"steps": fewer, "on_reject": on_reject, "within": within})
