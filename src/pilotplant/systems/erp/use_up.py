"""Using up: what is in stock of a superseded revision goes first. Many ERPs call that a discontinuation."""

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.definitions import PlantItemKey
from pilotplant.systems.erp.problems import ItemNotAtPlant, NotHeld
from pilotplant.systems.erp.state import Discontinued, Erp


class Discontinue(Command, frozen=True, kw_only=True):
    """Of which item stock before a revision is used up, under the number of the change."""

    plant: str
    item: str
    reference: str
    revision: str


@operation(
    "erp.item.discontinue",
    rest="POST /discontinuations",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=Discontinued,
    rejects=(ItemNotAtPlant,),
)
def discontinue(erp: Erp, cmd: Discontinue, now: Instant) -> Outcome:
    """Let stock of what came before a revision be used up first. The last that is said holds."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    key = (cmd.plant, cmd.item)
    held = erp.discontinued.get(key)
    said = erp.discontinued[key] = Discontinued(*key, cmd.reference, cmd.revision)
    return Committed(said, stale=held is not None and ordinal(held.revision) > ordinal(cmd.revision))


@operation(
    "erp.item.discontinuation",
    rest="GET /plants/{plant}/items/{item}/discontinuation",
    keys=("plant", "item"),
    returns=Discontinued,
    rejects=(NotHeld,),
)
def get_discontinuation(erp: Erp, query: PlantItemKey, now: Instant) -> Outcome:
    """Read whether stock is used up first."""
    said = erp.discontinued.get((query.plant, query.item))
    if said is None:
        return Refused(NotHeld(detail=f"{query.item} at {query.plant}"))
    return Found(said, ((effect_id("erp.item.discontinue", (said.plant, said.item)), ordinal(said.revision)),))
