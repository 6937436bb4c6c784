"""Open production and purchase orders of a plant.

Production orders are for whole pieces of items in their current revision. The dispatched ones end 2 to 8 seconds apart
from the start of the run, in the order of their numbers, so that a scenario sees completions at once.
"""

from collections.abc import Mapping, Sequence
from random import Random

from pilotplant.dataset.places import common
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Item, PlantItem, ProductionOrder, PurchaseOrder
from pilotplant.dataset.units import countable

HOUR_S = 3600.0
DAY_S = 86400.0


def draw_production_orders(plan: DataPlan, plant: str, made: Sequence[Item], random: Random) -> list[ProductionOrder]:
    """The open orders of a plant for items that it makes."""
    orders: list[ProductionOrder] = []
    remaining_s = 0.0
    for rank in range(plan.production_orders):
        item = made[int(random.random() * len(made))]
        dispatched = rank < plan.dispatched
        if dispatched:
            remaining_s += 2.0 + round(6.0 * random.random(), 1)
        orders.append(
            ProductionOrder(
                plant=plant,
                order=f"PRO-{plant}-{rank + 1:05d}",
                item=item.number,
                revision=item.revision,
                quantity=float(random.randint(1, 20)),
                start_s=-HOUR_S * random.randint(1, 8) if dispatched else HOUR_S * random.randint(1, 120),
                dispatched=dispatched,
                remaining_s=round(remaining_s, 1) if dispatched else 0.0,
            )
        )
    return orders


def draw_purchase_orders(
    plan: DataPlan,
    plant: str,
    bought: Sequence[Item],
    plant_items: Mapping[tuple[str, str], PlantItem],
    approved: Mapping[str, Sequence[str]],
    random: Random,
) -> list[PurchaseOrder]:
    """The open orders of a plant, from approved suppliers only; common parts are ordered more often."""
    orders: list[PurchaseOrder] = []
    ranks = range(len(bought))
    for rank in range(plan.purchase_orders):
        item = bought[common(ranks, random.random())]
        here = plant_items[plant, item.number]
        suppliers = approved[item.number]
        quantity = countable(random.randint(100, 1000) * here.per_base, here.unit)
        part_received = random.choice((0.0, 0.0, 0.0, 0.25, 0.5))
        orders.append(
            PurchaseOrder(
                plant=plant,
                order=f"PUR-{plant}-{rank + 1:05d}",
                supplier=suppliers[int(random.random() * len(suppliers))],
                item=item.number,
                quantity=quantity,
                received=countable(quantity * part_received, here.unit),
                due_s=DAY_S * random.randint(1, 30),
            )
        )
    return orders
