"""What contracts may take for granted of an ERP."""

from itertools import zip_longest

from pilotplant.dataset.records import ProductionOrder
from pilotplant.model.instants import iso
from pilotplant.systems.erp.definitions import activate_version, release_bom, upsert_routing
from pilotplant.systems.erp.items import upsert_item
from pilotplant.systems.erp.orders import change_order, etag
from pilotplant.systems.erp.state import OrderState
from pilotplant.systems.erp.stock import post_stock
from pilotplant.systems.provider_states import COMPONENT, Given, StateError, Values, provider_state

ITEM, ORDER, SOURCE = "ITM-CONTRACT", "ORD-CONTRACT", "CNF-CONTRACT"
_LONG_AGO = "2020-01-01T00:00:00Z"
_HOUR_S = 3600.0


@provider_state(
    "an item at a plant",
    lets=(
        "erp.item.get",
        "erp.item.upsert",
        "erp.routing.upsert",
        "erp.routing.upsert!inactive-work-centre",
        "erp.item.changed",
    ),
)
def item_at_plant(given: Given, *, plant: str = "", item: str = ITEM, unit: str = "EA", revision: str = "A") -> Values:
    """The plant knows the item, in a unit and a revision."""
    plant = given.plants_or(plant)
    held = given.state.item(plant, item)
    if held is not None:
        unit = held.unit
    given.apply(upsert_item, plant=plant, item=item, description=f"Item {item}", unit=unit, revision=revision)
    return {"plant": plant, "unit": unit}


@provider_state("a plant that is served", lets=("erp.plant.get",))
def plant_served(given: Given, *, plant: str = "") -> Values:
    """The ERP serves the plant."""
    return {"plant": given.plants_or(plant)}


@provider_state("items at a plant", lets=("erp.stock.post",))
def items_at_plant(
    given: Given, *, plant: str = "", items: tuple[str, ...] = (ITEM,), units: tuple[str, ...] = ()
) -> None:
    """The plant knows these items, each in its unit."""
    for item, unit in zip_longest(items, units[: len(items)], fillvalue="EA"):
        if given.state.item(given.plants_or(plant), item) is None:
            item_at_plant(given, plant=plant, item=item, unit=unit)


@provider_state("what a structure is made of", lets=("erp.bom.release",))
def components_at_plant(
    given: Given,
    *,
    plant: str = "",
    item: str = ITEM,
    components: tuple[str, ...] = (COMPONENT,),
    units: tuple[str, ...] = (),
) -> None:
    """The plant knows the item and its components."""
    item_at_plant(given, plant=plant, item=item)
    items_at_plant(given, plant=plant, items=components, units=units)


@provider_state("no such item at the plant", lets=("erp.item.get!item-not-at-plant",))
def no_item_at_plant(given: Given, *, plant: str = "", item: str = ITEM) -> None:
    """The plant does not know the item."""
    plant = given.plants_or(plant)
    if given.state.plant_item(plant, item) is not None:
        raise StateError(f"{item} is one of the items that {plant} has from the start: name another")


@provider_state("a structure at a plant", lets=("erp.version.activate",))
def structure_at_plant(
    given: Given, *, plant: str = "", item: str = ITEM, revision: str = "B", component: str = COMPONENT
) -> Values:
    """The item has a structure and a routing in the revision, and no production version of it yet."""
    plant = given.plants_or(plant)
    item_at_plant(given, plant=plant, item=item, revision=revision)
    (line,) = given.lines(component)
    held = given.state.item(plant, component)
    if held is None:
        item_at_plant(given, plant=plant, item=component)
    lines = [{"component": component, "quantity": line.quantity, "unit": held.unit if held else line.unit}]
    key = {"plant": plant, "item": item, "revision": revision}
    given.apply(release_bom, **key, effective_from=_LONG_AGO, lines=lines)
    steps = [{name: getattr(step, name) for name in step.__struct_fields__} for step in given.steps(plant)]
    given.apply(upsert_routing, **key, steps=steps)
    return {"plant": plant, "work_centre": steps[0]["work_centre"]}


@provider_state("a component that the plant does not know")
def unknown_component(given: Given, *, plant: str = "", item: str = ITEM, component: str = COMPONENT) -> None:
    """The plant knows the item, and not the component."""
    item_at_plant(given, plant=plant, item=item)
    no_item_at_plant(given, plant=plant, item=component)


@provider_state("a production version that is active", lets=("erp.version.activated", "erp.version.get"))
async def active_version(
    given: Given, *, plant: str = "", item: str = ITEM, revision: str = "B", change: str = ""
) -> Values:
    """The revision was activated, and its job is done."""
    told = structure_at_plant(given, plant=plant, item=item, revision=revision)
    plant = given.plants_or(plant)
    given.apply(activate_version, plant=plant, item=item, revision=revision, change=change)
    job = given.state.pending[plant, item, revision]
    await given.until(lambda: given.state.jobs[job].status == "done", f"the activation {job}")
    return {**(told or {}), "job": job}


@provider_state("an activation that will be rejected", lets=("erp.version.rejected",))
async def doomed_activation(
    given: Given, *, plant: str = "", item: str = ITEM, revision: str = "B", change: str = ""
) -> Values:
    """The revision was to be activated, and the job failed: its routing had gone meanwhile."""
    structure_at_plant(given, plant=plant, item=item, revision=revision)
    plant = given.plants_or(plant)
    given.apply(activate_version, plant=plant, item=item, revision=revision, change=change)
    del given.state.routings[plant, item, revision]
    job = given.state.pending[plant, item, revision]
    await given.until(lambda: given.state.jobs[job].status == "failed", f"the rejection of {job}")
    return {"plant": plant, "job": job}


@provider_state("a job", lets=("erp.job.get",))
def accepted_job(
    given: Given, *, job: str = "JOB-CONTRACT", plant: str = "", item: str = ITEM, revision: str = "B"
) -> Values:
    """An activation was accepted under this number."""
    structure_at_plant(given, plant=plant, item=item, revision=revision)
    plant = given.plants_or(plant)
    given.apply(activate_version, plant=plant, item=item, revision=revision)
    accepted = given.state.jobs.pop(given.state.pending[plant, item, revision])
    accepted.job = job
    given.state.jobs[job] = accepted
    given.state.pending[plant, item, revision] = job
    return {"plant": plant}


@provider_state("a stock document", lets=("erp.stock.documents", "erp.stock.posted"))
async def stock_document(
    given: Given, *, plant: str = "", source_document: str = SOURCE, item: str = ITEM, quantity: float = 4.0
) -> Values:
    """A receipt was booked for a source document, and is shown to whoever looks for it."""
    plant = given.plants_or(plant)
    item_at_plant(given, plant=plant, item=item)
    unit = given.state.item(plant, item).unit
    line = {"movement": "receipt", "item": item, "quantity": quantity, "unit": unit, "lot": "LOT-1"}
    today = iso(given.estate.world.now().business)[:10]
    body = {"posting_date": today, "lines": [line], "source_document": source_document}
    booked = given.apply(post_stock, plant=plant, **body)
    shown_at = given.estate.world.env.now + given.state.read_lag_s
    await given.until(lambda: given.estate.world.now().wire >= shown_at, f"the document for {source_document}")
    return {"plant": plant, "unit": unit, "document": booked.result.document if booked else ""}


@provider_state("an open posting period")
def open_period(given: Given, *, plant: str = "") -> Values:
    """Postings that are dated today are taken."""
    return {"plant": given.plants_or(plant), "today": iso(given.estate.world.now().business)[:10]}


@provider_state("an open production order", lets=("erp.production_order.get", "erp.production_order.change"))
def open_order(
    given: Given, *, plant: str = "", order: str = ORDER, item: str = ITEM, quantity: float = 10.0, revision: str = "A"
) -> Values:
    """There is an order of this number, which nobody has open for editing."""
    plant = given.plants_or(plant)
    held = given.state.orders.get(order)
    if held is None:
        made = ProductionOrder(plant, order, item, revision, quantity, 0.0, False, 0.0)
        held = given.state.orders[order] = OrderState(made, quantity, revision)
    held.locked_until = 0.0
    return {"plant": plant, "etag": etag(held)}


@provider_state("a production order that was changed", lets=("erp.production_order.changed",))
def changed_order(given: Given, *, plant: str = "", order: str = ORDER, quantity: float = 8.0) -> Values:
    """An order was given another quantity."""
    told = open_order(given, plant=plant, order=order)
    given.apply(change_order, order=order, quantity=quantity)
    return {**(told or {}), "etag": etag(given.state.orders[order])}


@provider_state("a production order that a clerk is editing")
def locked_order(given: Given, *, plant: str = "", order: str = ORDER) -> Values:
    """There is an order of this number, and it is locked."""
    told = open_order(given, plant=plant, order=order)
    given.state.orders[order].locked_until = given.estate.world.env.now + _HOUR_S
    return told
