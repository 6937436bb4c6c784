"""Production orders: read, and change under optimistic locking while clerks have some of them open."""

import msgspec

from pilotplant.model.instants import Instant, iso
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.systems.erp.events import ProductionOrderChanged
from pilotplant.systems.erp.problems import DocumentLocked, QuantityNotPositive, UnknownOrder, UnknownPlant
from pilotplant.systems.erp.state import Erp, OrderState


class ListOrders(PageQuery, frozen=True, kw_only=True):
    """Which page of a plant's open orders."""

    plant: str


class NameOrder(Command, frozen=True, kw_only=True):
    """Which order."""

    order: str


class ChangeOrder(Command, frozen=True, kw_only=True):
    """What is to be different; what is not named stays."""

    order: str
    quantity: float | None = None
    revision: str | None = None

    @property
    def fields(self) -> str:
        """What it changes, by name."""
        given = (("quantity", self.quantity), ("revision", self.revision))
        return " ".join(name for name, value in given if value is not None)


class OrderView(msgspec.Struct, frozen=True):
    """A production order as the ERP shows it."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    status: str
    row: int
    start: str = ""


def etag(held: OrderState) -> str:
    """The entity tag of an order's present row."""
    return f'"{held.order.order}.{held.row}"'


def current_etag(erp: Erp, cmd: ChangeOrder) -> str:
    """The entity tag that a change of this order has to carry; empty where there is no such order."""
    held = erp.orders.get(cmd.order)
    return etag(held) if held else ""


@operation(
    "erp.production_order.list_open",
    rest="GET /plants/{plant}/production-orders",
    keys=("plant",),
    returns=Page[OrderView],
    rejects=(UnknownPlant, BadCursor),
    rows=("plant", "order"),
)
def list_open(erp: Erp, query: ListOrders, now: Instant) -> Outcome:
    """Read a plant's open production orders, a page at a time."""
    if query.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{query.plant} is not served by this ERP"))
    numbers = [number for number, held in erp.orders.items() if held.order.plant == query.plant]
    return paged(
        numbers,
        query.limit,
        query.cursor,
        lambda number: order_view(erp.orders[number]),
        lambda number: (_reveals(erp.orders[number]),),
    )


@operation(
    "erp.production_order.get",
    rest="GET /production-orders/{order}",
    keys=("order",),
    returns=OrderView,
    rejects=(UnknownOrder,),
)
def get_order(erp: Erp, query: NameOrder, now: Instant) -> Outcome:
    """Read a production order; the ETag that comes with it is needed to change it."""
    held = erp.orders.get(query.order)
    if held is None:
        return Refused(UnknownOrder(detail=query.order))
    return Found(order_view(held), (_reveals(held),), etag=etag(held))


@operation(
    "erp.production_order.change",
    rest="PATCH /production-orders/{order}",
    keys=("order",),
    effect=state("plant", "order", version="row"),
    returns=OrderView,
    rejects=(UnknownOrder, DocumentLocked, QuantityNotPositive),
    etag=current_etag,
    facet="fields",
)
def change_order(erp: Erp, cmd: ChangeOrder, now: Instant) -> Outcome:
    """Change a production order, if nobody has it open."""
    held = erp.orders.get(cmd.order)
    if held is None:
        return Refused(UnknownOrder(detail=cmd.order))
    if now.wire < held.locked_until:
        return Refused(DocumentLocked(detail=f"order {cmd.order} is being edited"), etag=etag(held))
    if cmd.quantity is not None:
        if not 0 < cmd.quantity < 1e12:
            return Refused(QuantityNotPositive(detail=f"quantity {cmd.quantity}"), etag=etag(held))
        held.quantity = cmd.quantity
    if cmd.revision is not None:
        held.revision = cmd.revision
    held.row += 1
    plant = held.order.plant
    changed = ProductionOrderChanged(plant=plant, order=cmd.order, row=held.row)
    effects = (((plant, cmd.order), held.row),)
    return Committed(order_view(held), emit=(changed,), effects=effects, etag=etag(held))


def order_view(held: OrderState) -> OrderView:
    """An order as the ERP shows it."""
    order = held.order
    start = iso(held.start_at) if held.start_at else ""
    plant, number, item = order.plant, order.order, order.item
    return OrderView(plant, number, item, held.revision, held.quantity, held.status, held.row, start)


def _reveals(held: OrderState) -> tuple[str, int]:
    return effect_id("erp.production_order.change", (held.order.plant, held.order.order)), held.row
