"""What an ERP should be sent, given PLM, MES and WMS, against what it holds: compared in plant units."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from pilotplant.model.instants import iso
from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.definitions import ActivateVersion, ReleaseBom, UpsertRouting
from pilotplant.systems.erp.purchasing_replicas import CANCELLATIONS, DELIVERIES, QUANTITIES, RECEIPTS
from pilotplant.systems.erp.reported import reported
from pilotplant.systems.erp.state import Erp, StockDocument, StockLine
from pilotplant.systems.erp.stock import PostLine, PostStock, as_posted, period_open, status_of

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]

__all__ = ["BOMS", "CANCELLATIONS", "DELIVERIES", "POSTINGS", "QUANTITIES", "RECEIPTS", "ROUTINGS", "VERSIONS"]


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
    """What stock says of one movement: how much in the plant's unit, and what may be done with it, if not anything."""

    quantity: float
    status: str = ""


def _intended_bom(estate: "Estate", keys: Keys) -> ReleaseBom | None:
    plant, item = keys
    plm = estate.systems["plm"].state
    bom = plm.bom(item, plm.revision_at(plant, item))
    if bom is None:
        return None
    change = plm.change_of(item, bom.revision)
    moment = datetime.fromtimestamp(change.effective_at if change else 0.0, UTC)
    number = change.number if change else ""
    return ReleaseBom(
        plant=plant, item=item, revision=bom.revision, effective_from=moment, lines=bom.lines, change=number
    )


def _held_bom(erp: Erp, keys: Keys) -> ReleaseBom | None:
    plant, item = keys
    held = max(erp.boms.get((plant, item), ()), key=lambda bom: ordinal(bom.revision), default=None)
    if held is None:
        generated = erp.plant_item(plant, item)
        held = erp.bom(plant, item, generated.revision) if generated else None
    if held is None:
        return None
    moment = datetime.fromtimestamp(held.effective_from, UTC)
    return ReleaseBom(
        plant=plant, item=item, revision=held.revision, effective_from=moment, lines=held.lines, change=held.change
    )


def _form_bom(erp: Erp, command: ReleaseBom) -> Structure:
    totals: dict[str, float] = {}
    for line in command.lines:
        quantity = erp.in_plant_unit(command.plant, line.component, line.quantity, line.unit)
        totals[line.component] = totals.get(line.component, 0.0) + (line.quantity if quantity is None else quantity)
    lines = tuple(sorted((component, round(quantity, 6)) for component, quantity in totals.items()))
    return Structure(command.revision, lines)


def _intended_routing(estate: "Estate", keys: Keys) -> UpsertRouting | None:
    plant, item = keys
    plm = estate.systems["plm"].state
    routing = plm.routing(item, plm.revision_at(plant, item))
    return UpsertRouting(plant=plant, item=item, revision=routing.revision, steps=routing.steps) if routing else None


def _held_routing(erp: Erp, keys: Keys) -> UpsertRouting | None:
    plant, item = keys
    known = [routing for (p, i, _r), routing in erp.routings.items() if (p, i) == (plant, item)]
    held = max(known, key=lambda routing: ordinal(routing.revision), default=None)
    if held is None:
        generated = erp.plant_item(plant, item)
        held = erp.routing(plant, item, generated.revision) if generated else None
    return UpsertRouting(plant=plant, item=item, revision=held.revision, steps=held.steps) if held else None


def _form_routing(erp: Erp, command: UpsertRouting) -> Making:
    del erp
    return Making(command.revision, tuple((s.work_centre, s.setup_s, s.cycle_s) for s in command.steps))


def _intended_version(estate: "Estate", keys: Keys) -> ActivateVersion:
    plant, item = keys
    return ActivateVersion(plant=plant, item=item, revision=estate.systems["plm"].state.revision_at(plant, item))


def _held_version(erp: Erp, keys: Keys) -> ActivateVersion | None:
    plant, item = keys
    version = erp.version(plant, item)
    return ActivateVersion(plant=plant, item=item, revision=version.revision) if version else None


def _form_version(erp: Erp, command: ActivateVersion) -> Active:
    del erp
    return Active(command.revision)


def _intended_posting(estate: "Estate", keys: Keys) -> PostStock | None:
    plant, source, *place = keys
    report = reported(estate, plant, source)
    lines = report.lines.get(tuple(place)) if report is not None else None
    if report is None or lines is None:
        return None
    return PostStock(plant=plant, posting_date=report.posting_date, lines=lines, source_document=source)


def _held_posting(erp: Erp, keys: Keys) -> PostStock | None:
    plant, source, movement, item, lot = keys
    lines: list[PostLine] = []
    moment = date.min
    for number, document in erp.documents.of_cause(plant, source):
        if number in erp.documents.reversed:
            continue
        moment = date.fromisoformat(document.posting_date)
        lines += [
            as_posted(line)
            for line in document.lines
            if (line.movement, line.item, line.lot) == (movement, item, lot) and _is_about(line, document, source)
        ]
    return PostStock(plant=plant, posting_date=moment, lines=tuple(lines), source_document=source) if lines else None


def _is_about(line: StockLine, document: StockDocument, source: str) -> bool:
    return source in line.causes if line.causes else document.source_document == source


def _together(erp: Erp, keys: Keys) -> tuple[tuple[Keys, ...], float] | None:
    """What else is summed up in the lines that are about this, and how much that is together."""
    plant, source, movement, item, lot = keys
    sources, total = {source: None}, 0.0
    for number, document in erp.documents.of_cause(plant, source):
        if number in erp.documents.reversed:
            continue
        for line in document.lines:
            alike = (line.movement, line.item, line.lot) == (movement, item, lot)
            if alike and _is_about(line, document, source):
                sources.update(dict.fromkeys(line.causes))
                total += line.quantity
    if len(sources) == 1:
        return None
    return tuple((plant, each, movement, item, lot) for each in sources), round(total, 4)


def _lines_of(command: PostStock, keys: Keys) -> PostStock:
    _plant, _source, movement, item, lot = keys
    lines = (line for line in command.lines if (line.movement, line.item, line.lot) == (movement, item, lot))
    return msgspec.structs.replace(command, lines=tuple(lines))


def _form_posting(erp: Erp, command: PostStock) -> Booked:
    converted = (erp.in_plant_unit(command.plant, line.item, line.quantity, line.unit) for line in command.lines)
    statuses = dict.fromkeys(map(status_of, command.lines))
    return Booked(round(sum(quantity or 0.0 for quantity in converted), 4), " and ".join(filter(None, statuses)))


def _sourceless(erp: Erp) -> dict[Keys, float]:
    """How much was moved by documents without a source document, in plant units."""
    totals: dict[Keys, float] = {}
    for number in erp.documents.sourceless:
        document = erp.documents.get(number)
        if document is None or number in erp.documents.reversed:
            continue
        for line in document.lines:
            if line.causes:
                continue
            keys = (document.plant, "?", line.movement, line.item, line.lot)
            totals[keys] = totals.get(keys, 0.0) + line.quantity
    return totals


def _revision(held: ReleaseBom | UpsertRouting | ActivateVersion | None) -> int:
    return ordinal(held.revision) if held else 0


def _wrong_effectivity(estate: "Estate", keys: Keys) -> tuple[tuple[str, str, str], ...]:
    """From when a structure holds, where engineering named a date; what is immediate may begin when it arrives."""
    plant, item = keys
    erp, plm = estate.serving("erp", plant), estate.systems["plm"].state
    held = _held_bom(erp.state, keys) if erp else None
    change = plm.change_of(item, held.revision) if held else None
    if held is None or change is None or change.effectivity != "date":
        return ()
    moment = held.effective_from.timestamp()
    if abs(moment - change.effective_at) <= 1:
        return ()
    return (("effective_from", iso(moment), iso(change.effective_at)),)


def _wrong_dates(estate: "Estate", keys: Keys) -> tuple[tuple[str, str, str], ...]:
    """Posting dates that are not those of the plant's calendar. Who posts late may post on the day on which it does."""
    plant, source, movement, item, lot = keys
    system, report = estate.serving("erp", plant), reported(estate, plant, source)
    if (
        system is None
        or report is None
        or not period_open(system.state, plant, report.posting_date, estate.world.now())
    ):
        return ()
    intended = report.posting_date.isoformat()
    zone, world = ZoneInfo(estate.dataset.plants[plant].time_zone), estate.world
    wrong: dict[tuple[str, str, str], None] = {}
    for number, document in system.state.documents.of_cause(plant, source):
        lines = ((line.movement, line.item, line.lot) for line in document.lines)
        if number in system.state.documents.reversed or (movement, item, lot) not in lines:
            continue
        posted = datetime.fromtimestamp(world.epoch + document.posted_at * world.speed, zone).date().isoformat()
        if document.posting_date != intended and not intended < document.posting_date <= posted:
            wrong["posting_date", document.posting_date, intended] = None
    return tuple(wrong)


BOMS = Replica(
    "erp.bom.release",
    _intended_bom,
    _held_bom,
    _form_bom,
    version=lambda erp, keys: _revision(_held_bom(erp, keys)),
    moments=_wrong_effectivity,
)
ROUTINGS = Replica(
    "erp.routing.upsert",
    _intended_routing,
    _held_routing,
    _form_routing,
    version=lambda erp, keys: _revision(_held_routing(erp, keys)),
)
VERSIONS = Replica(
    "erp.version.activated",
    _intended_version,
    _held_version,
    _form_version,
    version=lambda erp, keys: _revision(_held_version(erp, keys)),
)
POSTINGS = Replica(
    "erp.stock.post",
    _intended_posting,
    _held_posting,
    _form_posting,
    _lines_of,
    moments=_wrong_dates,
    amount=lambda booked: float(booked.quantity),
    anonymous=_sourceless,
    together=_together,
)
