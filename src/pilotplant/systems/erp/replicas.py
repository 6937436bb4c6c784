"""What an ERP should hold, given the PLM and the MES, against what it does hold: in plant units, field by field."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.state import Erp

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]


class Structure(msgspec.Struct, frozen=True):
    """A structure with its quantities in plant units."""

    revision: str
    lines: tuple[tuple[str, float], ...]


class Making(msgspec.Struct, frozen=True):
    """How something is made: work centres in order, with their times."""

    revision: str
    steps: tuple[tuple[str, float, float], ...]


class Active(msgspec.Struct, frozen=True):
    """Which revision is produced."""

    revision: str


class Booked(msgspec.Struct, frozen=True):
    """What stock should say of one movement: the quantity in plant units."""

    quantity: float


def _erp(estate: "Estate", plant: str) -> Erp:
    system = estate.serving("erp", plant)
    assert system is not None, f"no ERP serves {plant}"
    state: Erp = system.state
    return state


def _lines(erp: Erp, plant: str, lines: object) -> tuple[tuple[str, float], ...]:
    totals: dict[str, float] = {}
    for line in lines:  # type: ignore[attr-defined]
        quantity = erp.in_plant_unit(plant, line.component, line.quantity, line.unit)
        totals[line.component] = totals.get(line.component, 0.0) + (line.quantity if quantity is None else quantity)
    return tuple(sorted((component, round(quantity, 6)) for component, quantity in totals.items()))


def _intended_bom(estate: "Estate", keys: Keys) -> Structure | None:
    plant, item = keys
    plm = estate.systems["plm"].state
    bom = plm.bom(item, plm.revision(item))
    return Structure(bom.revision, _lines(_erp(estate, plant), plant, bom.lines)) if bom else None


def _held_bom(erp: Erp, keys: Keys) -> Structure | None:
    plant, item = keys
    newest = max(erp.boms.get((plant, item), ()), key=lambda bom: ordinal(bom.revision), default=None)
    if newest is None:
        generated = erp.plant_item(plant, item)
        newest = erp.bom(plant, item, generated.revision) if generated else None
    return Structure(newest.revision, _lines(erp, plant, newest.lines)) if newest else None


def _intended_routing(estate: "Estate", keys: Keys) -> Making | None:
    _plant, item = keys
    plm = estate.systems["plm"].state
    routing = plm.routing(item, plm.revision(item))
    return _making(routing.revision, routing.steps) if routing else None


def _held_routing(erp: Erp, keys: Keys) -> Making | None:
    plant, item = keys
    held = [routing for (p, i, _r), routing in erp.routings.items() if (p, i) == (plant, item)]
    newest = max(held, key=lambda routing: ordinal(routing.revision), default=None)
    if newest is None:
        generated = erp.plant_item(plant, item)
        newest = erp.routing(plant, item, generated.revision) if generated else None
    return _making(newest.revision, newest.steps) if newest else None


def _making(revision: str, steps: object) -> Making:
    return Making(revision, tuple((s.work_centre, s.setup_s, s.cycle_s) for s in steps))  # type: ignore[attr-defined]


def _intended_version(estate: "Estate", keys: Keys) -> Active:
    return Active(estate.systems["plm"].state.revision(keys[1]))


def _held_version(erp: Erp, keys: Keys) -> Active | None:
    plant, item = keys
    version = erp.version(plant, item)
    return Active(version.revision) if version else None


def _intended_posting(estate: "Estate", keys: Keys) -> Booked | None:
    plant, source, movement, item, lot = keys
    mes = estate.serving("mes", plant)
    event = mes.state.confirmed.get(source) if mes else None
    if event is None:
        return None
    erp = _erp(estate, plant)
    amounts = {"receipt": event.good, "scrap": event.scrap}
    total = 0.0
    if movement in amounts:
        if (item, lot) == (event.item, event.lot):
            total = erp.in_plant_unit(plant, item, amounts[movement], event.unit) or 0.0
    else:
        for used in event.consumption:
            if (used.item, used.lot) == (item, lot):
                total += erp.in_plant_unit(plant, item, used.quantity, used.unit) or 0.0
    return Booked(round(total, 4)) if total else None


def _held_posting(erp: Erp, keys: Keys) -> Booked | None:
    plant, source, movement, item, lot = keys
    total = 0.0
    for number in erp.documents.of_source(plant, source):
        document = erp.documents.get(number)
        if document is None or number in erp.documents.reversed:
            continue
        matching = (line for line in document.lines if (line.movement, line.item, line.lot) == (movement, item, lot))
        total += sum(line.quantity for line in matching)
    return Booked(round(total, 4)) if total else None


def _version_of(held: Structure | Making | Active | None) -> int:
    return ordinal(held.revision) if held else 0


BOMS = Replica("erp.bom.release", _intended_bom, _held_bom, lambda erp, keys: _version_of(_held_bom(erp, keys)))
ROUTINGS = Replica(
    "erp.routing.upsert", _intended_routing, _held_routing, lambda erp, keys: _version_of(_held_routing(erp, keys))
)
VERSIONS = Replica(
    "erp.version.activated", _intended_version, _held_version, lambda erp, keys: _version_of(_held_version(erp, keys))
)
POSTINGS = Replica("erp.stock.post", _intended_posting, _held_posting)
