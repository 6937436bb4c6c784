"""Items as plants know them: their unit, their smallest lot, and who has the last word on which field."""

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.definitions import PlantItemKey
from pilotplant.systems.erp.events import ItemChanged
from pilotplant.systems.erp.problems import (
    ItemNotAtPlant,
    OwnedHere,
    QuantityNotPositive,
    UnitNotConvertible,
    UnknownPlant,
)
from pilotplant.systems.erp.state import Erp, ErpItem, Hold
from pilotplant.systems.rules import rules_of

NEW = ""
"""The reference of the hold under which an item is that is new at its plant."""
LOT_MAX = 1e12


class UpsertItem(Command, frozen=True, kw_only=True):
    """An item as a plant is to know it."""

    plant: str
    item: str
    description: str
    unit: str
    revision: str
    base_unit: str = ""
    """Engineering's unit, for an item that is new at the plant; its own unit if nothing is said."""
    lot_size: float | None = None
    """The smallest lot in the plant's unit; what is not named stays."""


class MaintainItem(Command, frozen=True, kw_only=True):
    """What a clerk of the plant changes of an item; what is not named stays."""

    plant: str
    item: str
    lot_size: float | None = None
    description: str | None = None


class ListPlantItems(PageQuery, frozen=True, kw_only=True):
    """Which page of a plant's items."""

    plant: str


@operation(
    "erp.item.upsert",
    rest="PUT /items",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=ErpItem,
    rejects=(UnknownPlant, UnitNotConvertible, OwnedHere, QuantityNotPositive),
)
def upsert_item(erp: Erp, cmd: UpsertItem, now: Instant) -> Outcome:
    """Create an item at a plant or bring it up to date. One that is new there is held until somebody releases it."""
    if cmd.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{cmd.plant} is not served by this ERP"))
    if cmd.lot_size is not None and not 0 <= cmd.lot_size < LOT_MAX:
        return Refused(QuantityNotPositive(detail=f"lot of {cmd.lot_size}"))
    held = erp.item(cmd.plant, cmd.item)
    if held is None:
        return _create(erp, cmd)
    if cmd.unit != held.unit:
        return Refused(UnitNotConvertible(unit=cmd.unit, detail=f"{cmd.item} is kept in {held.unit} at {cmd.plant}"))
    lot_size = held.lot_size if cmd.lot_size is None else cmd.lot_size
    owners = rules_of(erp.rules, cmd.plant).owners
    if owners.lot_size == "erp" and held.lot_size and lot_size != held.lot_size:
        return Refused(OwnedHere(field="lot_size"))
    if owners.description == "erp" and cmd.description != held.description:
        return Refused(OwnedHere(field="description"))
    stale = ordinal(held.revision) > ordinal(cmd.revision)
    item = _changed(held, description=cmd.description, revision=cmd.revision, lot_size=lot_size)
    return _put(erp, held, item, stale=stale)


@operation(
    "erp.item.maintain",
    rest="PATCH /plants/{plant}/items/{item}",
    keys=("plant", "item"),
    effect=state("plant", "item", version="row"),
    returns=ErpItem,
    rejects=(ItemNotAtPlant, QuantityNotPositive),
)
def maintain_item(erp: Erp, cmd: MaintainItem, now: Instant) -> Outcome:
    """Change what a plant's clerks maintain of an item: the transaction of the ERP itself."""
    held = erp.item(cmd.plant, cmd.item)
    if held is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    if cmd.lot_size is not None and not 0 < cmd.lot_size < LOT_MAX:
        return Refused(QuantityNotPositive(detail=f"lot of {cmd.lot_size}"))
    description = held.description if cmd.description is None else cmd.description
    lot_size = held.lot_size if cmd.lot_size is None else cmd.lot_size
    item = _changed(held, description=description, revision=held.revision, lot_size=lot_size)
    erp.maintained.add((cmd.plant, cmd.item))
    outcome = _put(erp, held, item)
    return Committed(item, emit=outcome.emit, effects=(((cmd.plant, cmd.item), item.row),))


@operation(
    "erp.item.get",
    rest="GET /plants/{plant}/items/{item}",
    keys=("plant", "item"),
    returns=ErpItem,
    rejects=(ItemNotAtPlant,),
)
def get_item(erp: Erp, query: PlantItemKey, now: Instant) -> Outcome:
    """Read an item at a plant."""
    item = erp.item(query.plant, query.item)
    if item is None:
        return Refused(ItemNotAtPlant(items=(query.item,)))
    return Found(item, _reveals_item(item))


@operation(
    "erp.item.list",
    rest="GET /plants/{plant}/items",
    keys=("plant",),
    returns=Page[ErpItem],
    rejects=(UnknownPlant, BadCursor),
    rows=("plant", "item"),
)
def list_items(erp: Erp, query: ListPlantItems, now: Instant) -> Outcome:
    """Read a plant's items, a page at a time."""
    if query.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{query.plant} is not served by this ERP"))
    numbers = {item for plant, item in erp.dataset.plant_items if plant == query.plant}
    numbers.update(item for plant, item in erp.items if plant == query.plant)
    return paged(
        list(numbers),
        query.limit,
        query.cursor,
        lambda item: erp.item(query.plant, item),
        lambda item: _reveals_item(erp.item(query.plant, item)),
    )


def _create(erp: Erp, cmd: UpsertItem) -> Outcome:
    known = erp.dataset.items.get(cmd.item)
    base_unit = known.unit if known else cmd.base_unit or cmd.unit
    rule = rules_of(erp.rules, cmd.plant).units.get(base_unit)
    if cmd.unit == base_unit:
        per_base = 1.0
    elif rule is not None and cmd.unit == rule.unit:
        per_base = rule.per_base
    else:
        return Refused(UnitNotConvertible(unit=cmd.unit, detail=f"{cmd.plant} declares no {cmd.unit} for {base_unit}"))
    item = ErpItem(
        cmd.plant, cmd.item, cmd.description, cmd.unit, cmd.revision, base_unit, per_base, cmd.lot_size or 0.0
    )
    if erp.holds_new_items:
        erp.holds.setdefault((cmd.plant, cmd.item), {})[NEW] = Hold(cmd.plant, cmd.item, NEW, "new at the plant")
    return _put(erp, None, item)


def _changed(held: ErpItem, *, description: str, revision: str, lot_size: float) -> ErpItem:
    """The item as it is to be; a row later, if that is different."""
    if (description, revision, lot_size) == (held.description, held.revision, held.lot_size):
        return held
    unit, base_unit, per_base = held.unit, held.base_unit, held.per_base
    return ErpItem(held.plant, held.item, description, unit, revision, base_unit, per_base, lot_size, held.row + 1)


def _put(erp: Erp, held: ErpItem | None, item: ErpItem, *, stale: bool = False) -> Committed:
    changed = ItemChanged(
        plant=item.plant,
        item=item.item,
        revision=item.revision,
        row=item.row,
        description=item.description,
        unit=item.unit,
        base_unit=item.base_unit,
        per_base=item.per_base,
        lot_size=item.lot_size,
    )
    erp.items[item.plant, item.item] = item
    return Committed(item, emit=() if held == item else (changed,), stale=stale)


def _reveals_item(item: ErpItem | None) -> tuple[tuple[str, int], ...]:
    return ((effect_id("erp.item.upsert", (item.plant, item.item)), ordinal(item.revision)),) if item else ()
