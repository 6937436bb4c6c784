"""What can be asked of the ERP that comes."""

from typing import Any

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.cloud.events import PlantTakenOver
from pilotplant.systems.cloud.state import Cloud
from pilotplant.systems.legacy.operations import (
    Book,
    BookedView,
    FindBooked,
    NamePlant,
    NoQuantity,
    PlantNotHere,
    booked,
)
from pilotplant.systems.legacy.state import BookItem, BookOrder, BookQuant, PlantBooks, Totals

ROWS_MAX = 1000


@problem("not-in-charge", 409, "This ERP is not in charge of the plant yet")
class NotInCharge(Rejection, frozen=True, kw_only=True, gc=False):
    """Take the plant over first."""


@problem("in-charge", 409, "This ERP is in charge of the plant: its books cannot be loaded any more")
class InCharge(Rejection, frozen=True, kw_only=True, gc=False):
    """Loading ends with the switch."""


@problem("too-many-rows", 413, "A load has at most 1,000 rows")
class TooManyRows(Rejection, frozen=True, kw_only=True, gc=False):
    """Send smaller loads."""


class LoadItems(Command, frozen=True, kw_only=True):
    """Items of a plant, each with the version that it was read in; and those that are gone."""

    plant: str
    rows: tuple[BookItem, ...]
    removed: tuple[str, ...] = ()


class LoadOrders(Command, frozen=True, kw_only=True):
    """Open orders of a plant, and those that are closed."""

    plant: str
    rows: tuple[BookOrder, ...]
    removed: tuple[str, ...] = ()


class LoadQuants(Command, frozen=True, kw_only=True):
    """Stock of a plant, and what is gone."""

    plant: str
    rows: tuple[BookQuant, ...]
    removed: tuple[str, ...] = ()


class Loaded(msgspec.Struct, frozen=True):
    """How many rows were taken, and how many taken away."""

    plant: str
    rows: int
    removed: int


def _load(cloud: Cloud, cmd: Any, table: str, key: str) -> Outcome:
    """Write rows over what is there. Whoever loads what was read earlier over what was read later, loses the later."""
    books: PlantBooks | None = cloud.books.get(cmd.plant)
    if books is None:
        return Refused(PlantNotHere(detail=cmd.plant))
    if cloud.in_charge[cmd.plant]:
        return Refused(InCharge())
    if len(cmd.rows) + len(cmd.removed) > ROWS_MAX:
        return Refused(TooManyRows())
    held: dict[str, Any] = getattr(books, table)
    stale, effects = False, []
    for row in cmd.rows:
        name: str = getattr(row, key)
        before = held.get(name)
        stale = stale or (before is not None and before.row > row.row)
        held[name] = row
        effects.append(((cmd.plant, name), row.row))
    for name in cmd.removed:
        held.pop(name, None)
    return Committed(Loaded(cmd.plant, len(cmd.rows), len(cmd.removed)), effects=tuple(effects), stale=stale)


@operation(
    "cloud.item.load",
    rest="POST /migration/items",
    keys=("plant",),
    effect=state("plant", "item", version="row"),
    returns=Loaded,
    rejects=(PlantNotHere, InCharge, TooManyRows),
    status=200,
)
def load_items(cloud: Cloud, cmd: LoadItems, now: Instant) -> Outcome:
    """Load items of a plant."""
    return _load(cloud, cmd, "items", "item")


@operation(
    "cloud.order.load",
    rest="POST /migration/orders",
    keys=("plant",),
    effect=state("plant", "order", version="row"),
    returns=Loaded,
    rejects=(PlantNotHere, InCharge, TooManyRows),
    status=200,
)
def load_orders(cloud: Cloud, cmd: LoadOrders, now: Instant) -> Outcome:
    """Load open orders of a plant. They belong to this ERP only once it takes the plant over."""
    return _load(cloud, cmd, "orders", "order")


@operation(
    "cloud.quant.load",
    rest="POST /migration/quants",
    keys=("plant",),
    effect=state("plant", "quant", version="row"),
    returns=Loaded,
    rejects=(PlantNotHere, InCharge, TooManyRows),
    status=200,
)
def load_quants(cloud: Cloud, cmd: LoadQuants, now: Instant) -> Outcome:
    """Load stock of a plant."""
    return _load(cloud, cmd, "quants", "quant")


@operation("cloud.books.total", rest="GET /totals", keys=("plant",), returns=Totals, rejects=(PlantNotHere,))
def total(cloud: Cloud, query: NamePlant, now: Instant) -> Outcome:
    """Read what the books of a plant come to."""
    books = cloud.books.get(query.plant)
    return Found(books.totals(), ()) if books is not None else Refused(PlantNotHere(detail=query.plant))


@operation(
    "cloud.stock.post",
    rest="POST /stock-documents",
    keys=("plant", "source_document"),
    effect=fact("plant", "source_document", "movement", "item", "lot", each="lines"),
    returns=BookedView,
    rejects=(PlantNotHere, NotInCharge, NoQuantity),
)
def post_stock(cloud: Cloud, cmd: Book, now: Instant) -> Outcome:
    """Book goods. Not idempotent: posting twice books twice."""
    books = cloud.books.get(cmd.plant)
    if books is None:
        return Refused(PlantNotHere(detail=cmd.plant))
    if not cloud.in_charge[cmd.plant]:
        return Refused(NotInCharge())
    return booked(books, cmd, "")


@operation(
    "cloud.stock.find",
    rest="GET /stock-documents",
    keys=("plant", "source_document"),
    returns=BookedView,
    rejects=(PlantNotHere,),
)
def find_booked(cloud: Cloud, query: FindBooked, now: Instant) -> Outcome:
    """See whether something was booked: the way to look before posting again."""
    books = cloud.books.get(query.plant)
    if books is None:
        return Refused(PlantNotHere(detail=query.plant))
    return Found(BookedView(query.plant, query.source_document, query.source_document in books.documents), None)


@operation(
    "cloud.plant.take_over",
    rest="POST /plants/{plant}/take-over",
    keys=("plant",),
    effect=fact("plant"),
    returns=Loaded,
    rejects=(PlantNotHere, InCharge),
    status=200,
)
def take_over(cloud: Cloud, cmd: NamePlant, now: Instant) -> Outcome:
    """Be in charge of a plant from now on: its orders belong to this ERP."""
    books = cloud.books.get(cmd.plant)
    if books is None:
        return Refused(PlantNotHere(detail=cmd.plant))
    if cloud.in_charge[cmd.plant]:
        return Refused(InCharge())
    cloud.in_charge[cmd.plant] = True
    return Committed(Loaded(cmd.plant, len(books.items), 0), emit=(PlantTakenOver(plant=cmd.plant),))
