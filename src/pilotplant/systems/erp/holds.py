"""Holds: an item that must not be produced at a plant, and its release for production."""

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.systems.erp.definitions import PlantItemKey
from pilotplant.systems.erp.items import NEW
from pilotplant.systems.erp.problems import ItemNotAtPlant, NotOnHold, NotProducible
from pilotplant.systems.erp.state import Erp, Hold


class SetHold(Command, frozen=True, kw_only=True):
    """What to hold, under the number of what caused it."""

    plant: str
    item: str
    reference: str
    reason: str = ""


class ReleaseHold(Command, frozen=True, kw_only=True):
    """What to release. An item that is new at the plant is released under the number of what launches it."""

    plant: str
    item: str
    reference: str


class HoldList(msgspec.Struct, frozen=True):
    """The holds under which an item is."""

    items: list[Hold]


@operation(
    "erp.hold.set",
    rest="POST /holds",
    keys=("plant", "item", "reference"),
    effect=fact("plant", "item", "reference"),
    returns=Hold,
    rejects=(ItemNotAtPlant,),
)
def set_hold(erp: Erp, cmd: SetHold, now: Instant) -> Outcome:
    """Hold an item. What is held under the number already is not held twice."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    holds = erp.holds.setdefault((cmd.plant, cmd.item), {})
    identity = effect_id("erp.hold.set", (cmd.plant, cmd.item, cmd.reference))
    if cmd.reference in holds:
        return Found(holds[cmd.reference], ((identity, 0),))
    hold = holds[cmd.reference] = Hold(cmd.plant, cmd.item, cmd.reference, cmd.reason)
    undone = (effect_id("erp.hold.release", (cmd.plant, cmd.item, cmd.reference)),)
    lifted = erp.lifted.pop((cmd.plant, cmd.item, cmd.reference), None)
    return Committed(hold, undoes=undone if lifted else ())


@operation(
    "erp.hold.release",
    rest="POST /hold-releases",
    keys=("plant", "item", "reference"),
    effect=fact("plant", "item", "reference"),
    returns=Hold,
    rejects=(ItemNotAtPlant, NotOnHold, NotProducible),
)
def release_hold(erp: Erp, cmd: ReleaseHold, now: Instant) -> Outcome:
    """Lift a hold: from now on the item may be produced, if nothing else holds it. What is lifted stays lifted."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    key = (cmd.plant, cmd.item, cmd.reference)
    if key in erp.lifted:
        return Found(erp.lifted[key], ((effect_id("erp.hold.release", key), 0),))
    holds = erp.holds.get((cmd.plant, cmd.item), {})
    under = cmd.reference if cmd.reference in holds else NEW
    if under not in holds:
        return Refused(NotOnHold(detail=f"{cmd.item} at {cmd.plant} under {cmd.reference}"))
    if under == NEW and erp.version(cmd.plant, cmd.item) is None:
        return Refused(NotProducible(detail=f"{cmd.item} at {cmd.plant}"))
    hold = erp.lifted[key] = holds.pop(under)
    undone = (effect_id("erp.hold.set", key),) if under else ()
    return Committed(hold, undoes=undone)


@operation(
    "erp.hold.list",
    rest="GET /plants/{plant}/items/{item}/holds",
    keys=("plant", "item"),
    returns=HoldList,
    rejects=(ItemNotAtPlant,),
)
def list_holds(erp: Erp, query: PlantItemKey, now: Instant) -> Outcome:
    """Read what holds an item at a plant, and by leaving it out, what does not any more."""
    if erp.item(query.plant, query.item) is None:
        return Refused(ItemNotAtPlant(items=(query.item,)))
    here = (query.plant, query.item)
    reveals = [(effect_id("erp.hold.release", key), 0) for key in erp.lifted if key[:2] == here]
    return Found(HoldList(list(erp.holds.get(here, {}).values())), tuple(reveals))
