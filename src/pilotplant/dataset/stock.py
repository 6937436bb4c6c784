"""Stock on hand: some of everything, and enough for what the open production orders will consume."""

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random

from pilotplant.dataset.records import Bom, Item, PlantItem, ProductionOrder, StockQuant
from pilotplant.dataset.units import countable


def demand(orders: Iterable[ProductionOrder], boms: Mapping[tuple[str, str], Bom]) -> Mapping[str, float]:
    """What these orders consume, per component in its engineering unit."""
    needed: Counter[str] = Counter()
    for order in orders:
        for line in boms[order.item, order.revision].lines:
            # A Counter is typed for whole numbers; thousandths keep sums of kilograms exact as well.
            needed[line.component] += round(order.quantity * line.quantity * 1000)
    return {component: thousandths / 1000 for component, thousandths in needed.items()}


def draw_stock(
    plant: str,
    items: Iterable[Item],
    plant_items: Mapping[tuple[str, str], PlantItem],
    needed: Mapping[str, float],
    random: Random,
) -> list[StockQuant]:
    """Every item of the plant: one quantity, or several lots, or one serial number per piece."""
    chance = random.random
    stock: list[StockQuant] = []
    for item in items:
        number = item.number
        least = needed.get(number, 0.0)
        if item.tracking == "serial":
            for _ in range(2 + int(chance() * 4) + int(least)):
                stock.append(StockQuant(plant, number, f"{plant}-S{len(stock):08d}", 1.0))
            continue
        here = plant_items[plant, number]
        base = least + (5 + int(chance() * 46) if item.made else 100 + int(chance() * 1900))
        if item.tracking == "lot":
            lots = 2 + int(chance() * 3)
            share = countable(base * here.per_base / lots, here.unit)
            for _ in range(lots):
                stock.append(StockQuant(plant, number, f"{plant}-L{len(stock):08d}", share))
        else:
            stock.append(StockQuant(plant, number, "", countable(base * here.per_base, here.unit)))
    return stock


def draw_more_lots(
    plant: str, items: Iterable[Item], plant_items: Mapping[tuple[str, str], PlantItem], each: int, random: Random
) -> list[StockQuant]:
    """So many more lots, or single pieces, of every tracked item: a store that has gathered them for years."""
    chance = random.random
    stock: list[StockQuant] = []
    for item in items:
        if item.tracking == "none":
            continue
        number = item.number
        serial = item.tracking == "serial"
        here = plant_items[plant, number]
        for _ in range(each):
            quantity = 1.0 if serial else countable((1 + int(chance() * 200)) * here.per_base, here.unit)
            stock.append(StockQuant(plant, number, f"{plant}-M{len(stock):08d}", quantity))
    return stock
