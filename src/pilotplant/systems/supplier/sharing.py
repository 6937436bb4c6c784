"""What suppliers are given: delivery schedules, and drawings of what they are to make."""

from datetime import date
from typing import Annotated

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, operation, state
from pilotplant.model.outcome import Committed, Outcome, Refused
from pilotplant.model.revisions import ordinal
from pilotplant.systems.supplier.problems import NotASource, UnknownSupplier
from pilotplant.systems.supplier.state import Drawing, Portal, Schedule

NUMBER_MAX = 999_999_999
"""Nobody publishes more schedules."""
QUANTITY_MAX = 1e12


class ScheduleLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """How much is wanted on a day."""

    day: date
    quantity: Annotated[float, msgspec.Meta(ge=0, lt=QUANTITY_MAX)]


class PublishSchedule(Command, frozen=True, kw_only=True):
    """What a plant will want of an item. `number` counts up: a later schedule replaces an earlier one."""

    plant: str
    supplier: str
    item: str
    number: Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]
    unit: str
    lines: tuple[ScheduleLine, ...]


class ShareDrawing(Command, frozen=True, kw_only=True):
    """The drawing of an item in a revision, for one supplier."""

    supplier: str
    item: str
    revision: str
    document: str = ""


@operation(
    "supplier.schedule.publish",
    rest="PUT /schedules",
    keys=("plant", "supplier", "item"),
    effect=state("plant", "supplier", "item", version="number"),
    returns=Schedule,
    rejects=(UnknownSupplier, NotASource),
)
def publish_schedule(portal: Portal, cmd: PublishSchedule, now: Instant) -> Outcome:
    """Tell a supplier what a plant will want. It looks at the latest one only."""
    if cmd.supplier not in portal.dataset.suppliers:
        return Refused(UnknownSupplier(detail=cmd.supplier))
    if (cmd.item, cmd.supplier) not in portal.sources:
        return Refused(NotASource(detail=f"{cmd.supplier} does not deliver {cmd.item}"))
    key = (cmd.plant, cmd.supplier, cmd.item)
    held = portal.schedules.get(key)
    lines = tuple((line.day.isoformat(), line.quantity) for line in cmd.lines)
    schedule = Schedule(*key, cmd.number, cmd.unit, lines)
    portal.schedules[key] = schedule
    return Committed(schedule, stale=held is not None and held.number > cmd.number)


@operation(
    "supplier.drawing.share",
    rest="POST /drawings",
    keys=("supplier", "item", "revision"),
    effect=state("supplier", "item", version="revision"),
    returns=Drawing,
    rejects=(UnknownSupplier,),
    discloses=True,
)
def share_drawing(portal: Portal, cmd: ShareDrawing, now: Instant) -> Outcome:
    """Give a supplier a drawing. The portal does not ask whether it may have it; the judge does."""
    if cmd.supplier not in portal.dataset.suppliers:
        return Refused(UnknownSupplier(detail=cmd.supplier))
    held = portal.drawings.get((cmd.supplier, cmd.item))
    drawing = Drawing(cmd.supplier, cmd.item, cmd.revision, cmd.document)
    portal.drawings[cmd.supplier, cmd.item] = drawing
    return Committed(drawing, stale=held is not None and ordinal(held.revision) > ordinal(cmd.revision))
