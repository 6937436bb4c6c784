"""Finds the kinds of systems by looking at the folder: a new kind is a new folder, nothing is registered by hand."""

import sys
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
from pilotplant.model.errors import UsageError
from pilotplant.model.operation import DECLARED, EventType, Operation, Replica
from pilotplant.model.problem import PROBLEMS
from pilotplant.model.short_hash import short_hash
from pilotplant.systems.stimuli import Serves, Stimulus, stimuli_of

_ONE_FILE = "system.py"
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


_included: list[Path] = []
"""Projects that bring systems of their own, below `simulators/`."""
_packages: dict[str, Path] = {}
"""What their code is called in this process, and in which folder it stands."""


def include(project: Path) -> None:
    """Look for systems in a project as well: `simulators/<kind>/system.py`, or a folder with rooms like ours."""
    folder = project.resolve()
    if folder in _included or not any(_own(folder)):
        return
    _included.append(folder)
    _forget()


def leave_out(project: Path) -> None:
    """Know nothing of a project's systems any more."""
    if (folder := project.resolve()) in _included:
        _included.remove(folder)
        for package in [package for package, own in _packages.items() if folder in own.parents]:
            _unload(package)
        _forget()


def _forget() -> None:
    for known in (kinds, operations, events, stimuli):
        known.cache_clear()
    for forget in on_include:
        forget()


on_include: list[Callable[[], None]] = []
"""What has to be forgotten elsewhere when there are more kinds than before."""


@cache
def kinds() -> dict[str, SystemKind]:
    """All kinds of systems, by name."""
    here = Path(__file__).parent
    found = {path.parent.name: _read(path.parent.name) for path in sorted(here.glob("*/operations.py"))}
    for folder in _included:
        for path in _own(folder):
            if path.name in found and path.name in SHIPPED:
                raise UsageError(f"{path} defines the system `{path.name}`, which Pilotplant has already")
            found[path.name] = _read_own(path)
    return found


SHIPPED = frozenset(path.parent.name for path in Path(__file__).parent.glob("*/operations.py"))
"""The kinds that Pilotplant brings."""


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

    return _kind(name, room, _declared(name, Operation), _declared(name, Replica))


def _kind(
    name: str, room: Callable[[str], ModuleType], declared: Iterable[Operation], replicas: Iterable[Replica]
) -> SystemKind:
    behaviour = room("behaviour")
    events = [getattr(value, DECLARED) for value in _contents(room("events")) if hasattr(value, DECLARED)]
    return SystemKind(
        name=name,
        operations={o.name: o for o in declared if o.system == name},
        events={event.name: event for event in events if event.system == name},
        replicas={r.effect: r for r in replicas},
        parameters=behaviour.Parameters,
        serves=behaviour.Behaviour.SERVES,
        stimuli=stimuli_of(behaviour.Behaviour),
        build=room("state").build,
        behaviour=behaviour.Behaviour,
    )


def _own(project: Path) -> list[Path]:
    """The folders of a project that hold a system: one file `system.py`, or the room `operations.py`."""
    found = {path.parent for name in (_ONE_FILE, "operations.py") for path in project.glob(f"simulators/*/{name}")}
    return sorted(found)


def _read_own(folder: Path) -> SystemKind:
    """A system of a project. What keeps it from being one is the user's to mend."""
    package = f"pilotplant_project_{short_hash(str(folder)):x}"
    if package not in sys.modules:
        made = ModuleType(package)
        made.__path__ = [str(folder)]
        sys.modules[package] = made
        _packages[package] = folder

    def room(which: str) -> ModuleType:
        one = (folder / _ONE_FILE).exists()
        return import_module(f"{package}.{Path(_ONE_FILE).stem if one else which}")

    try:
        contents = [*_contents(room("operations"))]
        replicas = contents if (folder / _ONE_FILE).exists() else []
        if (folder / "replicas.py").exists():
            replicas = [*_contents(room("replicas"))]
        kind = _kind(
            folder.name,
            room,
            (value for value in contents if isinstance(value, Operation)),
            (value for value in replicas if isinstance(value, Replica)),
        )
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError, AssertionError) as error:
        _unload(package)
        raise UsageError(
            f"{folder} is no system: {type(error).__name__}: {error}",
            help="It needs `build`, `Parameters`, `Behaviour` and operations; see docs/own-system.md.",
        ) from error
    if not kind.operations:
        raise UsageError(f"{folder} declares no operation whose name begins with `{folder.name}.`")
    return kind


def _unload(package: str) -> None:
    """Take back what the code of a project has entered: another project may have a system of the same name."""
    _packages.pop(package, None)
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    for code in [code for code, refusal in PROBLEMS.items() if refusal.__module__.startswith(f"{package}.")]:
        del PROBLEMS[code]


def _declared(name: str, what: type[D]) -> Iterable[D]:
    """What stands in any module of the system's folder; those of the room `operations` come first."""
    for module in (import_module(f"pilotplant.systems.{name}.operations"), *modules(f"pilotplant.systems.{name}")):
        yield from (value for value in _contents(module) if isinstance(value, what))


def _contents(module: ModuleType) -> Iterable[Any]:
    return list(vars(module).values())
