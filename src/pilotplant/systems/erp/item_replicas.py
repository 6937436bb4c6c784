"""Items, sources and supplier part numbers as an ERP should hold them, given engineering and its plants' rules."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.items import UpsertItem
from pilotplant.systems.erp.sourcing import UpsertCrossReference, UpsertSource
from pilotplant.systems.erp.state import Erp
from pilotplant.systems.rules import rules_of

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]


class KnownItem(msgspec.Struct, frozen=True):
    """What a plant knows of an item, in its own unit. Its revision is the business of structures and versions."""

    description: str
    unit: str
    lot_size: float


class Approved(msgspec.Struct, frozen=True):
    """By which issue of engineering's list a source is approved."""

    issue: int


class CalledBy(msgspec.Struct, frozen=True):
    """What a supplier calls an item."""

    supplier_part: str


def _intended_item(estate: "Estate", keys: Keys) -> UpsertItem | None:
    plant, item = keys
    plm, erp = estate.systems["plm"].state, estate.serving("erp", plant)
    known = plm.item(item)
    if known is None or erp is None:
        return None
    held = erp.state.item(plant, item)
    owners = rules_of(erp.state.rules, plant).owners
    description, lot_size = known.description, plm.lot_size(plant, item)
    if held is not None and owners.description == "erp":
        description = held.description
    if held is not None and (not lot_size or (owners.lot_size == "erp" and (plant, item) in erp.state.maintained)):
        lot_size = held.lot_size  # engineering states none, or the plant's clerks have the last word
    return UpsertItem(
        plant=plant,
        item=item,
        description=description,
        unit=plm.plant_unit(plant, item)[0],
        revision=plm.revision_at(plant, item),
        lot_size=lot_size,
    )


def _held_item(erp: Erp, keys: Keys) -> UpsertItem | None:
    held = erp.item(*keys)
    if held is None:
        return None
    return UpsertItem(
        plant=held.plant,
        item=held.item,
        description=held.description,
        unit=held.unit,
        revision=held.revision,
        lot_size=held.lot_size,
    )


def _form_item(erp: Erp, command: UpsertItem) -> KnownItem:
    held = erp.item(command.plant, command.item)
    lot_size = command.lot_size
    if lot_size is None:  # what a command does not name stays
        lot_size = held.lot_size if held else 0.0
    return KnownItem(command.description, command.unit, round(lot_size, 6))


def _item_revision(erp: Erp, keys: Keys) -> int:
    held = erp.item(*keys)
    return ordinal(held.revision) if held else 0


def _intended_source(estate: "Estate", keys: Keys) -> UpsertSource | None:
    plant, item, supplier = keys
    approval = estate.systems["plm"].state.approvals(item).get(supplier)
    if approval is None or not approval.approved:
        return None
    return UpsertSource(plant=plant, item=item, supplier=supplier, issue=approval.issue)


def _held_source(erp: Erp, keys: Keys) -> UpsertSource | None:
    plant, item, supplier = keys
    held = erp.sources.get((plant, item, supplier))
    return UpsertSource(plant=plant, item=item, supplier=supplier, issue=held.issue) if held else None


def _form_source(erp: Erp, command: UpsertSource) -> Approved:
    del erp
    return Approved(command.issue)


def _source_issue(erp: Erp, keys: Keys) -> int:
    held = _held_source(erp, keys)
    return held.issue if held else 0


def _intended_reference(estate: "Estate", keys: Keys) -> UpsertCrossReference | None:
    plant, item, supplier = keys
    approval = estate.systems["plm"].state.approvals(item).get(supplier)
    if approval is None or not approval.approved:
        return None
    part = approval.supplier_part
    return UpsertCrossReference(plant=plant, item=item, supplier=supplier, supplier_part=part, issue=approval.issue)


def _held_reference(erp: Erp, keys: Keys) -> UpsertCrossReference | None:
    plant, item, supplier = keys
    held = erp.cross_references.get((plant, item, supplier))
    if held is None:
        return None
    return UpsertCrossReference(
        plant=plant, item=item, supplier=supplier, supplier_part=held.supplier_part, issue=held.issue
    )


def _form_reference(erp: Erp, command: UpsertCrossReference) -> CalledBy:
    del erp
    return CalledBy(command.supplier_part)


def _reference_issue(erp: Erp, keys: Keys) -> int:
    held = _held_reference(erp, keys)
    return held.issue if held else 0


ITEMS = Replica("erp.item.upsert", _intended_item, _held_item, _form_item, version=_item_revision)
SOURCES = Replica("erp.aml.upsert", _intended_source, _held_source, _form_source, version=_source_issue)
CROSS_REFERENCES = Replica(
    "erp.xref.upsert", _intended_reference, _held_reference, _form_reference, version=_reference_issue
)
