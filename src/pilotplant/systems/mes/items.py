"""Items as the shop floor knows them: in engineering's unit, as the plant's ERP last had them."""

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, Row, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.mes.operations import QUANTITY_MAX, OutOfRange, UnknownAtShopFloor, WrongPlant
from pilotplant.systems.mes.state import Mes, ShopItem


@problem("shop-floor-unit", 422, "The shop floor counts the item in another unit")
class ShopFloorUnit(Rejection, frozen=True, kw_only=True, gc=False):
    """The unit in which an item is counted does not change."""

    unit: str = ""


class UpsertShopItem(Command, frozen=True, kw_only=True):
    """An item as the shop floor is to know it. `row` is the ERP's number of the change: a higher one is newer."""

    plant: str
    item: str
    row: Row
    description: str
    unit: str
    lot_size: float = 0.0
    """The smallest lot, in this unit; 0 where none is maintained."""


class NameShopItem(Command, frozen=True, kw_only=True):
    """Which item."""

    item: str


@operation(
    "mes.item.upsert",
    rest="PUT /items",
    keys=("plant", "item"),
    effect=state("plant", "item", version="row"),
    returns=ShopItem,
    rejects=(WrongPlant, UnknownAtShopFloor, ShopFloorUnit, OutOfRange),
)
def upsert_shop_item(mes: Mes, cmd: UpsertShopItem, now: Instant) -> Outcome:
    """Let the shop floor know an item, or bring it up to date. Rows are taken in any order: the last sent stands."""
    if cmd.plant != mes.plant:
        return Refused(WrongPlant(serves=mes.plant))
    if not mes.given(cmd.item):
        return Refused(UnknownAtShopFloor(unknown=cmd.item))
    if not 0 <= cmd.lot_size < QUANTITY_MAX:
        return Refused(OutOfRange(detail=f"lot {cmd.lot_size}"))
    held = mes.item(cmd.item)
    if held is not None and held.unit != cmd.unit:
        return Refused(ShopFloorUnit(unit=held.unit, detail=f"{cmd.item} is counted in {held.unit}"))
    item = mes.items[cmd.item] = ShopItem(mes.plant, cmd.item, cmd.row, cmd.description, cmd.unit, cmd.lot_size)
    return Committed(item, stale=held is not None and held.row > cmd.row)


@operation("mes.item.get", rest="GET /items/{item}", keys=("item",), returns=ShopItem, rejects=(UnknownAtShopFloor,))
def get_shop_item(mes: Mes, query: NameShopItem, now: Instant) -> Outcome:
    """Read an item as the shop floor knows it."""
    item = mes.item(query.item)
    if item is None:
        return Refused(UnknownAtShopFloor(unknown=query.item))
    return Found(item, ((effect_id("mes.item.upsert", (mes.plant, item.item)), item.row),))
