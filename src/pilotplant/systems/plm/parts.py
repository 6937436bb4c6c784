"""Items that did not exist before, which revision holds on a day, and routings that are improved without a revision."""

from typing import Literal

import msgspec

from pilotplant.dataset.records import Bom, BomLine, Item, Routing, RoutingStep
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.plm.events import PartCreated, RoutingUpdated
from pilotplant.systems.plm.operations import (
    IncompleteDefinition,
    ItemView,
    UnknownItem,
    UnknownRevision,
    item_view,
)
from pilotplant.systems.plm.state import Plm

FIRST_REVISION = "A"
LOT_MAX = 1e9


@problem("item-exists", 409, "The item exists already")
class ItemExists(Rejection, frozen=True, kw_only=True, gc=False):
    """Item numbers are given once."""


@problem("no-such-plant", 422, "The estate has no such plant")
class NoSuchPlant(Rejection, frozen=True, kw_only=True, gc=False):
    """An item is made or used at plants of the estate."""


@problem("lot-size", 422, "A lot is more than nothing")
class LotSize(Rejection, frozen=True, kw_only=True, gc=False):
    """The smallest lot is a finite quantity greater than zero; 0 states none."""


class CreateItem(Command, frozen=True, kw_only=True):
    """A new item, in its first revision. What is made has lines and steps; what is bought has neither."""

    item: str
    description: str
    unit: Literal["EA", "kg", "m"]
    plants: tuple[str, ...]
    tracking: Literal["none", "lot", "serial"] = "none"
    lot_size: float = 0.0
    lines: tuple[BomLine, ...] = ()
    steps: tuple[RoutingStep, ...] = ()


class RevisionOn(Command, frozen=True, kw_only=True):
    """Which item at which plant, on which day."""

    item: str
    plant: str
    at: Moment


class UpdateRouting(Command, frozen=True, kw_only=True):
    """How an item in its present revision is made from now on."""

    item: str
    steps: tuple[RoutingStep, ...]


class ValidRevision(msgspec.Struct, frozen=True):
    """The revision that is to be built at a plant at a moment."""

    item: str
    plant: str
    at: str
    revision: str


class RoutingView(msgspec.Struct, frozen=True):
    """How an item is made, and how often that was improved."""

    item: str
    revision: str
    row: int
    steps: tuple[RoutingStep, ...]


@operation(
    "plm.item.create",
    rest="POST /items",
    keys=("item",),
    effect=fact("item"),
    returns=ItemView,
    rejects=(ItemExists, NoSuchPlant, UnknownItem, IncompleteDefinition, LotSize),
)
def create_item(plm: Plm, cmd: CreateItem, now: Instant) -> Outcome:
    """Create an item. All plants that are to use it have to know it."""
    if plm.item(cmd.item) is not None or not cmd.item.strip():
        return Refused(ItemExists(detail=cmd.item))
    if not cmd.plants or not set(cmd.plants) <= set(plm.plants):
        return Refused(NoSuchPlant(detail=", ".join(cmd.plants) or "none is named"))
    if not 0 <= cmd.lot_size < LOT_MAX:
        return Refused(LotSize(detail=f"{cmd.lot_size}"))
    if bool(cmd.lines) != bool(cmd.steps):
        return Refused(IncompleteDefinition(detail=f"{cmd.item}: lines and steps go together"))
    if unknown := tuple(line.component for line in cmd.lines if plm.item(line.component) is None):
        return Refused(UnknownItem(items=unknown))
    made = bool(cmd.lines)
    level = 1 + max((_level(plm, line.component) for line in cmd.lines), default=-1)
    plants = tuple(plant for plant in plm.plants if plant in cmd.plants)
    plm.created[cmd.item] = item = Item(
        cmd.item, cmd.description, cmd.unit, level, FIRST_REVISION, cmd.tracking, plants, made
    )
    if cmd.lot_size:
        plm.lot_sizes[cmd.item] = cmd.lot_size
    if made:
        plm.add_revision(Bom(cmd.item, FIRST_REVISION, cmd.lines), Routing(cmd.item, FIRST_REVISION, cmd.steps))
    event = PartCreated(
        item=cmd.item,
        revision=FIRST_REVISION,
        description=cmd.description,
        unit=cmd.unit,
        tracking=cmd.tracking,
        made=made,
        lot_size=cmd.lot_size,
        plants=plants,
    )
    return Committed(item_view(plm, item), emit=(event,))


@operation(
    "plm.item.revision_on",
    rest="GET /items/{item}/plants/{plant}/revision",
    keys=("item", "plant"),
    returns=ValidRevision,
    rejects=(UnknownItem,),
)
def revision_on(plm: Plm, query: RevisionOn, now: Instant) -> Outcome:
    """Read which revision is to be built at a plant at a moment, by the changes that are released by now."""
    item = plm.item(query.item)
    if item is None or query.plant not in item.plants:
        return Refused(UnknownItem(items=(query.item,)))
    moment = query.at.timestamp()
    return Found(ValidRevision(query.item, query.plant, iso(moment), plm.valid_on(query.plant, query.item, moment)))


@operation(
    "plm.routing.update",
    rest="PUT /items/{item}/routing",
    keys=("item",),
    effect=state("item", version="row"),
    returns=RoutingView,
    rejects=(UnknownItem, UnknownRevision, IncompleteDefinition),
)
def update_routing(plm: Plm, cmd: UpdateRouting, now: Instant) -> Outcome:
    """Improve how an item is made, without a new revision."""
    if plm.item(cmd.item) is None:
        return Refused(UnknownItem(items=(cmd.item,)))
    revision = plm.revision(cmd.item)
    if plm.routing(cmd.item, revision) is None:
        return Refused(UnknownRevision(detail=f"{cmd.item} is not made"))
    if not cmd.steps:
        return Refused(IncompleteDefinition(detail=f"{cmd.item}: at least one step"))
    plm.put_routing(Routing(cmd.item, revision, cmd.steps))
    row = plm.routing_rows[cmd.item] = plm.routing_rows.get(cmd.item, 1) + 1
    event = RoutingUpdated(item=cmd.item, revision=revision, row=row)
    view = RoutingView(cmd.item, revision, row, cmd.steps)
    return Committed(view, emit=(event,), effects=(((cmd.item,), row),))


def _level(plm: Plm, number: str) -> int:
    item = plm.item(number)
    return item.level if item else 0
