"""Using up: what is in stock of a superseded revision goes first. Many ERPs call that a discontinuation."""

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.systems.erp.problems import ItemNotAtPlant, NotHeld
from pilotplant.systems.erp.state import Discontinued, Erp


class Discontinue(Command, frozen=True, kw_only=True):
    """Of which item stock before a revision is used up, under the number of the change."""

    plant: str
    item: str
    reference: str
    revision: str


class DiscontinuationKey(Command, frozen=True, kw_only=True):
    """Which item at which plant, under which number."""

    plant: str
    item: str
    reference: str


@operation(
    "erp.item.discontinue",
    rest="POST /discontinuations",
    keys=("plant", "item", "reference"),
    effect=fact("plant", "item", "reference"),
    returns=Discontinued,
    rejects=(ItemNotAtPlant,),
)
def discontinue(erp: Erp, cmd: Discontinue, now: Instant) -> Outcome:
    """Let stock of what came before be used up first. What was said already is not said twice."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    key = (cmd.plant, cmd.item, cmd.reference)
    if key in erp.discontinued:
        return Found(erp.discontinued[key], ((effect_id("erp.item.discontinue", key), 0),))
    said = erp.discontinued[key] = Discontinued(*key, cmd.revision)
    return Committed(said)


@operation(
    "erp.item.discontinuation",
    rest="GET /plants/{plant}/items/{item}/discontinuations/{reference}",
    keys=("plant", "item", "reference"),
    returns=Discontinued,
    rejects=(NotHeld,),
)
def get_discontinuation(erp: Erp, query: DiscontinuationKey, now: Instant) -> Outcome:
    """Read whether stock is used up first."""
    key = (query.plant, query.item, query.reference)
    said = erp.discontinued.get(key)
    if said is None:
        return Refused(NotHeld(detail=f"{query.item} at {query.plant} under {query.reference}"))
    return Found(said, ((effect_id("erp.item.discontinue", key), 0),))
