"""What holds for every generated enterprise, whatever its size and seed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pilotplant.dataset.generate import generate
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Dataset, Plant
from pilotplant.kernel.draws import Draws

settings.register_profile("dataset", max_examples=25, deadline=None, derandomize=True, database=None)
quick = settings(settings.get_profile("dataset"))


@st.composite
def enterprises(draw: st.DrawFn) -> Dataset:
    """Small enterprises: one to five plants, flat to deep."""
    count = draw(st.integers(1, 5))
    depth_max = draw(st.integers(1, 6))
    made = count * depth_max + draw(st.integers(0, 20))
    bought = 3 * count + 3 + draw(st.integers(0, 40))
    orders = draw(st.integers(0, 6))
    plan = DataPlan(
        plants=tuple(Plant(f"P{number}", f"Plant {number}", "UTC", "EUR") for number in range(count)),
        items=made + bought,
        made_share=made / (made + bought),
        depth_min=draw(st.integers(1, depth_max)),
        depth_max=depth_max,
        suppliers=draw(st.integers(1, 4)),
        work_centres=draw(st.integers(1, 8)),
        inactive_work_centres=draw(st.integers(0, 2)),
        production_orders=orders,
        dispatched=draw(st.integers(0, orders)),
        purchase_orders=draw(st.integers(0, 6)),
    )
    seed = draw(st.integers(0, 2**32))
    return generate(plan, seed, Draws(seed))


@quick
@given(enterprises())
def test_structures_have_no_cycle(data: Dataset) -> None:
    for bom in data.boms.values():
        level = data.items[bom.item].level
        assert all(data.items[line.component].level < level for line in bom.lines)


@quick
@given(enterprises())
def test_a_structure_has_three_to_twelve_different_components_in_their_engineering_unit(data: Dataset) -> None:
    for bom in data.boms.values():
        assert 3 <= len(bom.lines) <= 12
        assert len({line.component for line in bom.lines}) == len(bom.lines)
        for line in bom.lines:
            assert line.quantity > 0
            assert line.unit == data.items[line.component].unit


@quick
@given(enterprises())
def test_components_are_known_at_every_plant_of_the_parent(data: Dataset) -> None:
    for bom in data.boms.values():
        for plant in data.items[bom.item].plants:
            assert (plant, bom.item) in data.plant_items
            assert all((plant, line.component) in data.plant_items for line in bom.lines)


@quick
@given(enterprises())
def test_no_routing_uses_a_work_centre_that_is_inactive_anywhere(data: Dataset) -> None:
    inactive = {centre.code for centre in data.work_centres.values() if not centre.active}
    for routing in data.routings.values():
        assert 4 <= len(routing.steps) <= 12
        assert [step.number for step in routing.steps] == sorted({step.number for step in routing.steps})
        for step in routing.steps:
            assert step.work_centre not in inactive
            assert all((plant, step.work_centre) in data.work_centres for plant in data.items[routing.item].plants)


@quick
@given(enterprises())
def test_items_and_plants_refer_to_each_other(data: Dataset) -> None:
    pairs = {(plant, item.number) for item in data.items.values() for plant in item.plants}
    assert set(data.plant_items) == pairs
    for (plant, number), entry in data.plant_items.items():
        item = data.items[number]
        assert plant in data.plants
        assert (entry.plant, entry.item, entry.revision) == (plant, number, item.revision)
        assert (entry.unit == item.unit) == (entry.per_base == 1.0)
        assert ((number, item.revision) in data.boms) == item.made
        assert ((number, item.revision) in data.routings) == item.made
    assert {plant for plant, _ in data.work_centres} == set(data.plants)


@quick
@given(enterprises())
def test_orders_sources_and_stock_refer_to_what_exists(data: Dataset) -> None:
    for source in data.sources:
        assert source.supplier in data.suppliers
        assert not data.items[source.item].made
    assert all((quant.plant, quant.item) in data.plant_items for quant in data.stock)
    for order in data.production_orders:
        assert (order.plant, order.item) in data.plant_items
        assert (order.item, order.revision) in data.boms
    for purchase in data.purchase_orders:
        assert (purchase.plant, purchase.item) in data.plant_items
        assert purchase.supplier in data.suppliers
        assert purchase.received < purchase.quantity
    numbers = [order.order for order in data.production_orders] + [order.order for order in data.purchase_orders]
    assert len(set(numbers)) == len(numbers)
