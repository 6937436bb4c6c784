"""What contracts may take for granted of the PLM."""

from pilotplant.systems.plm.operations import (
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    release_change,
    revise_item,
)
from pilotplant.systems.provider_states import COMPONENT, Given, StateError, Values, provider_state

ITEM, CHANGE = "ITM-CONTRACT", "ECO-CONTRACT"


@provider_state("an item")
def known_item(given: Given, *, item: str = ITEM, plant: str = "") -> Values:
    """The item is defined, and made at a plant."""
    plant = given.plants_or(plant)
    kept = given.keep_item(item, made=True, plants=(plant,))
    return {"plant": plant, "revision": given.state.revision(item), "unit": kept.unit}


@provider_state("no such item")
def no_item(given: Given, *, item: str = "ITM-NOWHERE") -> None:
    """Nothing has this number."""
    if given.state.item(item) is not None:
        raise StateError(f"there is an item {item} from the start: name another")


@provider_state("a drafted revision")
def drafted_revision(given: Given, *, item: str = ITEM, component: str = COMPONENT, plant: str = "") -> Values:
    """The item has a structure and a routing in the revision that follows the one in use."""
    told = known_item(given, item=item, plant=plant)
    plant = given.plants_or(plant)
    lines = [
        {"component": line.component, "quantity": line.quantity, "unit": line.unit} for line in given.lines(component)
    ]
    steps = [{name: getattr(step, name) for name in step.__struct_fields__} for step in given.steps(plant)]
    given.apply(revise_item, item=item, lines=lines, steps=steps)
    return {**(told or {}), "revision": given.state.latest(item)}


@provider_state("a change")
def drafted_change(given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "") -> Values:
    """The change affects the item at the plant, and is still a draft."""
    told = drafted_revision(given, item=item, plant=plant)
    given.apply(create_change, change=change, title=f"Change {change}")
    given.apply(add_affected, change=change, item=item, plants=[given.plants_or(plant)])
    return told


@provider_state("an approved change")
def approved_change(given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "") -> Values:
    """The change is approved, and not released yet."""
    told = drafted_change(given, change=change, item=item, plant=plant)
    given.apply(approve_change, change=change)
    return told


@provider_state("a released change")
def released_change(given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "") -> Values:
    """The change was released to manufacturing and takes effect at once."""
    told = approved_change(given, change=change, item=item, plant=plant)
    given.apply(release_change, change=change)
    return told


@provider_state("a cancelled change")
def cancelled_change(given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "") -> Values:
    """The change was released, and withdrawn again."""
    told = released_change(given, change=change, item=item, plant=plant)
    given.apply(cancel_change, change=change, reason="withdrawn")
    return told


@provider_state("no such change")
def no_change(given: Given, *, change: str = "ECO-NOWHERE") -> None:
    """Nothing has this number."""
    if change in given.state.changes:
        raise StateError(f"there is a change {change}: name another")
