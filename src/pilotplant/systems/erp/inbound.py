"""Goods that come in: deliveries that are announced, and receipts that are booked. Neither is idempotent by itself."""

from datetime import date
from typing import Annotated

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection
from pilotplant.systems.erp.events import PurchaseOrderChanged, StockPosted
from pilotplant.systems.erp.problems import (
    AlreadyReversed,
    DeliveryReceived,
    EmptyDocument,
    OverDelivery,
    PeriodClosed,
    PurchaseOrderCancelled,
    QuantityNotPositive,
    ReceiptUnnamed,
    UnitNotConvertible,
    UnknownDelivery,
    UnknownDocument,
    UnknownPlant,
    UnknownPurchaseOrder,
    WrongItem,
    WrongSupplier,
)
from pilotplant.systems.erp.purchases import DeliveryLine, GoodsReceipt, InboundDelivery
from pilotplant.systems.erp.state import Erp
from pilotplant.systems.erp.stock import period_open

CREATE, REPLACE, RECEIPT = "erp.asn.create", "erp.asn.replace", "erp.inbound.post_receipt"
FIRST_DELIVERY, FIRST_RECEIPT = 180_000_000, 5_000_000_000
"""Documents are numbered from here."""
VERSION_MAX = 999_999
"""Nobody corrects an announcement more often."""


class InboundLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Goods of one purchase order, which has to be for this item."""

    po: str
    item: str
    quantity: float
    unit: str
    lot: str = ""


class CreateDelivery(Command, frozen=True, kw_only=True):
    """Goods that a supplier has announced. `asn` is the number of its announcement, `version` counts corrections."""

    plant: str
    asn: str
    supplier: str
    arrives_at: str
    lines: tuple[InboundLine, ...]
    version: Annotated[int, msgspec.Meta(ge=0, le=VERSION_MAX)] = 1


class ReplaceDelivery(CreateDelivery, frozen=True, kw_only=True):
    """What the supplier says now in the place of what it said before."""


class FindDeliveries(Command, frozen=True, kw_only=True):
    """Which deliveries: those that stand for this announcement."""

    plant: str
    asn: str


class CancelDelivery(Command, frozen=True, kw_only=True):
    """Which inbound delivery will not come."""

    delivery: str


class PostReceipt(Command, frozen=True, kw_only=True):
    """Goods that were received. `receipt` is the number of the warehouse's receipt, `asn` of what was announced."""

    plant: str
    receipt: str
    posting_date: date
    lines: tuple[InboundLine, ...]
    asn: str = ""


class FindReceipts(Command, frozen=True, kw_only=True):
    """Which goods receipts: those that were booked for this receipt of the warehouse."""

    plant: str
    receipt: str


class ReverseReceipt(Command, frozen=True, kw_only=True):
    """Which goods receipt to reverse."""

    document: str


class DeliveryView(msgspec.Struct, frozen=True):
    """An inbound delivery."""

    delivery: str
    plant: str
    asn: str
    version: int
    supplier: str
    arrives_at: str
    status: str
    lines: tuple[DeliveryLine, ...]


class DeliveryList(msgspec.Struct, frozen=True):
    """Inbound deliveries that were found."""

    items: list[DeliveryView]


class ReceiptView(msgspec.Struct, frozen=True):
    """A goods receipt as it stands."""

    document: str
    plant: str
    receipt: str
    asn: str
    posting_date: str
    reversed: bool
    lines: tuple[DeliveryLine, ...]


class ReceiptList(msgspec.Struct, frozen=True):
    """Goods receipts that were found."""

    items: list[ReceiptView]


_ANNOUNCING = (
    UnknownPlant,
    EmptyDocument,
    UnknownPurchaseOrder,
    PurchaseOrderCancelled,
    WrongSupplier,
    WrongItem,
    QuantityNotPositive,
    UnitNotConvertible,
    OverDelivery,
)


@operation(
    CREATE,
    rest="POST /inbound-deliveries",
    keys=("plant", "asn"),
    effect=fact("plant", "asn"),
    returns=DeliveryView,
    rejects=_ANNOUNCING,
)
def create_delivery(erp: Erp, cmd: CreateDelivery, now: Instant) -> Outcome:
    """Note goods that are to come. Not idempotent: noting them twice makes two deliveries; look before a retry."""
    lines = _announced(erp, cmd, replaced=None)
    if isinstance(lines, Rejection):
        return Refused(lines)
    purchases = erp.purchases
    delivery = InboundDelivery(
        delivery=str(FIRST_DELIVERY + len(purchases.deliveries) + 1),
        plant=cmd.plant,
        asn=cmd.asn,
        version=cmd.version,
        supplier=cmd.supplier,
        arrives_at=cmd.arrives_at,
        lines=lines,
        created_at=now.wire,
    )
    purchases.announce(delivery)
    # A fact, and which version of the announcement it is: so it keeps the promise of a correction only if it holds it.
    return Committed(_delivery_view(delivery), effects=(((cmd.plant, cmd.asn), cmd.version),))


@operation(
    REPLACE,
    rest="PUT /inbound-deliveries",
    keys=("plant", "asn"),
    effect=state("plant", "asn", version="version"),
    returns=DeliveryView,
    rejects=(*_ANNOUNCING, UnknownDelivery, DeliveryReceived),
)
def replace_delivery(erp: Erp, cmd: ReplaceDelivery, now: Instant) -> Outcome:
    """Correct what is to come, as long as it has not been received."""
    standing = erp.purchases.announced(cmd.plant, cmd.asn)
    if not standing:
        return Refused(UnknownDelivery(detail=cmd.asn))
    delivery = standing[-1]
    if delivery.status == "received":
        return Refused(DeliveryReceived(detail=delivery.delivery))
    lines = _announced(erp, cmd, replaced=delivery)
    if isinstance(lines, Rejection):
        return Refused(lines)
    stale = delivery.version > cmd.version
    delivery.version, delivery.arrives_at, delivery.lines = cmd.version, cmd.arrives_at, lines
    return Committed(_delivery_view(delivery), stale=stale)


@operation("erp.asn.find", rest="GET /inbound-deliveries", keys=("plant", "asn"), returns=DeliveryList)
def find_deliveries(erp: Erp, query: FindDeliveries, now: Instant) -> Outcome:
    """Look up what was noted for an announcement. Shown with the read lag of the profile."""
    found = erp.purchases.all_announced(query.plant, query.asn)
    shown = [delivery for delivery in found if delivery.created_at + erp.read_lag_s <= now.wire]
    reveals: dict[tuple[str, int], None] = {}
    for delivery in shown:
        reveals[effect_id(CREATE, (delivery.plant, delivery.asn)), delivery.version] = None
        reveals[effect_id(REPLACE, (delivery.plant, delivery.asn)), delivery.version] = None
    return Found(DeliveryList([_delivery_view(delivery) for delivery in shown]), tuple(reveals))


@operation(
    "erp.asn.cancel",
    rest="POST /inbound-deliveries/{delivery}/cancellation",
    keys=("delivery",),
    effect=fact("delivery"),
    returns=DeliveryView,
    rejects=(UnknownDelivery, DeliveryReceived),
)
def cancel_delivery(erp: Erp, cmd: CancelDelivery, now: Instant) -> Outcome:
    """Take back what was noted. The announcement may be noted again."""
    delivery = erp.purchases.deliveries.get(cmd.delivery)
    if delivery is None or delivery.status == "cancelled":
        return Refused(UnknownDelivery(detail=cmd.delivery))
    if delivery.status == "received":
        return Refused(DeliveryReceived(detail=cmd.delivery))
    delivery.status = "cancelled"
    return Committed(_delivery_view(delivery), undoes=(effect_id(CREATE, (delivery.plant, delivery.asn)),))


@operation(
    RECEIPT,
    rest="POST /goods-receipts",
    keys=("plant", "receipt"),
    effect=fact("plant", "receipt"),
    returns=ReceiptView,
    rejects=(
        UnknownPlant,
        ReceiptUnnamed,
        EmptyDocument,
        PeriodClosed,
        UnknownPurchaseOrder,
        PurchaseOrderCancelled,
        WrongItem,
        QuantityNotPositive,
        UnitNotConvertible,
        OverDelivery,
    ),
)
def post_receipt(erp: Erp, cmd: PostReceipt, now: Instant) -> Outcome:
    """Book goods that were received. Not idempotent: booking twice books twice; look before a retry."""
    if cmd.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{cmd.plant} is not served by this ERP"))
    if not cmd.receipt:
        return Refused(ReceiptUnnamed())
    if not period_open(erp, cmd.plant, cmd.posting_date, now):
        return Refused(PeriodClosed(detail=f"{cmd.posting_date} lies outside the open periods"))
    lines = _checked(erp, cmd.plant, cmd.lines)
    if isinstance(lines, Rejection):
        return Refused(lines)
    purchases = erp.purchases
    receipt = GoodsReceipt(
        document=str(FIRST_RECEIPT + len(purchases.receipts) + 1),
        plant=cmd.plant,
        receipt=cmd.receipt,
        asn=cmd.asn,
        posting_date=cmd.posting_date.isoformat(),
        posted_at=now.wire,
        lines=lines,
    )
    purchases.receive(receipt)
    changed = _move(erp, receipt, 1.0)
    for delivery in purchases.announced(cmd.plant, cmd.asn)[:1]:
        delivery.status = "received"
    posted = StockPosted(plant=cmd.plant, document=receipt.document, source_document=cmd.receipt)
    return Committed(_receipt_view(receipt), emit=(posted, *changed))


@operation("erp.inbound.receipts", rest="GET /goods-receipts", keys=("plant", "receipt"), returns=ReceiptList)
def find_receipts(erp: Erp, query: FindReceipts, now: Instant) -> Outcome:
    """Look up what was booked for a receipt of the warehouse. Shown with the read lag of the profile."""
    found = erp.purchases.received(query.plant, query.receipt)
    shown = [receipt for receipt in found if receipt.posted_at + erp.read_lag_s <= now.wire]
    reveals = ((effect_id(RECEIPT, (query.plant, query.receipt)), 0),) if shown else ()
    return Found(ReceiptList([_receipt_view(receipt) for receipt in shown]), reveals)


@operation(
    "erp.inbound.reverse_receipt",
    rest="POST /goods-receipts/{document}/reversal",
    keys=("document",),
    effect=fact("document"),
    returns=ReceiptView,
    rejects=(UnknownDocument, AlreadyReversed),
)
def reverse_receipt(erp: Erp, cmd: ReverseReceipt, now: Instant) -> Outcome:
    """Take a goods receipt back. It may be booked again."""
    receipt = erp.purchases.receipts.get(cmd.document)
    if receipt is None:
        return Refused(UnknownDocument(detail=cmd.document))
    if receipt.reversed:
        return Refused(AlreadyReversed(detail=cmd.document))
    receipt.reversed = True
    changed = _move(erp, receipt, -1.0)
    for delivery in erp.purchases.announced(receipt.plant, receipt.asn)[:1]:
        delivery.status = "announced"
    return Committed(
        _receipt_view(receipt), emit=changed, undoes=(effect_id(RECEIPT, (receipt.plant, receipt.receipt)),)
    )


def _announced(
    erp: Erp, cmd: CreateDelivery, *, replaced: InboundDelivery | None
) -> tuple[DeliveryLine, ...] | Rejection:
    """The lines of an announcement in plant units, or why it is refused."""
    if cmd.plant not in erp.plants:
        return UnknownPlant(detail=f"{cmd.plant} is not served by this ERP")
    lines = _checked(erp, cmd.plant, cmd.lines)
    if isinstance(lines, Rejection):
        return lines
    before = {line.po: line.quantity for line in replaced.lines} if replaced else {}
    for line in lines:
        order = erp.purchases.orders[line.po]
        if order.supplier != cmd.supplier:
            return WrongSupplier(detail=f"{line.po} is {order.supplier}'s")
        expected = erp.purchases.under_way(line.po) - before.get(line.po, 0.0) + line.quantity
        if expected > order.left + erp.tolerated(order):
            return OverDelivery(detail=f"{line.po}: {expected} are announced, {order.left} are open")
    return lines


def _checked(erp: Erp, plant: str, lines: tuple[InboundLine, ...]) -> tuple[DeliveryLine, ...] | Rejection:
    """Lines against their orders, in plant units."""
    if not lines:
        return EmptyDocument()
    found: list[DeliveryLine] = []
    totals: dict[str, float] = {}
    for line in lines:
        order = erp.purchases.orders.get(line.po)
        if order is None or order.plant != plant:
            return UnknownPurchaseOrder(detail=f"{line.po} at {plant}")
        if order.status == "cancelled":
            return PurchaseOrderCancelled(detail=line.po)
        if line.item != order.item:
            return WrongItem(detail=f"{line.po} is for {order.item}")
        if not 0 < line.quantity < 1e12:
            return QuantityNotPositive(detail=f"{line.po}: {line.quantity}")
        quantity = erp.in_plant_unit(plant, order.item, line.quantity, line.unit)
        if quantity is None:
            return UnitNotConvertible(unit=line.unit, detail=f"{order.item} is kept in {order.unit}")
        totals[line.po] = totals.get(line.po, 0.0) + quantity
        if totals[line.po] > order.left + erp.tolerated(order):
            return OverDelivery(detail=f"{line.po}: {totals[line.po]}, {order.left} are open")
        found.append(DeliveryLine(line.po, order.item, line.lot, round(quantity, 6), order.unit))
    return tuple(found)


def _move(erp: Erp, receipt: GoodsReceipt, direction: float) -> tuple[PurchaseOrderChanged, ...]:
    """Move stock and what is received of each order; the orders that changed."""
    for line in receipt.lines:
        order = erp.purchases.orders[line.po]
        order.received = round(order.received + direction * line.quantity, 6)
        key = (receipt.plant, line.item, line.lot)
        erp.balances[key] = erp.balances.get(key, 0.0) + direction * line.quantity
    numbers = dict.fromkeys(line.po for line in receipt.lines)
    return tuple(erp.purchases.orders[number].changed() for number in numbers)


def _delivery_view(held: InboundDelivery) -> DeliveryView:
    return DeliveryView(
        held.delivery, held.plant, held.asn, held.version, held.supplier, held.arrives_at, held.status, held.lines
    )


def _receipt_view(held: GoodsReceipt) -> ReceiptView:
    return ReceiptView(held.document, held.plant, held.receipt, held.asn, held.posting_date, held.reversed, held.lines)
