"""What an ERP should be sent of purchasing, given what suppliers have said, against what it holds."""

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Command, Replica
from pilotplant.systems.erp.inbound import CREATE, RECEIPT, CreateDelivery, InboundLine, PostReceipt
from pilotplant.systems.erp.purchasing import CANCEL, CHANGE, ChangePurchaseOrder
from pilotplant.systems.erp.state import Erp

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]


class Ordered(msgspec.Struct, frozen=True):
    """How much of an order is to come in all, what has come already included."""

    quantity: float


class Goods(msgspec.Struct, frozen=True):
    """What is to come or came, by order and lot, in plant units."""

    lines: tuple[tuple[str, str, float], ...]


def _intended_quantity(estate: "Estate", keys: Keys) -> ChangePurchaseOrder | None:
    """What the supplier has agreed to; while it has not, what was ordered stays."""
    plant, po, change = keys
    portal = estate.of_kind("supplier")
    notice = portal[0].state.notices.get((po, change)) if portal else None
    if notice is None or notice.status != "acknowledged":
        return None
    return ChangePurchaseOrder(plant=plant, po=po, quantity=notice.quantity, change=change)


def _held_quantity(erp: Erp, keys: Keys) -> ChangePurchaseOrder | None:
    plant, po, change = keys
    held = erp.purchases.orders.get(po)
    if held is None or change not in held.changes:
        return None
    quantity = 0.0 if held.status == "cancelled" else held.quantity
    return ChangePurchaseOrder(plant=plant, po=po, quantity=quantity, change=change)


def _form_quantity(erp: Erp, command: Command) -> Ordered:
    """A cancellation is an order for nothing."""
    del erp
    return Ordered(round(command.quantity, 4) if isinstance(command, ChangePurchaseOrder) else 0.0)


def _intended_delivery(estate: "Estate", keys: Keys) -> CreateDelivery | None:
    _plant, number = keys
    portal = estate.of_kind("supplier")
    asn = portal[0].state.asns.get(number) if portal else None
    if asn is None:
        return None
    lines = tuple(
        InboundLine(po=ln.po, item=ln.item, quantity=ln.quantity, unit=ln.unit, lot=ln.lot) for ln in asn.lines
    )
    return CreateDelivery(
        plant=asn.plant,
        asn=number,
        supplier=asn.supplier,
        arrives_at=asn.arrives_at,
        lines=lines,
        version=asn.version,
    )


def _held_delivery(erp: Erp, keys: Keys) -> CreateDelivery | None:
    standing = erp.purchases.announced(*keys)
    if not standing:
        return None
    held = standing[-1]
    lines = tuple(
        InboundLine(po=ln.po, item=ln.item, quantity=ln.quantity, unit=ln.unit, lot=ln.lot) for ln in held.lines
    )
    return CreateDelivery(
        plant=held.plant,
        asn=held.asn,
        supplier=held.supplier,
        arrives_at=held.arrives_at,
        lines=lines,
        version=held.version,
    )


def _intended_receipt(estate: "Estate", keys: Keys) -> PostReceipt | None:
    """What the warehouse has counted; of what did not come there is nothing to book."""
    plant, number = keys
    wms = estate.serving("wms", plant)
    every = wms.state.expected.values() if wms else ()
    held = next((expected for expected in every if expected.receipt == number), None)
    if wms is None or held is None:
        return None
    lines = tuple(
        InboundLine(po=line.po, item=line.item, quantity=line.quantity, unit=line.unit, lot=line.lot)
        for line in held.received
        if line.quantity
    )
    return PostReceipt(plant=plant, receipt=number, posting_date=date.min, lines=lines, asn=held.asn)


def _held_receipt(erp: Erp, keys: Keys) -> PostReceipt | None:
    plant, number = keys
    held = [receipt for receipt in erp.purchases.received(plant, number) if not receipt.reversed]
    if not held:
        return None
    lines = tuple(
        InboundLine(po=line.po, item=line.item, quantity=line.quantity, unit=line.unit, lot=line.lot)
        for receipt in held
        for line in receipt.lines
    )
    moment = date.fromisoformat(held[-1].posting_date)
    return PostReceipt(plant=plant, receipt=number, posting_date=moment, lines=lines, asn=held[-1].asn)


def _form_goods(erp: Erp, command: CreateDelivery | PostReceipt) -> Goods:
    totals: dict[tuple[str, str], float] = {}
    for line in command.lines:
        order = erp.purchases.orders.get(line.po)
        quantity = erp.in_plant_unit(command.plant, order.item, line.quantity, line.unit) if order else None
        key = (line.po, line.lot)
        totals[key] = totals.get(key, 0.0) + (line.quantity if quantity is None else quantity)
    return Goods(tuple(sorted((po, lot, round(quantity, 4)) for (po, lot), quantity in totals.items())))


def _version(erp: Erp, keys: Keys) -> int:
    held = _held_delivery(erp, keys)
    return held.version if held else 0


QUANTITIES = Replica(CHANGE, _intended_quantity, _held_quantity, _form_quantity)
CANCELLATIONS = Replica(CANCEL, _intended_quantity, _held_quantity, _form_quantity)
DELIVERIES = Replica(CREATE, _intended_delivery, _held_delivery, _form_goods, version=_version)
RECEIPTS = Replica(RECEIPT, _intended_receipt, _held_receipt, _form_goods)
