"""What suppliers know: their orders, what they were told of them, what they have shipped and announced."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pilotplant.dataset.records import Dataset


class OpenOrder(msgspec.Struct):
    """A purchase order as its supplier knows it. Quantities are in the buyer's plant unit.

    `shipped` counts everything that has left the supplier, what the plant received before the run included; `quantity`
    is what it will deliver in all, so less than was ordered once it has agreed to that.
    """

    po: str
    plant: str
    supplier: str
    item: str
    supplier_part: str
    unit: str
    quantity: float
    shipped: float
    due_s: float

    @property
    def left(self) -> float:
        """What is still to be shipped."""
        return round(self.quantity - self.shipped, 6)


class Notice(msgspec.Struct):
    """What a supplier was told about a change that concerns an order. Status: `received`, `acknowledged`, `rejected`.

    `quantity` is what the supplier will have delivered of the order in all; it is known once it has answered.
    """

    po: str
    change: str
    plant: str
    item: str
    superseded_by: str
    status: str = "received"
    quantity: float = 0.0


class AsnLine(msgspec.Struct, frozen=True, gc=False):
    """Goods of one order on their way. `item` is the buyer's number, `lot` the supplier's batch."""

    po: str
    item: str
    supplier_part: str
    lot: str
    quantity: float
    unit: str


class Asn(msgspec.Struct, frozen=True, gc=False):
    """An advance shipping notice. A corrected one carries the same number and a higher version."""

    asn: str
    version: int
    plant: str
    supplier: str
    shipped_at: str
    arrives_at: str
    lines: tuple[AsnLine, ...]


class Schedule(msgspec.Struct, frozen=True, gc=False):
    """When a plant wants how much of an item, as the buyer last published it."""

    plant: str
    supplier: str
    item: str
    number: int
    unit: str
    lines: tuple[tuple[str, float], ...]


class Drawing(msgspec.Struct, frozen=True, gc=False):
    """A drawing that a supplier was given."""

    supplier: str
    item: str
    revision: str
    document: str


class Portal:
    """The state of all suppliers, behind one portal."""

    def __init__(self, dataset: Dataset, plants: tuple[str, ...]) -> None:
        self.dataset = dataset
        parts = {(source.item, source.supplier): source.supplier_part for source in dataset.sources}
        self.sources: Mapping[tuple[str, str], str] = parts
        """By item and supplier: the supplier's own part number, of those that may deliver it."""
        self.orders = {
            order.order: OpenOrder(
                po=order.order,
                plant=order.plant,
                supplier=order.supplier,
                item=order.item,
                supplier_part=parts[order.item, order.supplier],
                unit=dataset.plant_items[order.plant, order.item].unit,
                quantity=order.quantity,
                shipped=order.received,
                due_s=order.due_s,
            )
            for order in dataset.purchase_orders
            if order.plant in plants
        }
        self.notices: dict[tuple[str, str], Notice] = {}
        self.asns: dict[str, Asn] = {}
        """The latest version of every announcement."""
        self.schedules: dict[tuple[str, str, str], Schedule] = {}
        self.drawings: dict[tuple[str, str], Drawing] = {}

    def notices_of(self, po: str) -> list[Notice]:
        """What was said about an order, in the order in which it was said."""
        return [notice for (number, _change), notice in self.notices.items() if number == po]


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Portal:
    """The portal at the start of a run."""
    del parameters
    return Portal(dataset, plants)
