"""What contracts may take for granted of the PLM."""

from pilotplant.systems.plm.operations import (
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    release_change,
    revise_item,
    supersede,
)
from pilotplant.systems.plm.state import Superseded
from pilotplant.systems.provider_states import COMPONENT, Given, StateError, Values, provider_state

ITEM, CHANGE = "ITM-CONTRACT", "ECO-CONTRACT"
REVISIONS_MAX = 30


@provider_state("an item", lets=("plm.item.get",))
def known_item(given: Given, *, item: str = ITEM, plant: str = "") -> Values:
    """The item is defined, and made at a plant."""
    plant = given.plants_or(plant)
    kept = given.keep_item(item, made=True, plants=(plant,))
    return {"plant": plant, "revision": given.state.revision(item), "unit": kept.unit}


@provider_state(
    "an item without such a revision", lets=("plm.bom.get!unknown-revision", "plm.routing.get!unknown-revision")
)
def item_without_revision(given: Given, *, item: str = ITEM, plant: str = "", revision: str = "Z") -> Values:
    """The item is defined, and its structure and routing in that revision are not."""
    if given.state.item(item) is None:
        given.keep_item(item, made=False, plants=(given.plants_or(plant),))
    if given.state.bom(item, revision) is not None:
        raise StateError(f"{item} has a revision {revision} from the start: name another")
    return {"plant": plant}


@provider_state("no such item", lets=("plm.item.get!unknown-item",))
def no_item(given: Given, *, item: str = "ITM-NOWHERE") -> None:
    """Nothing has this number."""
    if given.state.item(item) is not None:
        raise StateError(f"there is an item {item} from the start: name another")


@provider_state("a drafted revision", lets=("plm.bom.get", "plm.routing.get"))
def drafted_revision(
    given: Given, *, item: str = ITEM, component: str = COMPONENT, plant: str = "", revision: str = ""
) -> Values:
    """The item has a structure and a routing in the revision, or in the one that follows the one in use."""
    told = known_item(given, item=item, plant=plant)
    plant = given.plants_or(plant)
    lines = [
        {"component": line.component, "quantity": line.quantity, "unit": line.unit} for line in given.lines(component)
    ]
    steps = [{name: getattr(step, name) for name in step.__struct_fields__} for step in given.steps(plant)]
    if revision and given.state.bom(item, revision) is not None:
        return {**(told or {}), "revision": revision}
    for _ in range(REVISIONS_MAX):
        given.apply(revise_item, item=item, lines=lines, steps=steps)
        if revision in ("", given.state.latest(item)):
            return {**(told or {}), "revision": given.state.latest(item)}
    raise StateError(f"{item} does not come to revision {revision}")


@provider_state("a change")
def drafted_change(
    given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "", superseded: tuple[Superseded, ...] = ()
) -> Values:
    """The change affects the item at the plant (wherever it is made, if not there), and is still a draft. It phases out
    what is superseded."""
    told = drafted_revision(given, item=item, plant=plant)
    plant, made_at = given.plants_or(plant), given.state.item(item).plants
    given.apply(create_change, change=change, title=f"Change {change}")
    given.apply(add_affected, change=change, item=item, plants=[plant] if plant in made_at else made_at)
    for each in superseded:
        given.state.approved |= {(each.by, each.supplier)}
        fields = {name: getattr(each, name) for name in ("item", "by", "supplier", "plants")}
        given.apply(supersede, change=change, **fields)
    return told


@provider_state("an approved change", lets=("plm.change.approved",))
def approved_change(
    given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "", superseded: tuple[Superseded, ...] = ()
) -> Values:
    """The change is approved, and not released yet."""
    told = drafted_change(given, change=change, item=item, plant=plant, superseded=superseded)
    given.apply(approve_change, change=change)
    return told


@provider_state("a released change", lets=("plm.change.get", "plm.change.report_result", "plm.change.released"))
def released_change(
    given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "", superseded: tuple[Superseded, ...] = ()
) -> Values:
    """The change was released to manufacturing and takes effect at once."""
    told = approved_change(given, change=change, item=item, plant=plant, superseded=superseded)
    given.apply(release_change, change=change)
    return told


@provider_state("a cancelled change", lets=("plm.change.cancelled",))
def cancelled_change(
    given: Given, *, change: str = CHANGE, item: str = ITEM, plant: str = "", superseded: tuple[Superseded, ...] = ()
) -> Values:
    """The change was released, and withdrawn again."""
    told = released_change(given, change=change, item=item, plant=plant, superseded=superseded)
    given.apply(cancel_change, change=change, reason="withdrawn")
    return told


@provider_state("no such change", lets=("plm.change.get!unknown-change", "plm.change.report_result!unknown-change"))
def no_change(given: Given, *, change: str = "ECO-NOWHERE") -> None:
    """Nothing has this number."""
    if change in given.state.changes:
        raise StateError(f"there is a change {change}: name another")
