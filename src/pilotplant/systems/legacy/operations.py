"""What can be asked of the ERP that goes."""

from typing import Literal

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, Row, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.legacy.events import CutoverBegun, PlantReleased
from pilotplant.systems.legacy.state import BookItem, BookOrder, BookQuant, Legacy, PlantBooks, Totals

SIGN = {"receipt": 1.0, "issue": -1.0, "scrap": 0.0}
QUANTITY_MAX = 1e12


@problem("plant-not-here", 404, "This ERP does not keep the books of this plant")
class PlantNotHere(Rejection, frozen=True, kw_only=True, gc=False):
    """No such plant."""


@problem("plant-frozen", 423, "The books of the plant are frozen")
class PlantFrozen(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing changes while a plant is moved. It is thawed, or another ERP takes over."""


@problem("plant-released", 409, "This ERP is not in charge of the plant any more")
class PlantGone(Rejection, frozen=True, kw_only=True, gc=False):
    """The plant was released to another ERP."""


@problem("wrong-phase", 409, "The plant is not in a phase that allows this")
class WrongPhase(Rejection, frozen=True, kw_only=True, gc=False):
    """Freeze what is open, release or thaw what is frozen."""

    phase: str = ""


@problem("unknown-row", 404, "There is no such row in the books")
class UnknownRow(Rejection, frozen=True, kw_only=True, gc=False):
    """No such item, order or quant."""


@problem("no-quantity", 422, "A quantity is not a sensible one")
class NoQuantity(Rejection, frozen=True, kw_only=True, gc=False):
    """Quantities are positive and finite, and there is at least one line."""


class OfPlant(PageQuery, frozen=True, kw_only=True):
    """Rows of which plant."""

    plant: str


class NamePlant(Command, frozen=True, kw_only=True):
    """Which plant."""

    plant: str


class BookLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A line to book, in the unit of the books."""

    movement: Literal["receipt", "issue", "scrap"]
    item: str
    quantity: float
    lot: str = ""


class Book(Command, frozen=True, kw_only=True):
    """A stock document. `source_document` is the number of what caused it."""

    plant: str
    source_document: str
    lines: tuple[BookLine, ...]


class FindBooked(Command, frozen=True, kw_only=True):
    """Whether something was booked for this source document."""

    plant: str
    source_document: str


class BookedView(msgspec.Struct, frozen=True):
    """Whether it was."""

    plant: str
    source_document: str
    booked: bool


class ChangeItem(Command, frozen=True, kw_only=True):
    """A clerk changes an item."""

    plant: str
    item: str
    description: str
    price: float
    row: Row


class ChangeOrder(Command, frozen=True, kw_only=True):
    """A clerk changes the quantity of an order; 0 closes it."""

    plant: str
    order: str
    quantity: float
    row: Row


class CountQuant(Command, frozen=True, kw_only=True):
    """Somebody counted a quant."""

    plant: str
    quant: str
    quantity: float
    row: Row


class BeginCutover(Command, frozen=True, kw_only=True):
    """The weekend has come."""

    cutover: str


class PhaseView(msgspec.Struct, frozen=True):
    """How a plant stands."""

    plant: str
    phase: str


def _shut(legacy: Legacy, plant: str) -> Rejection | None:
    """Why nothing of this plant can be changed; nothing where it can."""
    phase = legacy.phases.get(plant)
    if phase is None:
        return PlantNotHere(detail=plant)
    return {"open": None, "frozen": PlantFrozen(), "released": PlantGone()}[phase]


@operation(
    "legacy.item.list",
    rest="GET /items",
    returns=Page[BookItem],
    rejects=(BadCursor, PlantNotHere),
    rows=("plant", "item"),
)
def list_items(legacy: Legacy, query: OfPlant, now: Instant) -> Outcome:
    """Read the items of a plant, a page at a time, or what has changed of them."""
    books = legacy.books.get(query.plant)
    if books is None:
        return Refused(PlantNotHere(detail=query.plant))
    return paged(list(books.items), query.limit, query.cursor, books.items.__getitem__)


@operation(
    "legacy.order.list",
    rest="GET /orders",
    returns=Page[BookOrder],
    rejects=(BadCursor, PlantNotHere),
    rows=("plant", "order"),
)
def list_orders(legacy: Legacy, query: OfPlant, now: Instant) -> Outcome:
    """Read the open orders of a plant, a page at a time, or what has changed of them."""
    books = legacy.books.get(query.plant)
    if books is None:
        return Refused(PlantNotHere(detail=query.plant))
    return paged(list(books.orders), query.limit, query.cursor, books.orders.__getitem__)


@operation(
    "legacy.quant.list",
    rest="GET /quants",
    returns=Page[BookQuant],
    rejects=(BadCursor, PlantNotHere),
    rows=("plant", "quant"),
)
def list_quants(legacy: Legacy, query: OfPlant, now: Instant) -> Outcome:
    """Read the stock of a plant, a page at a time, or what has changed of it."""
    books = legacy.books.get(query.plant)
    if books is None:
        return Refused(PlantNotHere(detail=query.plant))
    return paged(list(books.quants), query.limit, query.cursor, books.quants.__getitem__)


@operation("legacy.books.total", rest="GET /totals", keys=("plant",), returns=Totals, rejects=(PlantNotHere,))
def total(legacy: Legacy, query: NamePlant, now: Instant) -> Outcome:
    """Read what the books of a plant come to."""
    books = legacy.books.get(query.plant)
    return Found(books.totals(), ()) if books is not None else Refused(PlantNotHere(detail=query.plant))


@operation(
    "legacy.stock.post",
    rest="POST /stock-documents",
    keys=("plant", "source_document"),
    effect=fact("plant", "source_document", "movement", "item", "lot", each="lines"),
    returns=BookedView,
    rejects=(PlantNotHere, PlantFrozen, PlantGone, NoQuantity),
)
def post_stock(legacy: Legacy, cmd: Book, now: Instant) -> Outcome:
    """Book goods. Not idempotent: posting twice books twice."""
    if refusal := _shut(legacy, cmd.plant):
        return Refused(refusal)
    return booked(legacy.books[cmd.plant], cmd, "legacy.quant.list")


def booked(books: PlantBooks, cmd: Book, listed: str) -> Outcome:
    """Book a document; both ERPs do it alike."""
    if not cmd.lines or not all(0 < line.quantity < QUANTITY_MAX for line in cmd.lines):
        return Refused(NoQuantity())
    moved = books.documents.setdefault(cmd.source_document, {})
    quants: dict[str, None] = {}
    for line in cmd.lines:
        known_by, quantity = (line.movement, line.item, line.lot), SIGN[line.movement] * line.quantity
        moved[known_by] = moved.get(known_by, 0.0) + quantity
        if quantity:
            quants[books.move(line.item, line.lot, quantity)] = None
    touches = tuple((listed, cmd.plant, quant) for quant in quants) if listed else ()
    return Committed(BookedView(cmd.plant, cmd.source_document, booked=True), touches=touches)


@operation(
    "legacy.stock.find",
    rest="GET /stock-documents",
    keys=("plant", "source_document"),
    returns=BookedView,
    rejects=(PlantNotHere,),
)
def find_booked(legacy: Legacy, query: FindBooked, now: Instant) -> Outcome:
    """See whether something was booked: the way to look before posting again."""
    books = legacy.books.get(query.plant)
    if books is None:
        return Refused(PlantNotHere(detail=query.plant))
    return Found(BookedView(query.plant, query.source_document, query.source_document in books.documents), None)


@operation(
    "legacy.item.change",
    rest="PUT /item",
    keys=("plant", "item"),
    effect=state("plant", "item", version="row"),
    returns=BookItem,
    rejects=(PlantNotHere, PlantFrozen, PlantGone, UnknownRow, NoQuantity),
)
def change_item(legacy: Legacy, cmd: ChangeItem, now: Instant) -> Outcome:
    """Change an item. `row` is the version that it becomes."""
    if refusal := _shut(legacy, cmd.plant):
        return Refused(refusal)
    books = legacy.books[cmd.plant]
    held = books.items.get(cmd.item)
    if held is None:
        return Refused(UnknownRow(detail=cmd.item))
    if not 0 <= cmd.price < QUANTITY_MAX:
        return Refused(NoQuantity(detail="price"))
    books.items[cmd.item] = BookItem(cmd.item, cmd.description, held.unit, cmd.price, cmd.row)
    return Committed(books.items[cmd.item])


@operation(
    "legacy.order.change",
    rest="PUT /order",
    keys=("plant", "order"),
    effect=state("plant", "order", version="row"),
    returns=BookOrder,
    rejects=(PlantNotHere, PlantFrozen, PlantGone, UnknownRow, NoQuantity),
)
def change_order(legacy: Legacy, cmd: ChangeOrder, now: Instant) -> Outcome:
    """Change an open order, or close it."""
    if refusal := _shut(legacy, cmd.plant):
        return Refused(refusal)
    books = legacy.books[cmd.plant]
    held = books.orders.get(cmd.order)
    if held is None:
        return Refused(UnknownRow(detail=cmd.order))
    if not 0 <= cmd.quantity < QUANTITY_MAX:
        return Refused(NoQuantity(detail=f"{cmd.quantity}"))
    changed = BookOrder(cmd.order, held.item, cmd.quantity, cmd.row)
    if cmd.quantity:
        books.orders[cmd.order] = changed
    else:
        del books.orders[cmd.order]
    return Committed(changed)


@operation(
    "legacy.quant.count",
    rest="PUT /quant",
    keys=("plant", "quant"),
    effect=state("plant", "quant", version="row"),
    returns=BookQuant,
    rejects=(PlantNotHere, PlantFrozen, PlantGone, UnknownRow, NoQuantity),
)
def count_quant(legacy: Legacy, cmd: CountQuant, now: Instant) -> Outcome:
    """Set a quant to what was counted."""
    if refusal := _shut(legacy, cmd.plant):
        return Refused(refusal)
    books = legacy.books[cmd.plant]
    held = books.quants.get(cmd.quant)
    if held is None:
        return Refused(UnknownRow(detail=cmd.quant))
    if not 0 <= cmd.quantity < QUANTITY_MAX:
        return Refused(NoQuantity(detail=f"{cmd.quantity}"))
    books.quants[cmd.quant] = BookQuant(cmd.quant, held.item, held.lot, cmd.quantity, cmd.row)
    return Committed(books.quants[cmd.quant])


@operation(
    "legacy.cutover.begin",
    rest="POST /cutovers",
    keys=("cutover",),
    effect=fact("cutover"),
    returns=PhaseView,
    rejects=(WrongPhase,),
)
def begin_cutover(legacy: Legacy, cmd: BeginCutover, now: Instant) -> Outcome:
    """Say that the plants are to be moved. Who moves them is told for each plant."""
    if legacy.cutover:
        return Refused(WrongPhase(phase=f"cutover {legacy.cutover}"))
    legacy.cutover = cmd.cutover
    begun = tuple(CutoverBegun(cutover=cmd.cutover, plant=plant) for plant in legacy.books)
    return Committed(PhaseView("", "begun"), emit=begun)


@operation(
    "legacy.plant.freeze",
    rest="POST /plants/{plant}/freeze",
    keys=("plant",),
    effect=fact("plant"),
    returns=PhaseView,
    rejects=(PlantNotHere, WrongPhase),
    status=200,
)
def freeze(legacy: Legacy, cmd: NamePlant, now: Instant) -> Outcome:
    """Let nothing in the books of a plant change any more."""
    return _turn(legacy, cmd.plant, "open", "frozen")


@operation(
    "legacy.plant.thaw",
    rest="POST /plants/{plant}/thaw",
    keys=("plant",),
    effect=fact("plant"),
    returns=PhaseView,
    rejects=(PlantNotHere, WrongPhase),
    status=200,
)
def thaw(legacy: Legacy, cmd: NamePlant, now: Instant) -> Outcome:
    """Fall back: the plant stays here."""
    return _turn(legacy, cmd.plant, "frozen", "open")


@operation(
    "legacy.plant.release",
    rest="POST /plants/{plant}/release",
    keys=("plant",),
    effect=fact("plant"),
    returns=PhaseView,
    rejects=(PlantNotHere, WrongPhase),
    status=200,
)
def release(legacy: Legacy, cmd: NamePlant, now: Instant) -> Outcome:
    """Let go of a plant for good: its orders belong to whoever takes it over."""
    outcome = _turn(legacy, cmd.plant, "frozen", "released")
    if isinstance(outcome, Committed):
        return msgspec.structs.replace(outcome, emit=(PlantReleased(plant=cmd.plant),))
    return outcome


def _turn(
    legacy: Legacy, plant: str, before: Literal["open", "frozen"], after: Literal["open", "frozen", "released"]
) -> Outcome:
    phase = legacy.phases.get(plant)
    if phase is None:
        return Refused(PlantNotHere(detail=plant))
    if phase != before:
        return Refused(WrongPhase(phase=phase))
    legacy.phases[plant] = after
    return Committed(PhaseView(plant, after))
