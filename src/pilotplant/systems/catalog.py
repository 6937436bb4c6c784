"""Finds the kinds of systems by looking at the folder: a new kind is a new folder, nothing is registered by hand."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel

from pilotplant.dataset.records import Dataset
from pilotplant.ledger.header import Named
from pilotplant.model.discovery import modules
from pilotplant.model.operation import DECLARED, EventType, Operation, Replica
from pilotplant.systems.stimuli import Serves, Stimulus, stimuli_of

UNROUTED = "unrouted"
"""What the ledger calls a request that no operation takes; number 0 of its table."""

TOKEN = "auth.token"
"""What the ledger calls a request to a token endpoint; number 1 of its table."""


D = TypeVar("D")


@dataclass(frozen=True)
class SystemKind:
    """What the rooms of one kind of system offer."""

    name: str
    operations: dict[str, Operation]
    events: dict[str, EventType]
    replicas: dict[str, Replica]
    parameters: type[BaseModel]
    serves: Serves
    stimuli: Mapping[str, Stimulus]
    build: Callable[[Dataset, tuple[str, ...], Any], Any]
    behaviour: Callable[[Any], Any]


@cache
def kinds() -> dict[str, SystemKind]:
    """All kinds of systems, by name."""
    here = Path(__file__).parent
    names = sorted(path.parent.name for path in here.glob("*/operations.py"))
    return {name: _read(name) for name in names}


@cache
def operations() -> dict[str, Operation]:
    """All operations of all kinds, by name."""
    return {name: operation for kind in kinds().values() for name, operation in kind.operations.items()}


@cache
def events() -> dict[str, EventType]:
    """All events of all kinds, by name."""
    return {name: event for kind in kinds().values() for name, event in kind.events.items()}


@cache
def stimuli() -> dict[str, Stimulus]:
    """All stimuli of all kinds, by name."""
    return {name: stimulus for kind in kinds().values() for name, stimulus in kind.stimuli.items()}


def discloses(name: str) -> bool:
    """Whether an operation hands something to others that cannot be taken back."""
    operation = operations().get(name)
    return operation is not None and operation.discloses


def ledger_table() -> tuple[Named, ...]:
    """The table of operations and events that a ledger's header carries."""
    table = [Named(UNROUTED, (), (), "none"), Named(TOKEN, (), (), "none")]
    table += [Named(o.name, o.keys, o.effect.keys, o.effect.kind.value, query=o.query) for o in operations().values()]
    table += [Named(e.name, e.keys, e.effect.keys, e.effect.kind.value, event=True) for e in events().values()]
    return tuple(table)


def _read(name: str) -> SystemKind:
    def room(which: str) -> ModuleType:
        return import_module(f"pilotplant.systems.{name}.{which}")

    behaviour = room("behaviour")
    declared = [getattr(value, DECLARED) for value in _contents(room("events")) if hasattr(value, DECLARED)]
    return SystemKind(
        name=name,
        operations={o.name: o for o in _declared(name, Operation) if o.system == name},
        events={event.name: event for event in declared if event.system == name},
        replicas={r.effect: r for r in _declared(name, Replica)},
        parameters=behaviour.Parameters,
        serves=behaviour.Behaviour.SERVES,
        stimuli=stimuli_of(behaviour.Behaviour),
        build=room("state").build,
        behaviour=behaviour.Behaviour,
    )


def _declared(name: str, what: type[D]) -> Iterable[D]:
    """What stands in any module of the system's folder; those of the room `operations` come first."""
    for module in (import_module(f"pilotplant.systems.{name}.operations"), *modules(f"pilotplant.systems.{name}")):
        yield from (value for value in _contents(module) if isinstance(value, what))


def _contents(module: ModuleType) -> Iterable[Any]:
    return list(vars(module).values())
