"""How one system's words become another's: units, numbers, dates, texts. Nothing is rounded, cut or reformatted."""

from typing import Literal

from msgspec.structs import replace

from pilotplant.reference.messages import (
    CountAdjusted,
    ErpItem,
    ItemChanged,
    OrderCompleted,
    Plant,
    PlantUnit,
    PlmBom,
    PlmItem,
    PlmRouting,
    PostStock,
    PublishRouting,
    ReleaseBom,
    ShopItem,
    StockLine,
    StockMoved,
    UpsertRouting,
)
from pilotplant.reference.scopes import Scope, ScopeItem


class Mapping:
    """The translations that the flows use."""

    def erp_item(self, plant: str, item: PlmItem, revision: str, held: ErpItem | None) -> ErpItem:
        """PLM owns the description, the plant its unit."""
        return ErpItem(plant, item.item, item.description, held.unit if held else item.unit, revision)

    def in_plant_unit(self, wanted: ErpItem, item: PlmItem, plant: Plant) -> ErpItem:
        """An item that is new at a plant, in the unit that the plant declares for bought items, its lot converted."""
        rule = next((each for each in plant.units if each.base_unit == item.unit), None)
        if rule is None or item.made or item.tracking == "serial":
            rule = PlantUnit(item.unit, item.unit, 1.0)
        lot_size = round(item.lot_size * rule.per_base, 6) if item.lot_size else None
        return replace(wanted, unit=rule.unit, base_unit=item.unit, lot_size=lot_size)

    def shop_item(self, changed: ItemChanged) -> ShopItem:
        """The shop floor counts in engineering's unit."""
        lot_size = round(changed.lot_size / changed.per_base, 6)
        return ShopItem(changed.plant, changed.item, changed.row, changed.description, changed.base_unit, lot_size)

    def erp_bom(self, scope: Scope, item: ScopeItem, bom: PlmBom) -> ReleaseBom:
        """Quantities stay in engineering units: ERP declares the conversions and does them itself."""
        return ReleaseBom(scope.plant, item.item, item.revision, scope.effective_at, bom.lines, scope.change)

    def erp_routing(self, scope: Scope, item: ScopeItem, routing: PlmRouting) -> UpsertRouting:
        """The routing as designed."""
        return UpsertRouting(scope.plant, item.item, item.revision, routing.steps)

    def work_instructions(self, scope: Scope, item: ScopeItem, routing: PlmRouting, version: str) -> PublishRouting:
        """The routing as designed, with the number that ERP has for it."""
        return PublishRouting(scope.plant, item.item, item.revision, routing.steps, "executable", version, scope.wip)

    def stock_document(self, done: OrderCompleted) -> PostStock:
        """One document per confirmation, dated as the plant's calendar said. Movements of nothing are left out; one of
        less than nothing makes no sense, and so neither does the event."""
        if negative := [used for used in (done.good, done.scrap, *(u.quantity for u in done.consumption)) if used < 0]:
            raise ValueError(f"a quantity is negative: {negative[0]}")
        lines = [
            StockLine("receipt", done.item, done.good, done.unit, done.lot),
            *(StockLine("issue", used.item, used.quantity, used.unit, used.lot) for used in done.consumption),
            StockLine("scrap", done.item, done.scrap, done.unit, done.lot),
        ]
        moved = tuple(line for line in lines if line.quantity > 0)
        return PostStock(done.plant, done.posting_date, moved, done.confirmation)

    def transfer(self, moved: StockMoved) -> PostStock | None:
        """What ERP has to know of a movement: only that something else may be done with the stock from now on."""
        if moved.from_status == moved.to_status:
            return None
        line = StockLine(
            "transfer", moved.item, moved.quantity, moved.unit, moved.lot, moved.from_status, moved.to_status
        )
        return PostStock(moved.plant, moved.posting_date, (line,), moved.movement)

    def count_difference(self, counted: CountAdjusted) -> PostStock | None:
        """What a count found more or less than was known."""
        if not counted.difference:
            return None
        movement: Literal["surplus", "shortage"] = "surplus" if counted.difference > 0 else "shortage"
        line = StockLine(movement, counted.item, abs(counted.difference), counted.unit, counted.lot, counted.status)
        return PostStock(counted.plant, counted.posting_date, (line,), counted.count)
