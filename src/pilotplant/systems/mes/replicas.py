"""What an MES should execute, given the PLM, against what it does execute."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.mes.state import Mes

if TYPE_CHECKING:
    from pilotplant.dataset.records import RoutingStep
    from pilotplant.systems.estate import Estate


class Executable(msgspec.Struct, frozen=True):
    """The revision that is executed, and its operations."""

    revision: str
    steps: tuple[tuple[int, str], ...]


def _intended(estate: "Estate", keys: tuple[str, ...]) -> Executable | None:
    _plant, item = keys
    plm = estate.systems["plm"].state
    routing = plm.routing(item, plm.revision(item))
    return Executable(routing.revision, _steps(routing.steps)) if routing else None


def _held(mes: Mes, keys: tuple[str, ...]) -> Executable | None:
    held = mes.instructions(keys[1])
    return Executable(held.revision, _steps(held.steps)) if held else None


def _steps(steps: "tuple[RoutingStep, ...]") -> tuple[tuple[int, str], ...]:
    return tuple((step.number, step.work_centre) for step in steps)


def _version(mes: Mes, keys: tuple[str, ...]) -> int:
    held = mes.instructions(keys[1])
    return ordinal(held.revision) if held else 0


INSTRUCTIONS = Replica("mes.routing.publish", _intended, _held, _version)
