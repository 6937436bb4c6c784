"""How fast the data generator is: items per second on one core, against msgspec building the same records."""

from collections.abc import Iterable
from time import perf_counter

import msgspec

from pilotplant.dataset.digest import digest
from pilotplant.dataset.generate import generate
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import ApprovedSource, Bom, Dataset, Item, Plant, PlantItem, Routing, StockQuant
from pilotplant.kernel.draws import Draws

PLANTS = (
    Plant("DE01", "Stuttgart", "Europe/Berlin", "EUR", decimal_comma=True),
    Plant("US01", "Detroit", "America/Detroit", "USD"),
    Plant("CN01", "Shanghai", "Asia/Shanghai", "CNY"),
)


def records(dataset: Dataset) -> int:
    """How many records the data set holds, lines and steps included."""
    tables = [getattr(dataset, name) for name in dataset.__struct_fields__ if name != "seed"]
    lines = sum(len(bom.lines) for bom in dataset.boms.values())
    return sum(map(len, tables)) + lines + sum(len(routing.steps) for routing in dataset.routings.values())


def decode_s(dataset: Dataset) -> float:
    """How long msgspec takes to build the large tables from bytes."""
    tables: list[tuple[object, object]] = [
        (list(dataset.items.values()), list[Item]),
        (list(dataset.boms.values()), list[Bom]),
        (list(dataset.routings.values()), list[Routing]),
        (list(dataset.plant_items.values()), list[PlantItem]),
        (dataset.sources, list[ApprovedSource]),
        (dataset.stock, list[StockQuant]),
    ]
    encoded = [(msgspec.msgpack.encode(table), kind) for table, kind in tables]
    start = perf_counter()
    kept = [msgspec.msgpack.decode(content, type=kind) for content, kind in encoded]
    took_s = perf_counter() - start
    assert len(kept) == len(tables)
    return took_s


def run(quick: bool) -> Iterable[str]:
    """Lines to print."""
    items = 20_000 if quick else 100_000
    start = perf_counter()
    dataset = generate(DataPlan(plants=PLANTS, items=items), 1, Draws(1))
    generated_s = perf_counter() - start
    start = perf_counter()
    fingerprint = digest(dataset)
    digest_s = perf_counter() - start
    baseline_s = decode_s(dataset)
    yield f"{items:,} items, {records(dataset):,} records, digest {fingerprint}"
    yield f"generate {generated_s:.2f} s: {items / generated_s:,.0f} items/s (limit: 100,000 items in 10 s)"
    yield f"digest {digest_s:.2f} s; decoding the same records {baseline_s:.2f} s: ratio {generated_s / baseline_s:.1f}"
