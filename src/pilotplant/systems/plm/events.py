"""What the PLM tells the world."""

import msgspec

from pilotplant.model.operation import Event, event, fact, state
from pilotplant.systems.plm.state import Affected, Superseded


class Effectivity(msgspec.Struct, frozen=True, gc=False):
    """From when a change applies: `immediate`, or `date` with a moment."""

    kind: str
    at: str


@event("plm.change.approved", keys=("change",), effect=fact("change"))
class ChangeApproved(Event, frozen=True, kw_only=True, gc=False):
    """A change was approved; it is not yet released to manufacturing."""

    change: str
    title: str
    priority: str


@event("plm.change.released", keys=("change",), effect=fact("change"))
class ChangeReleased(Event, frozen=True, kw_only=True, gc=False):
    """A change was released to manufacturing: these items go to these revisions at these plants.

    `kind` tells a `launch` from an `engineering` change; the `gate` of a launch whether plants go ahead alone or all
    together; `wip` what becomes of open orders: `keep`, `re-read`, `hold`."""

    change: str
    title: str
    priority: str
    effectivity: Effectivity
    affected: tuple[Affected, ...]
    kind: str
    gate: str
    wip: str
    superseded: tuple[Superseded, ...]
    """Bought items that nothing at these plants needs any more, and what takes their place."""


@event("plm.change.cancelled", keys=("change",), effect=fact("change"))
class ChangeCancelled(Event, frozen=True, kw_only=True, gc=False):
    """A released change was withdrawn: what was not carried out yet must not be carried out."""

    change: str
    reason: str


@event("plm.part.created", keys=("item",), effect=fact("item"))
class PartCreated(Event, frozen=True, kw_only=True, gc=False):
    """Engineering created an item: the plants that are to use it have to know it."""

    item: str
    revision: str
    description: str
    unit: str
    tracking: str
    made: bool
    lot_size: float
    plants: tuple[str, ...]


@event("plm.bom.released", keys=("item", "revision"), effect=state("item", version="revision"))
class StructureReleased(Event, frozen=True, kw_only=True, gc=False):
    """The structure of an item in a revision was released."""

    item: str
    revision: str
    change: str


@event("plm.routing.updated", keys=("item", "revision"), effect=state("item", version="row"))
class RoutingUpdated(Event, frozen=True, kw_only=True, gc=False):
    """How an item is made was improved, without a new revision."""

    item: str
    revision: str
    row: int
