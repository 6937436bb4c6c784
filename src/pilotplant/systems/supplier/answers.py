"""Orders and what suppliers are told about them: notices of changes, and the answers that suppliers enter."""

from typing import Literal

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.systems.supplier.events import PurchaseOrderAcknowledged, PurchaseOrderRejected
from pilotplant.systems.supplier.problems import (
    NoticeAnswered,
    NoticeDiffers,
    NotShippable,
    UnknownNotice,
    UnknownSupplierOrder,
)
from pilotplant.systems.supplier.state import Notice, OpenOrder, Portal

CHANGE_NOTICE = "supplier.po.change_notice"


class ListSupplierOrders(PageQuery, frozen=True, kw_only=True):
    """Which page of the orders, of one supplier or of all."""

    supplier: str = ""


class ChangeNotice(Command, frozen=True, kw_only=True):
    """An engineering change supersedes what was ordered: deliver no more of it than has to be."""

    po: str
    change: str
    item: str
    superseded_by: str = ""
    text: str = ""


class AnswerNotice(Command, frozen=True, kw_only=True):
    """What a supplier says to a notice. `quantity`: what it will have delivered in all, if that is not just what it has
    shipped."""

    po: str
    change: str
    answer: Literal["accepted", "partly", "rejected"]
    quantity: float = 0.0
    reason: str = ""


class NoticeView(msgspec.Struct, frozen=True):
    """A notice and what the supplier said to it."""

    po: str
    change: str
    item: str
    superseded_by: str
    status: str
    quantity: float


class SupplierOrderView(msgspec.Struct, frozen=True):
    """A purchase order as its supplier shows it."""

    po: str
    plant: str
    supplier: str
    item: str
    supplier_part: str
    quantity: float
    shipped: float
    unit: str
    notices: tuple[NoticeView, ...]


@operation(
    "supplier.po.list",
    rest="GET /purchase-orders",
    keys=("supplier",),
    returns=Page[SupplierOrderView],
    rejects=(BadCursor,),
    rows=("po",),
)
def list_orders(portal: Portal, query: ListSupplierOrders, now: Instant) -> Outcome:
    """Read the orders that suppliers have, with the notices about them and their answers, a page at a time."""
    numbers = [po for po, order in portal.orders.items() if query.supplier in ("", order.supplier)]
    return paged(
        numbers,
        query.limit,
        query.cursor,
        lambda po: _order_view(portal, portal.orders[po]),
        lambda po: tuple(pair for notice in portal.notices_of(po) for pair in _reveals(notice)),
    )


@operation(
    CHANGE_NOTICE,
    rest="POST /change-notices",
    keys=("po", "change"),
    effect=fact("po", "change"),
    returns=NoticeView,
    rejects=(UnknownSupplierOrder, NoticeDiffers),
)
def change_notice(portal: Portal, cmd: ChangeNotice, now: Instant) -> Outcome:
    """Tell a supplier that a change supersedes what it was ordered. The same notice given again changes nothing."""
    order = portal.orders.get(cmd.po)
    if order is None or order.item != cmd.item:
        return Refused(UnknownSupplierOrder(detail=f"{cmd.po} for {cmd.item}"))
    known = portal.notices.get((cmd.po, cmd.change))
    if known is not None:
        if known.superseded_by != cmd.superseded_by:
            return Refused(NoticeDiffers(detail=f"{cmd.po}, {cmd.change}"))
        return Found(_notice_view(known), _reveals(known))
    notice = Notice(cmd.po, cmd.change, order.plant, cmd.item, cmd.superseded_by)
    portal.notices[cmd.po, cmd.change] = notice
    return Committed(_notice_view(notice), jobs=(notice,))


@operation(
    "supplier.po.acknowledge",
    rest="POST /change-notices/{change}/purchase-orders/{po}/answer",
    keys=("po", "change"),
    effect=fact("po", "change"),
    returns=NoticeView,
    rejects=(UnknownNotice, NoticeAnswered, NotShippable),
)
def answer_notice(portal: Portal, cmd: AnswerNotice, now: Instant) -> Outcome:
    """Answer a notice: the supplier's own screen. From then on no more is shipped than was agreed."""
    notice = portal.notices.get((cmd.po, cmd.change))
    if notice is None:
        return Refused(UnknownNotice(detail=f"{cmd.po}, {cmd.change}"))
    if notice.status != "received":
        return Refused(NoticeAnswered(detail=notice.status))
    order = portal.orders[cmd.po]
    common = {"plant": order.plant, "po": order.po, "change": cmd.change, "supplier": order.supplier}
    if cmd.answer == "rejected":
        notice.status = "rejected"
        return Committed(_notice_view(notice), emit=(PurchaseOrderRejected(**common, reason=cmd.reason),))
    quantity = cmd.quantity if cmd.answer == "partly" else order.shipped
    if not order.shipped <= quantity <= order.quantity:
        return Refused(NotShippable(detail=f"{quantity} of {order.quantity}, {order.shipped} are shipped"))
    notice.status, notice.quantity = "acknowledged", quantity
    order.quantity = quantity
    event = PurchaseOrderAcknowledged(**common, answer=cmd.answer, quantity=quantity, unit=order.unit)
    return Committed(_notice_view(notice), emit=(event,))


def _reveals(notice: Notice) -> tuple[tuple[str, int], ...]:
    keys = (notice.po, notice.change)
    known = [(effect_id(CHANGE_NOTICE, keys), 0)]
    if notice.status != "received":
        known.append((effect_id(f"supplier.po.{notice.status}", keys), 0))
    return tuple(known)


def _notice_view(notice: Notice) -> NoticeView:
    return NoticeView(notice.po, notice.change, notice.item, notice.superseded_by, notice.status, notice.quantity)


def _order_view(portal: Portal, order: OpenOrder) -> SupplierOrderView:
    return SupplierOrderView(
        po=order.po,
        plant=order.plant,
        supplier=order.supplier,
        item=order.item,
        supplier_part=order.supplier_part,
        quantity=order.quantity,
        shipped=order.shipped,
        unit=order.unit,
        notices=tuple(_notice_view(notice) for notice in portal.notices_of(order.po)),
    )
