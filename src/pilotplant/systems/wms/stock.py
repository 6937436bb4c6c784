"""Stock in bins: looking at it, moving it, counting it, shipping it."""

import msgspec

from pilotplant.dataset.bins import Bin
from pilotplant.model.instants import Instant, iso
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.problem import Rejection
from pilotplant.systems.wms.calendar import posting_date
from pilotplant.systems.wms.events import CountAdjusted, ShipmentConfirmed, ShippedLine, StockMoved
from pilotplant.systems.wms.problems import (
    ItemNotAtSite,
    NotEnoughStock,
    NothingExpected,
    QuantityOutOfRange,
    ShipmentExists,
    StockBlocked,
    UnknownBin,
    WrongSite,
)
from pilotplant.systems.wms.state import NOTHING, Wms

QUANTITY_MAX = 1e12
QUERY = "wms.stock.query"
Touched = tuple[str, ...]


class QueryStock(PageQuery, frozen=True, kw_only=True):
    """Which stock: of an item, a lot, a bin, or all of it; and which page."""

    item: str = ""
    lot: str = ""
    bin: str = ""


class ListBins(PageQuery, frozen=True, kw_only=True):
    """Which page of the bins."""


class MoveStock(Command, frozen=True, kw_only=True):
    """Stock that is carried from one bin to another, in the site's unit."""

    plant: str
    item: str
    from_bin: str
    to_bin: str
    quantity: float
    lot: str = ""


class CountStock(Command, frozen=True, kw_only=True):
    """What somebody has counted in a bin, in the site's unit."""

    plant: str
    item: str
    bin: str
    counted: float
    lot: str = ""


class ShipLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What leaves, and from which bin."""

    item: str
    bin: str
    quantity: float
    lot: str = ""


class ShipStock(Command, frozen=True, kw_only=True):
    """A shipment that leaves the site."""

    plant: str
    shipment: str
    lines: tuple[ShipLine, ...]


class ListFacts(PageQuery, frozen=True, kw_only=True):
    """Which page of what was reported."""


class QuantView(msgspec.Struct, frozen=True):
    """Stock in a bin, in the site's unit; `quant` names it. `status` is `unrestricted`, `quality` or `blocked`."""

    plant: str
    quant: str
    bin: str
    item: str
    lot: str
    quantity: float
    unit: str
    status: str
    disposition: str


@operation(
    QUERY,
    rest="GET /stock",
    keys=("item",),
    returns=Page[QuantView],
    rejects=(BadCursor,),
    rows=("plant", "item", "quant"),
)
def query_stock(wms: Wms, query: QueryStock, now: Instant) -> Outcome:
    """Read what lies where, a page at a time."""
    items = [query.item] if query.item else wms.items
    found = {
        name(quant.bin, quant.item, quant.lot): quant
        for item in items
        if wms.knows(item)
        for quant in wms.quants(item)
        if query.lot in ("", quant.lot) and query.bin in ("", quant.bin)
    }

    def view(key: str) -> QuantView:
        quant, rule = found[key], wms.rules.get(found[key].item)
        disposition = rule.disposition if rule else ""
        unit, status = wms.unit(quant.item), wms.bins[quant.bin].status
        return QuantView(wms.plant, key, quant.bin, quant.item, quant.lot, quant.quantity, unit, status, disposition)

    return paged(list(found), query.limit, query.cursor, view)


@operation("wms.bin.list", rest="GET /bins", returns=Page[Bin], rejects=(BadCursor,), rows=("plant", "code"))
def list_bins(wms: Wms, query: ListBins, now: Instant) -> Outcome:
    """Read the bins of the site, a page at a time."""
    return paged(list(wms.bins), query.limit, query.cursor, lambda code: wms.bins[code])


@operation(
    "wms.stock.move",
    rest="POST /movements",
    keys=("plant", "item"),
    effect=fact("plant", "movement"),
    returns=StockMoved,
    rejects=(WrongSite, ItemNotAtSite, UnknownBin, QuantityOutOfRange, NotEnoughStock),
)
def move_stock(wms: Wms, cmd: MoveStock, now: Instant) -> Outcome:
    """Report that stock was carried to another bin: the terminal of whoever did it."""
    if rejection := objection(wms, cmd.plant, cmd.item, cmd.from_bin, cmd.to_bin):
        return Refused(rejection)
    if rejection := shortage(wms, cmd.from_bin, cmd.item, cmd.lot, cmd.quantity):
        return Refused(rejection)
    if cmd.from_bin == cmd.to_bin:
        return Refused(UnknownBin(detail=f"{cmd.to_bin} is where it lies"))
    moved = carry(wms, cmd, "", now)
    effects = (((wms.plant, moved.movement), 0),)
    return Committed(moved, emit=(moved,), effects=effects, touches=both_ends(wms, moved))


@operation(
    "wms.stock.count",
    rest="POST /counts",
    keys=("plant", "item"),
    effect=fact("plant", "count"),
    returns=CountAdjusted,
    rejects=(WrongSite, ItemNotAtSite, UnknownBin, QuantityOutOfRange),
)
def count_stock(wms: Wms, cmd: CountStock, now: Instant) -> Outcome:
    """Report what was counted in a bin. Only a difference concerns anybody else."""
    if rejection := objection(wms, cmd.plant, cmd.item, cmd.bin):
        return Refused(rejection)
    if not 0 <= cmd.counted < QUANTITY_MAX:
        return Refused(QuantityOutOfRange(detail=f"counted {cmd.counted}"))
    expected = wms.quantity(cmd.bin, cmd.item, cmd.lot)
    difference = round(cmd.counted - expected, 6)
    counted = CountAdjusted(
        plant=wms.plant,
        count=wms.next_number("CNT"),
        bin=cmd.bin,
        item=cmd.item,
        lot=cmd.lot,
        expected=expected,
        counted=cmd.counted,
        difference=difference,
        unit=wms.unit(cmd.item),
        status=wms.bins[cmd.bin].status,
        counted_at=iso(now.business),
        posting_date=posting_date(wms, now),
    )
    wms.put(cmd.bin, cmd.item, cmd.lot, difference)
    wms.counts[counted.count] = counted
    emit = (counted,) if abs(difference) > NOTHING else ()
    touched = lying(wms, cmd.bin, cmd.item, cmd.lot)
    return Committed(counted, emit=emit, effects=(((wms.plant, counted.count), 0),), touches=(touched,))


@operation(
    "wms.shipment.confirm",
    rest="POST /shipments",
    keys=("plant", "shipment"),
    effect=fact("plant", "shipment"),
    returns=ShipmentConfirmed,
    rejects=(
        WrongSite,
        ShipmentExists,
        NothingExpected,
        ItemNotAtSite,
        UnknownBin,
        QuantityOutOfRange,
        NotEnoughStock,
        StockBlocked,
    ),
)
def ship_stock(wms: Wms, cmd: ShipStock, now: Instant) -> Outcome:
    """Report that goods have left: the terminal at the dock."""
    if cmd.plant != wms.plant:
        return Refused(WrongSite(serves=wms.plant))
    if cmd.shipment in wms.shipments:
        return Refused(ShipmentExists(detail=cmd.shipment))
    if not cmd.lines:
        return Refused(NothingExpected())
    taken: dict[tuple[str, str, str], float] = {}
    for line in cmd.lines:
        place = (line.bin, line.item, line.lot)
        taken[place] = taken.get(place, 0.0) + line.quantity
        rejection = objection(wms, cmd.plant, line.item, line.bin) or blocked(wms, line.item, line.bin)
        if rejection := rejection or shortage(wms, *place, taken[place]):
            return Refused(rejection)
    for line in cmd.lines:
        wms.put(line.bin, line.item, line.lot, -line.quantity)
    shipped = ShipmentConfirmed(
        plant=wms.plant,
        shipment=cmd.shipment,
        lines=tuple(ShippedLine(line.item, line.lot, line.quantity, wms.unit(line.item)) for line in cmd.lines),
        shipped_at=iso(now.business),
        posting_date=posting_date(wms, now),
    )
    wms.shipments[cmd.shipment] = shipped
    return Committed(shipped, emit=(shipped,), touches=tuple(lying(wms, *place) for place in taken))


@operation(
    "wms.movement.list",
    rest="GET /movements",
    returns=Page[StockMoved],
    rejects=(BadCursor,),
    rows=("plant", "movement"),
)
def list_movements(wms: Wms, query: ListFacts, now: Instant) -> Outcome:
    """Read what was moved, a page at a time."""
    moved = "wms.stock.moved"
    return paged(
        list(wms.movements),
        query.limit,
        query.cursor,
        lambda number: wms.movements[number],
        lambda number: ((effect_id(moved, (wms.plant, number)), 0),),
    )


@operation(
    "wms.count.list",
    rest="GET /counts",
    returns=Page[CountAdjusted],
    rejects=(BadCursor,),
    rows=("plant", "count"),
)
def list_counts(wms: Wms, query: ListFacts, now: Instant) -> Outcome:
    """Read what was counted, a page at a time."""
    adjusted = "wms.count.adjusted"
    return paged(
        list(wms.counts),
        query.limit,
        query.cursor,
        lambda number: wms.counts[number],
        lambda number: ((effect_id(adjusted, (wms.plant, number)), 0),),
    )


def name(code: str, item: str, lot: str) -> str:
    """What a quant is called in lists."""
    return f"{item}|{lot}|{code}"


def lying(wms: Wms, code: str, item: str, lot: str) -> Touched:
    """The row of a quant in the list of stock."""
    return QUERY, wms.plant, item, name(code, item, lot)


def both_ends(wms: Wms, moved: StockMoved) -> tuple[Touched, ...]:
    """The rows of stock that a movement changes."""
    return tuple(lying(wms, code, moved.item, moved.lot) for code in (moved.from_bin, moved.to_bin))


def objection(wms: Wms, plant: str, item: str, *bins: str) -> Rejection | None:
    """Why nothing can be done with an item in these bins, whatever it is."""
    if plant != wms.plant:
        return WrongSite(serves=wms.plant)
    if not wms.knows(item):
        return ItemNotAtSite(items=(item,))
    unknown = [code for code in bins if code not in wms.bins]
    return UnknownBin(detail=unknown[0]) if unknown else None


def shortage(wms: Wms, code: str, item: str, lot: str, quantity: float) -> Rejection | None:
    """Why so much cannot be taken from a bin."""
    if not 0 < quantity < QUANTITY_MAX:
        return QuantityOutOfRange(detail=f"quantity {quantity}")
    available = wms.quantity(code, item, lot)
    if quantity > available + NOTHING:
        return NotEnoughStock(available=max(0.0, available), detail=f"{item} {lot} in {code}".replace("  ", " "))
    return None


def blocked(wms: Wms, item: str, code: str) -> Rejection | None:
    """Why an item in a bin must not be used."""
    rule = wms.rules.get(item)
    if rule is not None and wms.quarantined(item):
        return StockBlocked(disposition=rule.disposition, detail=f"{item} is superseded by revision {rule.revision}")
    status = wms.bins[code].status
    return StockBlocked(detail=f"{code} is {status}") if status != "unrestricted" else None


def carry(wms: Wms, cmd: MoveStock, task: str, now: Instant) -> StockMoved:
    """Carry stock from bin to bin and note what has to be told of it."""
    wms.put(cmd.from_bin, cmd.item, cmd.lot, -cmd.quantity)
    wms.put(cmd.to_bin, cmd.item, cmd.lot, cmd.quantity)
    before, after = wms.bins[cmd.from_bin].status, wms.bins[cmd.to_bin].status
    moved = StockMoved(
        plant=wms.plant,
        movement=wms.next_number("MOV"),
        kind="internal" if before == after else "transfer",
        item=cmd.item,
        lot=cmd.lot,
        quantity=cmd.quantity,
        unit=wms.unit(cmd.item),
        from_bin=cmd.from_bin,
        to_bin=cmd.to_bin,
        from_status=before,
        to_status=after,
        task=task,
        moved_at=iso(now.business),
        posting_date=posting_date(wms, now),
    )
    wms.movements[moved.movement] = moved
    return moved
