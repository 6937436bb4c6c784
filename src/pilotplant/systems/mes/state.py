"""What an MES knows: work instructions in their revisions, and the orders it was given."""

from collections.abc import Callable
from typing import Any

import msgspec

from pilotplant.dataset.records import BomLine, Dataset, Routing, RoutingStep


class Instructions(msgspec.Struct, frozen=True, gc=False):
    """Work instructions of an item: `staged` (transferred only) or `executable`."""

    item: str
    revision: str
    stage: str
    version: str
    steps: tuple[RoutingStep, ...]


class ShopOrder(msgspec.Struct):
    """An order on the shop floor. Status: `dispatched`, `held`, `completed`."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    status: str = "dispatched"
    row: int = 1
    step: int = 0
    confirmation: str = ""
    start_at: float = 0.0
    """Not to be begun before this business moment."""
    rule: str = "start-date"
    """By which revision it is made: that of its start, or (`snapshot`, `run-out`) the one that it came with."""
    dispatched_at: float = 0.0
    """When it was dispatched; 0 where it was in work when the run began."""
    begun_at: float = 0.0
    held_at: float = 0.0


class ShopItem(msgspec.Struct, frozen=True, gc=False):
    """An item as the shop floor knows it; `row` is the number of the change in the ERP that it goes back to."""

    plant: str
    item: str
    row: int
    description: str
    unit: str
    lot_size: float


class Executable(msgspec.Struct, frozen=True, gc=False):
    """Instructions that became executable, and when."""

    instructions: Instructions
    at: float


class Mes:
    """The state of the MES of one plant."""

    def __init__(self, dataset: Dataset, plant: str) -> None:
        self.dataset = dataset
        self.plant = plant
        self.executable: dict[str, Instructions] = {}
        self.staged: dict[str, Instructions] = {}
        self.history: dict[str, list[Executable]] = {}
        """By item, everything that became executable in this run, in order."""
        self.items: dict[str, ShopItem] = {}
        self._given: Callable[[str], bool] = dataset.items.__contains__
        self.orders: dict[str, ShopOrder] = {
            order.order: ShopOrder(plant, order.order, order.item, order.revision, order.quantity)
            for order in dataset.production_orders
            if order.plant == plant and order.dispatched
        }
        self.confirmations = 0
        self.confirmed: dict[str, Any] = {}
        """What was reported, by confirmation number: the source of record for what stock has to say."""
        self.lots: dict[str, list[str]] = {}
        for quant in dataset.stock:
            if quant.plant == plant and quant.lot:
                self.lots.setdefault(quant.item, []).append(quant.lot)

    def take_register(self, given: Callable[[str], bool]) -> None:
        """Take note of how to ask whether an item number was ever given."""
        self._given = given

    def given(self, number: str) -> bool:
        """Whether engineering has ever given this item number."""
        return self._given(number)

    def instructions(self, item: str) -> Instructions | None:
        """The instructions that may be executed."""
        held = self.executable.get(item)
        if held is not None:
            return held
        routing = self.generated_routing(item)
        return Instructions(item, routing.revision, "executable", "", routing.steps) if routing else None

    def executable_at(self, item: str, moment: float) -> Instructions | None:
        """The instructions that could be executed at a moment."""
        past = (each.instructions for each in reversed(self.history.get(item, ())) if each.at <= moment)
        routing = self.generated_routing(item)
        generated = Instructions(item, routing.revision, "executable", "", routing.steps) if routing else None
        return next(past, generated)

    def knows(self, item: str) -> bool:
        """Whether the item is one of this plant."""
        return (self.plant, item) in self.dataset.plant_items or item in self.items

    def item(self, number: str) -> ShopItem | None:
        """An item as the shop floor knows it now."""
        held = self.items.get(number)
        if held is not None or (self.plant, number) not in self.dataset.plant_items:
            return held
        known = self.dataset.items[number]
        return ShopItem(self.plant, number, 1, known.description, known.unit, 0.0)

    def instructions_in(self, item: str, revision: str) -> Instructions | None:
        """Instructions that are executable, or were until others took their place."""
        present = self.instructions(item)
        if present is not None and present.revision == revision:
            return present
        past = (each.instructions for each in reversed(self.history.get(item, ())))
        found = next((each for each in past if each.revision == revision), None)
        routing = self.generated_routing(item)
        if found is None and routing is not None and routing.revision == revision:
            return Instructions(item, revision, "executable", "", routing.steps)
        return found

    def generated_routing(self, item: str) -> Routing | None:
        """The routing that the generated data give an item that is made at this plant."""
        held = self.dataset.plant_items.get((self.plant, item))
        return self.dataset.routings.get((item, held.revision)) if held else None

    def components(self, item: str) -> tuple[BomLine, ...]:
        """What an item is made of, as the shop floor consumes it."""
        definition = self.dataset.items.get(item)
        bom = self.dataset.boms.get((item, definition.revision)) if definition else None
        return bom.lines if bom else ()

    def next_confirmation(self) -> str:
        """The next confirmation number; each plant counts for itself, so plants share numbers."""
        self.confirmations += 1
        return f"CNF-{self.dataset.mark}{self.confirmations:07d}"


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Mes:
    """An MES at the start of a run; it serves exactly one plant."""
    del parameters
    if len(plants) != 1:
        raise ValueError(f"an MES serves one plant, got plants={', '.join(plants)}")
    return Mes(dataset, plants[0])
