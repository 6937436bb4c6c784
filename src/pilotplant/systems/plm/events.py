"""What the PLM tells the world."""

import msgspec

from pilotplant.model.operation import Event, event, fact
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
    """A change was released to manufacturing: these items go to these revisions at these plants."""

    change: str
    title: str
    priority: str
    effectivity: Effectivity
    affected: tuple[Affected, ...]
    superseded: tuple[Superseded, ...]
    """Bought items that nothing at these plants needs any more, and what takes their place."""


@event("plm.change.cancelled", keys=("change",), effect=fact("change"))
class ChangeCancelled(Event, frozen=True, kw_only=True, gc=False):
    """A released change was withdrawn: what was not carried out yet must not be carried out."""

    change: str
    reason: str
