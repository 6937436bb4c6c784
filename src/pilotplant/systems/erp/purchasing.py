"""Purchase orders: read, change and cancel, and how far their invoices are."""

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.systems.erp.problems import (
    AlreadyReceived,
    BelowReceived,
    PurchaseOrderCancelled,
    QuantityNotPositive,
    UnknownPlant,
    UnknownPurchaseOrder,
)
from pilotplant.systems.erp.purchases import PurchaseOrderState
from pilotplant.systems.erp.state import Erp

CHANGE, CANCEL = "erp.po.change", "erp.po.cancel"


class ListPurchaseOrders(PageQuery, frozen=True, kw_only=True):
    """Which page of a plant's open purchase orders, for one item or supplier or for all."""

    plant: str
    item: str = ""
    supplier: str = ""


class NamePurchaseOrder(Command, frozen=True, kw_only=True):
    """Which purchase order of which plant."""

    plant: str
    po: str


class ChangePurchaseOrder(Command, frozen=True, kw_only=True):
    """How much is ordered in all from now on, in the order's unit, and the engineering change that asks for it."""

    plant: str
    po: str
    quantity: float
    change: str = ""


class CancelPurchaseOrder(Command, frozen=True, kw_only=True):
    """Which order is not wanted any more, and the engineering change that asks for it."""

    plant: str
    po: str
    change: str = ""


class PurchaseOrderView(msgspec.Struct, frozen=True):
    """A purchase order as the ERP shows it."""

    po: str
    plant: str
    supplier: str
    item: str
    quantity: float
    received: float
    unit: str
    status: str
    row: int


class InvoiceStatus(msgspec.Struct, frozen=True):
    """Whether the supplier can be paid: `nothing-received`, `partly-received` or `cleared`."""

    po: str
    status: str
    ordered: float
    received: float
    unit: str


def etag(held: PurchaseOrderState) -> str:
    """The entity tag of an order's present row."""
    return f'"{held.po}.{held.row}"'


def current_etag(erp: Erp, cmd: ChangePurchaseOrder | CancelPurchaseOrder) -> str:
    """The entity tag that a change of this order has to carry; empty where there is no such order."""
    held = _order(erp, cmd)
    return etag(held) if held else ""


@operation(
    "erp.po.list_open",
    rest="GET /plants/{plant}/purchase-orders",
    keys=("plant", "item"),
    returns=Page[PurchaseOrderView],
    rejects=(UnknownPlant, BadCursor),
    rows=("plant", "po"),
)
def list_open_orders(erp: Erp, query: ListPurchaseOrders, now: Instant) -> Outcome:
    """Read a plant's open purchase orders, a page at a time."""
    if query.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{query.plant} is not served by this ERP"))
    orders = erp.purchases.orders
    numbers = [
        po
        for po, held in orders.items()
        if held.plant == query.plant
        and held.status == "open"
        and query.item in ("", held.item)
        and query.supplier in ("", held.supplier)
    ]
    return paged(numbers, query.limit, query.cursor, lambda po: _view(orders[po]), lambda po: _reveals(orders[po]))


@operation(
    "erp.po.get",
    rest="GET /plants/{plant}/purchase-orders/{po}",
    keys=("plant", "po"),
    returns=PurchaseOrderView,
    rejects=(UnknownPurchaseOrder,),
)
def get_purchase_order(erp: Erp, query: NamePurchaseOrder, now: Instant) -> Outcome:
    """Read a purchase order; the ETag that comes with it is needed to change it."""
    held = _order(erp, query)
    if held is None:
        return Refused(UnknownPurchaseOrder(detail=query.po))
    return Found(_view(held), _reveals(held), etag=etag(held))


@operation(
    CHANGE,
    rest="PATCH /plants/{plant}/purchase-orders/{po}",
    keys=("plant", "po", "change"),
    effect=fact("plant", "po", "change"),
    returns=PurchaseOrderView,
    rejects=(UnknownPurchaseOrder, PurchaseOrderCancelled, QuantityNotPositive, BelowReceived),
    etag=current_etag,
)
def change_purchase_order(erp: Erp, cmd: ChangePurchaseOrder, now: Instant) -> Outcome:
    """Change how much is ordered. What was received stays ordered; an order for nothing is to be cancelled."""
    held = _order(erp, cmd)
    if held is None:
        return Refused(UnknownPurchaseOrder(detail=cmd.po))
    if held.status == "cancelled":
        return Refused(PurchaseOrderCancelled(detail=cmd.po), etag=etag(held))
    if not 0 < cmd.quantity < 1e12:
        return Refused(QuantityNotPositive(detail=f"quantity {cmd.quantity}"), etag=etag(held))
    if cmd.quantity < held.received:
        return Refused(BelowReceived(detail=f"{held.received} {held.unit} of {cmd.po} are received"), etag=etag(held))
    return _changed(held, cmd.change, cmd.quantity)


@operation(
    CANCEL,
    rest="POST /plants/{plant}/purchase-orders/{po}/cancellation",
    keys=("plant", "po", "change"),
    effect=fact("plant", "po", "change"),
    returns=PurchaseOrderView,
    rejects=(UnknownPurchaseOrder, PurchaseOrderCancelled, AlreadyReceived),
    etag=current_etag,
)
def cancel_purchase_order(erp: Erp, cmd: CancelPurchaseOrder, now: Instant) -> Outcome:
    """Cancel an order of which nothing was received."""
    held = _order(erp, cmd)
    if held is None:
        return Refused(UnknownPurchaseOrder(detail=cmd.po))
    if held.status == "cancelled":
        return Refused(PurchaseOrderCancelled(detail=cmd.po), etag=etag(held))
    if held.received:
        return Refused(AlreadyReceived(detail=f"{held.received} {held.unit} of {cmd.po}"), etag=etag(held))
    held.status = "cancelled"
    return _changed(held, cmd.change, 0.0)


@operation(
    "erp.invoice.status",
    rest="GET /plants/{plant}/purchase-orders/{po}/invoice",
    keys=("plant", "po"),
    returns=InvoiceStatus,
    rejects=(UnknownPurchaseOrder,),
)
def get_invoice_status(erp: Erp, query: NamePurchaseOrder, now: Instant) -> Outcome:
    """Read whether an order's invoice can be paid: what was ordered against what was received."""
    held = _order(erp, query)
    if held is None:
        return Refused(UnknownPurchaseOrder(detail=query.po))
    status = "cleared" if held.left <= 0 else "partly-received" if held.received else "nothing-received"
    return Found(InvoiceStatus(held.po, status, held.quantity, held.received, held.unit), ())


def _order(erp: Erp, cmd: NamePurchaseOrder | ChangePurchaseOrder | CancelPurchaseOrder) -> PurchaseOrderState | None:
    held = erp.purchases.orders.get(cmd.po)
    return held if held is not None and held.plant == cmd.plant else None


def _changed(held: PurchaseOrderState, change: str, quantity: float) -> Outcome:
    """A later word about the same change takes the place of the earlier one: it is no second change."""
    keys = (held.plant, held.po, change)
    before = held.changes.get(change)
    undoes = (effect_id(CHANGE, keys),) if before is not None else ()
    held.quantity = quantity or held.quantity
    held.changes = {**held.changes, change: quantity}
    event = held.changed()
    return Committed(_view(held), emit=(event,), effects=((keys, 0),), undoes=undoes, etag=etag(held))


def _reveals(held: PurchaseOrderState) -> tuple[tuple[str, int], ...]:
    """What was changed on whose account shows in the order's history."""
    return tuple(
        (effect_id(CHANGE if quantity else CANCEL, (held.plant, held.po, change)), 0)
        for change, quantity in held.changes.items()
    )


def _view(held: PurchaseOrderState) -> PurchaseOrderView:
    return PurchaseOrderView(
        held.po, held.plant, held.supplier, held.item, held.quantity, held.received, held.unit, held.status, held.row
    )
