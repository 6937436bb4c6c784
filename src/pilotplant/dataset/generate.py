"""The data of an enterprise from a plan and streams of chance. The same seed gives the same data, to the byte.

What middleware gets wrong in practice is in the data on purpose, however small the enterprise:

- units: one item in EA and in boxes of 12, kg and g, m and mm, with the conversion declared (`PlantItem.per_base`);
- local numbers: the same number means different items at two plants (`PlantItem.local_number`);
- versions: the ERP's `0003` is not the third revision (`PlantItem.version` against `.revision`);
- leading zeros: `000000000000012345` beside `ITM-001042` (`Item.number`);
- long descriptions (40 characters and more) and such outside ASCII (`Item.description`);
- lots and serial numbers (`Item.tracking`, `StockQuant.lot`);
- supplier part numbers that are internal numbers of other items (`ApprovedSource.supplier_part`);
- time zones, currencies and decimal commas that differ per plant: as the estate declares its plants.

Each topic draws from streams of its own: another number of suppliers changes no structure.
"""

from collections.abc import Sequence

from pilotplant.dataset.items import draw_items, draw_plant_items
from pilotplant.dataset.orders import draw_production_orders, draw_purchase_orders
from pilotplant.dataset.places import lay_out
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import ApprovedSource, Dataset, Item, ProductionOrder, PurchaseOrder, StockQuant
from pilotplant.dataset.routings import draw_routings, draw_work_centres
from pilotplant.dataset.sourcing import draw_sources, draw_suppliers
from pilotplant.dataset.stock import demand, draw_more_lots, draw_stock
from pilotplant.dataset.streams import Streams
from pilotplant.dataset.structures import draw_boms


def generate(plan: DataPlan, seed: int, streams: Streams) -> Dataset:
    """Generate everything. `streams` are fresh ones of this seed, `Draws(seed)`: a used stream goes on."""
    layout = lay_out(plan, streams)
    items = draw_items(layout, streams)
    plant_items = draw_plant_items(plan, items, streams)
    boms = draw_boms(layout, items, streams)
    centres = draw_work_centres(plan, streams)
    suppliers = draw_suppliers(plan, streams)
    sources = draw_sources(items, list(suppliers), streams)
    approved = _suppliers_by_item(sources)
    production: list[ProductionOrder] = []
    purchase: list[PurchaseOrder] = []
    stock: list[StockQuant] = []
    for plant in (plant.code for plant in plan.plants):
        here = [item for item in items if plant in item.plants]
        made, bought = _made_and_bought(here)
        opened = draw_production_orders(plan, plant, made, streams.stream(f"production-orders|{plant}"))
        bought_chance = streams.stream(f"purchase-orders|{plant}")
        production += opened
        purchase += draw_purchase_orders(plan, plant, bought, plant_items, approved, bought_chance)
        stock += draw_stock(plant, here, plant_items, demand(opened, boms), streams.stream(f"stock|{plant}"))
        if plan.more_lots:
            stock += draw_more_lots(plant, here, plant_items, plan.more_lots, streams.stream(f"more-stock|{plant}"))
    return Dataset(
        seed=seed,
        plants={plant.code: plant for plant in plan.plants},
        items={item.number: item for item in items},
        boms=boms,
        routings=draw_routings(items, centres.routed, streams),
        plant_items=plant_items,
        work_centres=centres.by_plant,
        suppliers=suppliers,
        sources=tuple(sources),
        stock=tuple(stock),
        production_orders=tuple(production),
        purchase_orders=tuple(purchase),
    )


def _made_and_bought(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    return [item for item in items if item.made], [item for item in items if not item.made]


def _suppliers_by_item(sources: Sequence[ApprovedSource]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in sources:
        found.setdefault(source.item, []).append(source.supplier)
    return found
