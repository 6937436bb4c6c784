"""The generated enterprise: its traps, its shapes, its refusals, and that a seed replays it to the byte."""

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict

import msgspec
import pytest

from pilotplant.dataset.digest import digest
from pilotplant.dataset.generate import generate
from pilotplant.dataset.places import common
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Dataset, Plant
from pilotplant.dataset.units import countable
from pilotplant.kernel.draws import Draws
from pilotplant.model.revisions import ordinal

DE01 = Plant("DE01", "Stuttgart", "Europe/Berlin", "EUR", decimal_comma=True)
US01 = Plant("US01", "Detroit", "America/Detroit", "USD")
CN01 = Plant("CN01", "Shanghai", "Asia/Shanghai", "CNY")
PLAN = DataPlan(plants=(DE01, US01, CN01))
SMALLEST = DataPlan(plants=(DE01, US01, CN01), items=44, suppliers=1)


def made_up(plan: DataPlan = PLAN, seed: int = 7) -> Dataset:
    return generate(plan, seed, Draws(seed))


@pytest.fixture(
    scope="module", params=[(PLAN, 1), (PLAN, 2), (SMALLEST, 3)], ids=["default-1", "default-2", "smallest"]
)
def data(request: pytest.FixtureRequest) -> Dataset:
    plan, seed = request.param
    return made_up(plan, seed)


# --- The semantic traps are there, however small the enterprise ----------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "local", "factor"), [("EA", "BX", 1 / 12), ("kg", "g", 1000.0), ("m", "mm", 1000.0)], ids=["EA", "kg", "m"]
)
def test_an_item_has_one_unit_here_and_another_there(data: Dataset, unit: str, local: str, factor: float) -> None:
    units: defaultdict[str, set[tuple[str, float]]] = defaultdict(set)
    for entry in data.plant_items.values():
        units[entry.item].add((entry.unit, entry.per_base))
    assert {(unit, 1.0), (local, factor)} in units.values()


def test_a_local_number_means_different_items_at_two_plants(data: Dataset) -> None:
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for entry in data.plant_items.values():
        meanings[entry.local_number].add(entry.item)
    assert any(len(items) > 1 for items in meanings.values())


def test_a_local_number_means_one_item_within_a_plant(data: Dataset) -> None:
    uses = Counter((entry.plant, entry.local_number) for entry in data.plant_items.values())
    assert set(uses.values()) == {1}


def test_some_item_numbers_have_leading_zeros_and_others_a_prefix(data: Dataset) -> None:
    padded = [number for number in data.items if number.startswith("0")]
    assert padded
    assert all(len(number) == 18 and number.isdigit() for number in padded)
    assert any(number.startswith("ITM-") for number in data.items)


def test_some_descriptions_are_long_and_some_are_not_ascii(data: Dataset) -> None:
    descriptions = [item.description for item in data.items.values()]
    assert any(len(text) >= 40 for text in descriptions)
    assert any(not text.isascii() for text in descriptions)


def test_some_items_are_tracked_by_lot_and_some_by_serial_number(data: Dataset) -> None:
    assert {item.tracking for item in data.items.values()} == {"none", "lot", "serial"}


def test_a_supplier_part_number_is_the_internal_number_of_another_item(data: Dataset) -> None:
    misleading = [source for source in data.sources if source.supplier_part in data.items]
    assert misleading
    assert all(source.supplier_part != source.item for source in misleading)


def test_a_supplier_uses_a_part_number_for_one_item_only(data: Dataset) -> None:
    uses = Counter((source.supplier, source.supplier_part) for source in data.sources)
    assert set(uses.values()) == {1}


def test_the_erp_version_is_a_number_of_its_own(data: Dataset) -> None:
    entries = data.plant_items.values()
    assert all(len(entry.version) == 4 and entry.version.isdigit() for entry in entries)
    differing = sum(int(entry.version) != ordinal(entry.revision) for entry in entries)
    assert differing > len(entries) / 2


def test_plants_keep_time_zone_currency_and_decimal_comma(data: Dataset) -> None:
    assert tuple(data.plants.values()) == (DE01, US01, CN01)
    assert len({plant.time_zone for plant in data.plants.values()}) == 3
    assert {plant.decimal_comma for plant in data.plants.values()} == {True, False}


# --- Shapes --------------------------------------------------------------------------------------------------------


def test_sizes_are_those_of_the_plan() -> None:
    data = made_up()
    assert len(data.items) == PLAN.items
    assert len(data.suppliers) == PLAN.suppliers
    assert len(data.boms) == len(data.routings) == PLAN.made
    assert Counter(order.plant for order in data.production_orders) == {"DE01": 20, "US01": 20, "CN01": 20}
    assert Counter(order.plant for order in data.purchase_orders) == {"DE01": 15, "US01": 15, "CN01": 15}


def test_the_level_of_an_item_is_the_depth_of_its_structure() -> None:
    data = made_up(msgspec.structs.replace(PLAN, depth_max=11))
    for bom in data.boms.values():
        assert data.items[bom.item].level == 1 + max(data.items[line.component].level for line in bom.lines)
    assert max(item.level for item in data.items.values()) == 11


def test_common_parts_are_shared() -> None:
    uses = Counter(line.component for bom in made_up().boms.values() for line in bom.lines)
    counts = sorted(uses.values(), reverse=True)
    tenth = len(counts) // 10
    assert sum(counts[:tenth]) > 0.25 * sum(counts)


def test_revisions_differ_and_only_the_current_one_has_structure_and_routing(data: Dataset) -> None:
    assert len({item.revision for item in data.items.values()}) >= 4
    current = {(item.number, item.revision) for item in data.items.values() if item.made}
    assert set(data.boms) == set(data.routings) == current


def test_each_plant_has_its_own_inactive_work_centre(data: Dataset) -> None:
    inactive = [(centre.plant, centre.code) for centre in data.work_centres.values() if not centre.active]
    assert Counter(plant for plant, _ in inactive) == {"DE01": 1, "US01": 1, "CN01": 1}
    assert len({code for _, code in inactive}) == 3


def test_dispatched_orders_finish_two_to_eight_seconds_apart(data: Dataset) -> None:
    for plant in data.plants:
        orders = [order for order in data.production_orders if order.plant == plant]
        ends = [order.remaining_s for order in orders if order.dispatched]
        assert len(ends) == 8
        gaps = [end - before for before, end in zip([0.0, *ends], ends, strict=False)]
        assert all(1.99 < gap < 8.01 for gap in gaps)
        assert all(order.start_s < 0 for order in orders if order.dispatched)
        assert all(order.start_s > 0 and order.remaining_s == 0 for order in orders if not order.dispatched)


def test_every_item_of_a_plant_has_stock_and_lot_tracked_ones_several_lots(data: Dataset) -> None:
    lots: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for quant in data.stock:
        assert quant.quantity > 0
        lots[quant.plant, quant.item].append(quant.lot)
    assert set(lots) == set(data.plant_items)
    for (_, item), found in lots.items():
        tracking = data.items[item].tracking
        assert len(set(found)) == len(found)
        assert found == [""] if tracking == "none" else len(found) > 1 and all(found)


def test_stock_covers_what_the_open_production_orders_consume(data: Dataset) -> None:
    held: defaultdict[tuple[str, str], float] = defaultdict(float)
    for quant in data.stock:
        per_base = data.plant_items[quant.plant, quant.item].per_base
        held[quant.plant, quant.item] += quant.quantity / per_base
    for order in data.production_orders:
        for line in data.boms[order.item, order.revision].lines:
            held[order.plant, line.component] -= order.quantity * line.quantity
    assert min(held.values()) > 0


def test_serialised_stock_is_one_piece_per_serial_number(data: Dataset) -> None:
    serial = [quant for quant in data.stock if data.items[quant.item].tracking == "serial"]
    assert serial
    assert {quant.quantity for quant in serial} == {1.0}


def test_open_purchase_orders_await_something_from_an_approved_supplier(data: Dataset) -> None:
    approved = {(source.item, source.supplier) for source in data.sources}
    for order in data.purchase_orders:
        assert (order.item, order.supplier) in approved
        assert 0 <= order.received < order.quantity


def test_one_plant_alone_is_possible() -> None:
    data = made_up(DataPlan(plants=(DE01,), items=30, suppliers=2))
    assert {item.plants for item in data.items.values()} == {("DE01",)}


def test_with_many_plants_an_item_is_still_at_three_at_most() -> None:
    plants = tuple(Plant(f"P{number}", "Plant", "UTC", "EUR") for number in range(8))
    data = made_up(DataPlan(plants=plants, items=300))
    assert {len(item.plants) for item in data.items.values()} == {1, 2, 3}


@pytest.mark.parametrize(
    ("quantity", "unit", "expected"),
    [(0.3, "BX", 1.0), (3.0000000000000004, "EA", 3.0), (1.2341, "kg", 1.235), (0.3, "kg", 0.3), (1.5, "mm", 2.0)],
)
def test_quantities_are_rounded_up_to_what_can_be_counted(quantity: float, unit: str, expected: float) -> None:
    assert countable(quantity, unit) == expected


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_common_pick_stays_in_the_pool_at_both_ends(size: int) -> None:
    pool = range(size)
    assert common(pool, 0.0) == 0
    assert common(pool, 1 - 1e-9) == size - 1


# --- Replay --------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data() -> None:
    assert digest(made_up(seed=5)) == digest(made_up(seed=5))
    assert digest(made_up(seed=5)) != digest(made_up(seed=6))


def test_the_digest_sees_a_change_but_not_the_order_in_which_a_mapping_was_filled() -> None:
    data = made_up()
    backwards = msgspec.structs.replace(data, items=dict(reversed(list(data.items.items()))))
    assert digest(backwards) == digest(data)
    assert digest(msgspec.structs.replace(data, stock=data.stock[1:])) != digest(data)


def test_the_bytes_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = (
        "from pilotplant.dataset.digest import digest\n"
        "from pilotplant.dataset.generate import generate\n"
        "from pilotplant.dataset.plan import DataPlan\n"
        "from pilotplant.dataset.records import Plant\n"
        "from pilotplant.kernel.draws import Draws\n"
        "plants = tuple(Plant(code, code, 'UTC', 'EUR') for code in ('DE01', 'US01', 'CN01'))\n"
        "print(digest(generate(DataPlan(plants=plants), 7, Draws(7))))\n"
    )
    found = set()
    for hash_seed in ("0", "1", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        answer = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        found.add(answer.stdout)
    assert len(found) == 1
    assert len(found.pop().strip()) == 32


def test_another_number_of_suppliers_changes_sources_and_purchase_orders_only() -> None:
    few, many = made_up(), made_up(msgspec.structs.replace(PLAN, suppliers=60))
    changed = {name for name in Dataset.__struct_fields__ if getattr(few, name) != getattr(many, name)}
    assert changed == {"suppliers", "sources", "purchase_orders"}


def test_more_work_centres_change_no_structure_and_no_stock() -> None:
    few, many = made_up(), made_up(msgspec.structs.replace(PLAN, work_centres=30))
    changed = {name for name in Dataset.__struct_fields__ if getattr(few, name) != getattr(many, name)}
    assert changed == {"work_centres", "routings"}


# --- Refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"plants": ()}, "plants=()"),
        ({"plants": (DE01, DE01)}, "plants=DE01,DE01"),
        ({"items": 0}, "items=0"),
        ({"items": 43}, "items=43"),
        ({"made_share": 1.0}, "made_share=1.0"),
        ({"made_share": 0.95}, "made_share=0.95"),
        ({"depth_min": 0}, "depth_min=0"),
        ({"depth_min": 7}, "depth_min=7"),
        ({"depth_max": 12}, "depth_max=12"),
        ({"suppliers": 0}, "suppliers=0"),
        ({"work_centres": 0}, "work_centres=0"),
        ({"inactive_work_centres": -1}, "inactive_work_centres=-1"),
        ({"production_orders": -1}, "production_orders=-1"),
        ({"dispatched": 21}, "dispatched=21"),
        ({"purchase_orders": -1}, "purchase_orders=-1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_impossible_plan_is_refused_by_name_and_value(wish: dict[str, object], message: str) -> None:
    wishes: dict[str, object] = {"plants": (DE01, US01, CN01), "items": 100, **wish}
    with pytest.raises(ValueError, match=re.escape(message)):
        DataPlan(**wishes)  # type: ignore[arg-type]


def test_more_lots_are_there_besides_and_change_nothing_else() -> None:
    plants = (Plant("DE01", "Leipzig", "Europe/Berlin", "EUR"), Plant("US01", "Detroit", "America/Detroit", "USD"))
    plain, more = DataPlan(plants=plants, items=120), DataPlan(plants=plants, items=120, more_lots=3)
    before, after = generate(plain, 5, Draws(5)), generate(more, 5, Draws(5))
    assert set(before.stock) < set(after.stock)
    tracked = sum(item.tracking != "none" for item in before.items.values() for _plant in item.plants)
    assert len(after.stock) - len(before.stock) == 3 * tracked
    names = [(quant.plant, quant.lot) for quant in after.stock if quant.lot]
    assert len(set(names)) == len(names)
    assert (before.boms, before.production_orders, before.plant_items) == (
        after.boms,
        after.production_orders,
        after.plant_items,
    )
