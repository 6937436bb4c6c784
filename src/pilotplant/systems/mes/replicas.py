"""What an MES should be sent, given the PLM, against what it executes."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.mes.operations import PublishRouting
from pilotplant.systems.mes.state import Mes

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate


class Executable(msgspec.Struct, frozen=True):
    """The revision that is executed, and its operations with their times."""

    revision: str
    steps: tuple[tuple[int, str, float, float], ...]


def _intended(estate: "Estate", keys: tuple[str, ...]) -> PublishRouting | None:
    plant, item = keys
    plm = estate.systems["plm"].state
    routing = plm.routing(item, plm.revision_at(plant, item))
    return PublishRouting(plant=plant, item=item, revision=routing.revision, steps=routing.steps) if routing else None


def _held(mes: Mes, keys: tuple[str, ...]) -> PublishRouting | None:
    plant, item = keys
    held = mes.instructions(item)
    return PublishRouting(plant=plant, item=item, revision=held.revision, steps=held.steps) if held else None


def _form(mes: Mes, command: PublishRouting) -> Executable:
    del mes
    return Executable(command.revision, tuple((s.number, s.work_centre, s.setup_s, s.cycle_s) for s in command.steps))


def _version(mes: Mes, keys: tuple[str, ...]) -> int:
    held = mes.instructions(keys[1])
    return ordinal(held.revision) if held else 0


INSTRUCTIONS = Replica("mes.routing.publish", _intended, _held, _form, version=_version)
