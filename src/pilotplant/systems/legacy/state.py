"""What an ERP has in its books of a plant: items, open orders, stock; who is in charge of the plant."""

from collections.abc import Iterator
from typing import Any, Literal
from zlib import crc32

import msgspec

from pilotplant.dataset.records import Dataset

Phase = Literal["open", "frozen", "released"]
Line = tuple[str, str, str]
"""Movement, item and lot: what a line of a document is known by."""


class BookItem(msgspec.Struct, frozen=True, gc=False):
    """An item of a plant. `row` counts its changes."""

    item: str
    description: str
    unit: str
    price: float
    row: int = 1


class BookOrder(msgspec.Struct, frozen=True, gc=False):
    """An open order."""

    order: str
    item: str
    quantity: float
    row: int = 1


class BookQuant(msgspec.Struct, frozen=True, gc=False):
    """Stock of an item in one lot; `quant` is the key of the row."""

    quant: str
    item: str
    lot: str
    quantity: float
    row: int = 1


class Totals(msgspec.Struct, frozen=True):
    """What the books of a plant come to: how many rows, how much, and what it is worth."""

    plant: str
    items: int
    orders: int
    quants: int
    order_quantity: float
    stock_quantity: float
    stock_value: float


class PlantBooks:
    """The books of one plant."""

    def __init__(self, plant: str) -> None:
        self.plant = plant
        self.items: dict[str, BookItem] = {}
        self.orders: dict[str, BookOrder] = {}
        self.quants: dict[str, BookQuant] = {}
        self.documents: dict[str, dict[Line, float]] = {}
        """What was booked here: by source document how much each of its lines moved."""

    def move(self, item: str, lot: str, quantity: float) -> str:
        """Add to a quant, which may be new; returns the key of the row."""
        key = quant_key(item, lot)
        held = self.quants.get(key)
        if held is None:
            self.quants[key] = BookQuant(key, item, lot, round(quantity, 6))
        else:
            self.quants[key] = BookQuant(key, item, lot, round(held.quantity + quantity, 6), held.row + 1)
        return key

    def totals(self) -> Totals:
        """Count, quantity and value."""
        quantity = value = 0.0
        for quant in self.quants.values():
            quantity += quant.quantity
            item = self.items.get(quant.item)
            value += quant.quantity * item.price if item is not None else 0.0
        ordered = sum(order.quantity for order in self.orders.values())
        counts = (len(self.items), len(self.orders), len(self.quants))
        return Totals(self.plant, *counts, round(ordered, 3), round(quantity, 3), round(value, 2))


def quant_key(item: str, lot: str) -> str:
    """How a quant is called: its item, and its lot where it has one."""
    return f"{item}.{lot}" if lot else item


class Legacy:
    """The state of the ERP that goes."""

    def __init__(self, dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> None:
        self.phases: dict[str, Phase] = dict.fromkeys(plants, "open")
        self.books = {plant: PlantBooks(plant) for plant in plants}
        self.cutover = ""
        """The cutover that has begun, if one has."""
        for plant, books in self.books.items():
            self._fill(books, dataset)
            share = plants.index(plant), len(plants)
            for number in _share(parameters.items, *share):
                item = f"L{number:07d}"
                books.items[item] = BookItem(item, f"legacy item {number}", "EA", _price(item))
            names = list(books.items)
            for number in _share(parameters.open_orders, *share):
                order = f"LO{number:07d}"
                books.orders[order] = BookOrder(
                    order, names[crc32(order.encode()) % len(names)], float(1 + number % 50)
                )
            for number in _share(parameters.quants, *share):
                books.move(names[number % len(names)], f"C{number:07d}", float(1 + number % 97))

    @staticmethod
    def _fill(books: PlantBooks, dataset: Dataset) -> None:
        """What the shop floor of the plant makes and uses."""
        for item in dataset.items.values():
            if books.plant in item.plants:
                number = item.number
                books.items[number] = BookItem(number, item.description, item.unit, _price(number))
        for quant in dataset.stock:
            if quant.plant == books.plant:
                books.move(quant.item, quant.lot, quant.quantity)


def _price(item: str) -> float:
    return (100 + crc32(item.encode()) % 9000) / 100


def _share(total: int, place: int, of: int) -> Iterator[int]:
    """The numbers that fall to one plant of several."""
    return iter(range(place + 1, total + 1, of))


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Legacy:
    """The books at the start of a run."""
    return Legacy(dataset, plants, parameters)
