"""What can be asked of an MES."""

from datetime import datetime
from typing import Literal
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec

from pilotplant.dataset.records import RoutingStep
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.problem import Rejection, problem
from pilotplant.model.revisions import ordinal
from pilotplant.systems.mes.events import Consumption, OrderCompleted
from pilotplant.systems.mes.state import Executable, Instructions, Mes, ShopOrder
from pilotplant.systems.mes.wip import FOLLOWS, dispose


@problem("wrong-plant", 422, "This MES serves another plant")
class WrongPlant(Rejection, frozen=True, kw_only=True, gc=False):
    """Each plant has its own MES."""

    serves: str = ""


@problem("unknown-shop-order", 404, "No such order on the shop floor")
class UnknownShopOrder(Rejection, frozen=True, kw_only=True, gc=False):
    """The order was not dispatched to this MES."""


@problem("unknown-at-shop-floor", 422, "The shop floor knows no such item or work centre")
class UnknownAtShopFloor(Rejection, frozen=True, kw_only=True, gc=False):
    """The item is not one of this plant, or a step names a work centre that the plant does not have."""

    unknown: str = ""


@problem("out-of-range", 422, "A number is not a sensible one")
class OutOfRange(Rejection, frozen=True, kw_only=True, gc=False):
    """Quantities and times are finite and not negative; there is something to make, and something that was made."""


@problem("order-exists", 409, "The order was dispatched before")
class OrderExists(Rejection, frozen=True, kw_only=True, gc=False):
    """An order is dispatched once."""


@problem("no-instructions", 422, "There are no executable instructions for this revision")
class NoInstructions(Rejection, frozen=True, kw_only=True, gc=False):
    """Publish work instructions in the revision first."""

    executable: str = ""


@problem("not-executable-yet", 409, "The instructions for this revision are not executable yet")
class NotExecutableYet(Rejection, frozen=True, kw_only=True, gc=False):
    """A newer revision than the executable one: try again when its instructions have arrived."""

    executable: str = ""


@problem("order-status", 409, "The order is not in a status that allows this")
class OrderStatus(Rejection, frozen=True, kw_only=True, gc=False):
    """An order is held while dispatched, resumed while held, completed once."""

    status_now: str = ""


QUANTITY_MAX = 1e12
TIME_MAX_S = 1e9


class PublishRouting(Command, frozen=True, kw_only=True):
    """Work instructions of an item in a revision. `staged` ones are transferred but not yet used."""

    plant: str
    item: str
    revision: str
    steps: tuple[RoutingStep, ...]
    stage: Literal["staged", "executable"] = "executable"
    version: str = ""
    wip: Literal["keep", "re-read", "hold"] = "keep"
    """What becomes of open orders that were not begun."""


class GetInstructions(Command, frozen=True, kw_only=True):
    """Which item."""

    item: str


class DispatchOrder(Command, frozen=True, kw_only=True):
    """An order to make."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    start: Moment | None = None
    """Not to be begun earlier; at once if nothing is said."""
    rule: Literal["start-date", "snapshot", "run-out"] = "start-date"


class NameShopOrder(Command, frozen=True, kw_only=True):
    """Which order."""

    order: str


class ListShopOrders(PageQuery, frozen=True, kw_only=True):
    """Which page of the orders."""


class CompleteOrder(Command, frozen=True, kw_only=True):
    """What an operator reports at the end of an order."""

    order: str
    good: float
    scrap: float = 0.0
    rework: float = 0.0


class InstructionsView(msgspec.Struct, frozen=True):
    """What may be executed for an item."""

    plant: str
    item: str
    revision: str
    stage: str
    version: str
    steps: tuple[RoutingStep, ...]


class ShopOrderView(msgspec.Struct, frozen=True):
    """An order as the MES shows it."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    status: str
    confirmation: str
    start: str = ""
    rule: str = "start-date"


@operation(
    "mes.routing.publish",
    rest="PUT /work-instructions",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=InstructionsView,
    rejects=(WrongPlant, UnknownAtShopFloor, OutOfRange),
    facet="stage",
)
def publish_routing(mes: Mes, cmd: PublishRouting, now: Instant) -> Outcome:
    """Transfer work instructions, or make them the ones to execute. Revisions are taken in any order: latest wins."""
    if cmd.plant != mes.plant:
        return Refused(WrongPlant(serves=mes.plant))
    if not mes.knows(cmd.item):
        return Refused(UnknownAtShopFloor(unknown=cmd.item))
    for step in cmd.steps:
        if (mes.plant, step.work_centre) not in mes.dataset.work_centres:
            return Refused(UnknownAtShopFloor(unknown=step.work_centre))
        if not (0 <= step.number < 1e6 and 0 <= step.setup_s < TIME_MAX_S and 0 <= step.cycle_s < TIME_MAX_S):
            return Refused(OutOfRange(detail=f"step {step.work_centre}"))
    published = Instructions(cmd.item, cmd.revision, cmd.stage, cmd.version, cmd.steps)
    stale = False
    if cmd.stage == "executable":
        held = mes.executable.get(cmd.item)
        stale = held is not None and ordinal(held.revision) > ordinal(cmd.revision)
        mes.executable[cmd.item] = published
        mes.history.setdefault(cmd.item, []).append(Executable(published, now.business))
        dispose(mes, cmd.item, cmd.revision, cmd.wip, now)
    else:
        mes.staged[cmd.item] = published
    return Committed(_instructions_view(mes, published), stale=stale)


@operation(
    "mes.routing.get",
    rest="GET /work-instructions/{item}",
    keys=("item",),
    returns=InstructionsView,
    rejects=(NoInstructions,),
)
def get_instructions(mes: Mes, query: GetInstructions, now: Instant) -> Outcome:
    """Read what may be executed for an item."""
    held = mes.instructions(query.item)
    if held is None:
        return Refused(NoInstructions(detail=query.item))
    reveals = (effect_id("mes.routing.publish", (mes.plant, held.item)), ordinal(held.revision))
    return Found(_instructions_view(mes, held), (reveals,))


@operation(
    "mes.order.dispatch",
    rest="POST /orders",
    keys=("plant", "order"),
    effect=fact("plant", "order"),
    returns=ShopOrderView,
    rejects=(WrongPlant, OrderExists, NoInstructions, NotExecutableYet, OutOfRange),
)
def dispatch_order(mes: Mes, cmd: DispatchOrder, now: Instant) -> Outcome:
    """Give an order to the shop floor. It is made as soon as its work centres are free."""
    if cmd.plant != mes.plant:
        return Refused(WrongPlant(serves=mes.plant))
    if cmd.order in mes.orders:
        return Refused(OrderExists(detail=cmd.order))
    if refusal := _not_executable(mes, cmd):
        return Refused(refusal)
    if not 0 < cmd.quantity < QUANTITY_MAX:
        return Refused(OutOfRange(detail=f"quantity {cmd.quantity}"))
    order = ShopOrder(mes.plant, cmd.order, cmd.item, cmd.revision, cmd.quantity, rule=cmd.rule)
    order.start_at = cmd.start.timestamp() if cmd.start else now.business
    order.dispatched_at = now.business
    mes.orders[cmd.order] = order
    return Committed(_order_view(order), jobs=(order,))


@operation(
    "mes.order.hold",
    rest="POST /orders/{order}/hold",
    keys=("order",),
    effect=state("plant", "order", version="row"),
    returns=ShopOrderView,
    rejects=(UnknownShopOrder, OrderStatus),
    status=200,
)
def hold_order(mes: Mes, cmd: NameShopOrder, now: Instant) -> Outcome:
    """Stop an order at the end of the operation that is running."""
    return _switch(mes, cmd.order, "dispatched", "held", now)


@operation(
    "mes.order.resume",
    rest="POST /orders/{order}/resume",
    keys=("order",),
    effect=state("plant", "order", version="row"),
    returns=ShopOrderView,
    rejects=(UnknownShopOrder, OrderStatus),
    status=200,
)
def resume_order(mes: Mes, cmd: NameShopOrder, now: Instant) -> Outcome:
    """Let a held order go on."""
    return _switch(mes, cmd.order, "held", "dispatched", now)


@operation(
    "mes.order.status",
    rest="GET /orders/{order}",
    keys=("order",),
    returns=ShopOrderView,
    rejects=(UnknownShopOrder,),
)
def order_status(mes: Mes, query: NameShopOrder, now: Instant) -> Outcome:
    """Read how an order stands."""
    order = mes.orders.get(query.order)
    if order is None:
        return Refused(UnknownShopOrder(detail=query.order))
    return Found(_order_view(order), _reveals(order))


@operation(
    "mes.order.list",
    rest="GET /orders",
    returns=Page[ShopOrderView],
    rejects=(BadCursor,),
    rows=("plant", "order"),
)
def list_orders(mes: Mes, query: ListShopOrders, now: Instant) -> Outcome:
    """Read all orders, a page at a time."""
    return paged(
        list(mes.orders),
        query.limit,
        query.cursor,
        lambda number: _order_view(mes.orders[number]),
        lambda number: _reveals(mes.orders[number]),
    )


@operation(
    "mes.order.complete",
    rest="POST /orders/{order}/completion",
    keys=("order",),
    effect=fact("plant", "order"),
    returns=ShopOrderView,
    rejects=(UnknownShopOrder, OrderStatus, OutOfRange),
)
def complete_order(mes: Mes, cmd: CompleteOrder, now: Instant) -> Outcome:
    """Report an order as finished: the operator's terminal. The MES says so to the world with a confirmation number."""
    order = mes.orders.get(cmd.order)
    if order is None:
        return Refused(UnknownShopOrder(detail=cmd.order))
    if order.status == "completed":
        return Refused(OrderStatus(status_now=order.status))
    made = (cmd.good, cmd.scrap, cmd.rework)
    if not all(0 <= quantity < QUANTITY_MAX for quantity in made) or not sum(made):
        return Refused(OutOfRange(detail=f"good {cmd.good}, scrap {cmd.scrap}, rework {cmd.rework}"))
    order.status, order.row = "completed", order.row + 1
    order.confirmation = mes.next_confirmation()
    event = mes.confirmed[order.confirmation] = _completed(mes, order, cmd, now)
    return Committed(_order_view(order), emit=(event,), effects=(((mes.plant, order.order), 0),))


def _completed(mes: Mes, order: ShopOrder, cmd: CompleteOrder, now: Instant) -> OrderCompleted:
    item = mes.dataset.items.get(order.item)
    local = mes.dataset.plant_items.get((mes.plant, order.item))
    known = mes.item(order.item)
    made = cmd.good + cmd.scrap
    consumption = []
    for line in mes.components(order.item):
        lots = mes.lots.get(line.component, [""])
        quantity = round(line.quantity * made, 6)
        lot = lots[crc32(f"{order.order}|{line.component}".encode()) % len(lots)]
        if quantity > 0:
            consumption.append(Consumption(line.component, lot, quantity, line.unit))
    zone = ZoneInfo(mes.dataset.plants[mes.plant].time_zone)
    return OrderCompleted(
        plant=mes.plant,
        order=order.order,
        confirmation=order.confirmation,
        item=order.item,
        local_number=local.local_number if local else "",
        revision=order.revision,
        lot=f"{mes.plant}-{order.order}" if item and item.tracking != "none" else "",
        good=cmd.good,
        scrap=cmd.scrap,
        rework=cmd.rework,
        unit=known.unit if known else "",
        completed_at=iso(now.business),
        posting_date=datetime.fromtimestamp(now.business, zone).date().isoformat(),
        consumption=tuple(consumption),
    )


def _not_executable(mes: Mes, cmd: DispatchOrder) -> Rejection | None:
    """Why an order cannot be made in the revision that it asks for. One that keeps its revision may ask for an older
    one, as long as there were instructions for it."""
    held = mes.instructions(cmd.item)
    if held is not None and held.revision == cmd.revision:
        return None
    if cmd.rule != FOLLOWS and mes.instructions_in(cmd.item, cmd.revision) is not None:
        return None
    executable = held.revision if held else ""
    if ordinal(cmd.revision) > ordinal(executable) > 0:
        return NotExecutableYet(executable=executable)
    return NoInstructions(executable=executable)


def _switch(mes: Mes, number: str, before: str, after: str, now: Instant) -> Outcome:
    order = mes.orders.get(number)
    if order is None:
        return Refused(UnknownShopOrder(detail=number))
    if order.status != before:
        return Refused(OrderStatus(status_now=order.status))
    order.status, order.row = after, order.row + 1
    order.held_at = now.business if after == "held" else order.held_at
    jobs = (order,) if after == "dispatched" else ()
    return Committed(_order_view(order), effects=(((mes.plant, number), order.row),), jobs=jobs)


def _reveals(order: ShopOrder) -> tuple[tuple[str, int], ...]:
    keys = (order.plant, order.order)
    known = [(effect_id("mes.order.dispatch", keys), 0), (effect_id("mes.order.hold", keys), order.row)]
    if order.status == "completed":
        known.append((effect_id("mes.order.completed", (order.plant, order.confirmation)), 0))
    return tuple(known)


def _instructions_view(mes: Mes, held: Instructions) -> InstructionsView:
    return InstructionsView(mes.plant, held.item, held.revision, held.stage, held.version, held.steps)


def _order_view(order: ShopOrder) -> ShopOrderView:
    return ShopOrderView(
        plant=order.plant,
        order=order.order,
        item=order.item,
        revision=order.revision,
        quantity=order.quantity,
        status=order.status,
        confirmation=order.confirmation,
        start=iso(order.start_at) if order.start_at else "",
        rule=order.rule,
    )
