"""What contracts may take for granted of the MES of a plant."""

from pilotplant.systems.mes.operations import complete_order, hold_order, publish_routing
from pilotplant.systems.mes.state import ShopOrder
from pilotplant.systems.provider_states import Given, StateError, Values, provider_state

ITEM, ORDER = "ITM-CONTRACT", "ORD-CONTRACT"


@provider_state("an item of the plant", lets=("mes.routing.publish", "mes.routing.publish!unknown-at-shop-floor"))
def item_of_plant(given: Given, *, plant: str = "", item: str = ITEM) -> Values:
    """The shop floor knows the item, which is made there."""
    plant = given.plants_or(plant)
    given.keep_item(item, made=True, plants=(plant,))
    return {"plant": plant, "work_centre": given.steps(plant)[0].work_centre}


@provider_state("an item that the shop floor counts", lets=("mes.item.upsert", "mes.item.get"))
def counted_item(given: Given, *, plant: str = "", item: str = ITEM, unit: str = "EA") -> Values:
    """The shop floor knows the item, and counts it in this unit."""
    plant = given.plants_or(plant)
    known = given.keep_item(item, made=False, plants=(plant,), unit=unit)
    if known.unit != unit:
        raise StateError(f"{item} is counted in {known.unit} from the start: name another")
    return {"plant": plant}


@provider_state("work instructions", lets=("mes.routing.get",))
def work_instructions(given: Given, *, plant: str = "", item: str = ITEM, revision: str = "B") -> Values:
    """The instructions of the revision are the ones to execute."""
    told = item_of_plant(given, plant=plant, item=item)
    plant = given.plants_or(plant)
    steps = [{name: getattr(step, name) for name in step.__struct_fields__} for step in given.steps(plant)]
    given.apply(publish_routing, plant=plant, item=item, revision=revision, steps=steps)
    return told


@provider_state("a dispatched order", lets=("mes.order.status", "mes.order.hold", "mes.order.complete"))
def dispatched_order(
    given: Given, *, plant: str = "", order: str = ORDER, item: str = ITEM, quantity: float = 10.0
) -> Values:
    """The order was given to the shop floor and is not finished."""
    told = item_of_plant(given, plant=plant, item=item)
    plant = given.plants_or(plant)
    given.state.orders.setdefault(order, ShopOrder(plant, order, item, "A", quantity))
    return told


@provider_state("a held order", lets=("mes.order.resume",))
def held_order(given: Given, *, plant: str = "", order: str = ORDER, item: str = ITEM) -> Values:
    """The order was stopped."""
    told = dispatched_order(given, plant=plant, order=order, item=item)
    given.apply(hold_order, order=order)
    return told


@provider_state("a completed order", lets=("mes.order.completed",))
def completed_order(
    given: Given,
    *,
    plant: str = "",
    order: str = ORDER,
    item: str = ITEM,
    good: float = 9.0,
    scrap: float = 1.0,
) -> Values:
    """An operator reported the order as finished."""
    told = dispatched_order(given, plant=plant, order=order, item=item, quantity=good + scrap)
    given.apply(complete_order, order=order, good=good, scrap=scrap)
    return {**(told or {}), "confirmation": given.state.orders[order].confirmation}


@provider_state("no such order", lets=("mes.order.status!unknown-shop-order",))
def no_order(given: Given, *, plant: str = "", order: str = "ORD-NOWHERE") -> None:
    """Nothing of this number was dispatched."""
    given.plants_or(plant)
    if order in given.state.orders:
        raise StateError(f"there is an order {order} from the start: name another")
