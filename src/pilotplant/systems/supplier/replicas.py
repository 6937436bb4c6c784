"""What suppliers should be told and given, as the PLM has it."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.systems.supplier.answers import CHANGE_NOTICE, ChangeNotice
from pilotplant.systems.supplier.sharing import ShareDrawing
from pilotplant.systems.supplier.state import Portal

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]


class Told(msgspec.Struct, frozen=True):
    """What a notice is about."""

    item: str
    superseded_by: str


class Shared(msgspec.Struct, frozen=True):
    """Who was given a drawing of what. The revision is compared by its version."""

    supplier: str
    item: str


def _intended_notice(estate: "Estate", keys: Keys) -> ChangeNotice | None:
    po, number = keys
    plm, system = estate.systems.get("plm"), estate.of_kind("supplier")
    order = system[0].state.orders.get(po) if system else None
    change = plm.state.changes.get(number) if plm else None
    if order is None or change is None:
        return None
    for replaced in change.superseded:
        if replaced.item == order.item and order.plant in replaced.plants:
            return ChangeNotice(po=po, change=number, item=order.item, superseded_by=replaced.by)
    return None


def _held_notice(portal: Portal, keys: Keys) -> ChangeNotice | None:
    po, change = keys
    notice = portal.notices.get((po, change))
    if notice is None:
        return None
    return ChangeNotice(po=po, change=change, item=notice.item, superseded_by=notice.superseded_by)


def _form_notice(portal: Portal, command: ChangeNotice) -> Told:
    del portal
    return Told(command.item, command.superseded_by)


def _intended_drawing(estate: "Estate", keys: Keys) -> ShareDrawing | None:
    """Whoever is approved for an item may have its drawing; nobody else."""
    supplier, item = keys
    plm = estate.systems.get("plm")
    approved = plm is not None and (item, supplier) in plm.state.approved
    return ShareDrawing(supplier=supplier, item=item, revision="") if approved else None


def _held_drawing(portal: Portal, keys: Keys) -> ShareDrawing | None:
    supplier, item = keys
    drawing = portal.drawings.get((supplier, item))
    if drawing is None:
        return None
    return ShareDrawing(supplier=supplier, item=item, revision=drawing.revision)


def _form_drawing(portal: Portal, command: ShareDrawing) -> Shared:
    del portal
    return Shared(command.supplier, command.item)


NOTICES = Replica(CHANGE_NOTICE, _intended_notice, _held_notice, _form_notice)
DRAWINGS = Replica("supplier.drawing.share", _intended_drawing, _held_drawing, _form_drawing)
