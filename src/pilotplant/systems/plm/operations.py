"""What can be asked of the PLM."""

from typing import Literal

import msgspec

from pilotplant.dataset.records import Bom, BomLine, Item, Routing, RoutingStep
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.problem import Rejection, problem
from pilotplant.model.revisions import following, ordinal
from pilotplant.systems.plm.events import (
    ChangeApproved,
    ChangeCancelled,
    ChangeReleased,
    Effectivity,
    StructureReleased,
)
from pilotplant.systems.plm.state import Affected, Change, Plm, Result, Superseded


@problem("unknown-item", 404, "No such item")
class UnknownItem(Rejection, frozen=True, kw_only=True, gc=False):
    """The item is not known to this system."""

    items: tuple[str, ...] = ()


@problem("unknown-revision", 404, "No such revision")
class UnknownRevision(Rejection, frozen=True, kw_only=True, gc=False):
    """The item has no definition in this revision."""


@problem("incomplete-definition", 422, "A definition needs a structure and a routing")
class IncompleteDefinition(Rejection, frozen=True, kw_only=True, gc=False):
    """What is made has components and operations."""


@problem("unknown-change", 404, "No such change")
class UnknownChange(Rejection, frozen=True, kw_only=True, gc=False):
    """No change has this number."""


@problem("change-exists", 409, "The change exists already")
class ChangeExists(Rejection, frozen=True, kw_only=True, gc=False):
    """Change numbers are given once."""


@problem("change-status", 409, "The change is not in a status that allows this")
class ChangeStatus(Rejection, frozen=True, kw_only=True, gc=False):
    """The life of a change runs draft, approved, released, or ends cancelled."""

    status_now: str = ""


@problem("not-approved", 422, "The supplier is not approved for the item")
class NotApproved(Rejection, frozen=True, kw_only=True, gc=False):
    """Only an approved manufacturer may deliver an item."""


class GetItem(Command, frozen=True, kw_only=True):
    """Which item."""

    item: str


class ListItems(PageQuery, frozen=True, kw_only=True):
    """Which page of the items, at one plant or at all."""

    plant: str = ""


class Definition(Command, frozen=True, kw_only=True):
    """Which item in which revision."""

    item: str
    revision: str


class ReviseItem(Command, frozen=True, kw_only=True):
    """The definition of an item in the revision that follows its latest."""

    item: str
    lines: tuple[BomLine, ...]
    steps: tuple[RoutingStep, ...]


class CreateChange(Command, frozen=True, kw_only=True):
    """A new change, still empty."""

    change: str
    title: str
    priority: Literal["urgent", "normal", "low"] = "normal"


class AddAffected(Command, frozen=True, kw_only=True):
    """An item that the change takes to its drafted revision."""

    change: str
    item: str
    plants: tuple[str, ...]
    disposition: Literal["use-up", "quarantine", "rework", "scrap"] = "use-up"


class Supersede(Command, frozen=True, kw_only=True):
    """A bought item that the change phases out at these plants, what takes its place, and who is to deliver that."""

    change: str
    item: str
    by: str
    supplier: str
    plants: tuple[str, ...]


class NameChange(Command, frozen=True, kw_only=True):
    """Which change."""

    change: str


class ListChanges(PageQuery, frozen=True, kw_only=True):
    """Which page of the changes."""


class ReleaseChange(Command, frozen=True, kw_only=True):
    """Release an approved change, effective at once or at a date."""

    change: str
    effectivity: Literal["immediate", "date"] = "immediate"
    effective_at: Moment | None = None


class CancelChange(Command, frozen=True, kw_only=True):
    """Withdraw a change."""

    change: str
    reason: str = ""


class ReportResult(Command, frozen=True, kw_only=True):
    """What a system made of a change at a plant."""

    change: str
    plant: str
    system: str
    status: Literal["accepted", "rejected"]
    text: str = ""


class ItemView(msgspec.Struct, frozen=True):
    """An item as the PLM shows it."""

    item: str
    description: str
    unit: str
    revision: str
    tracking: str
    plants: tuple[str, ...]
    made: bool = False
    lot_size: float = 0.0


class ChangeView(msgspec.Struct, frozen=True):
    """A change as the PLM shows it."""

    change: str
    title: str
    priority: str
    status: str
    effectivity: str
    effective_at: str
    affected: tuple[Affected, ...]
    superseded: tuple[Superseded, ...]
    results: tuple[Result, ...]
    kind: str
    gate: str
    wip: str


@operation("plm.item.get", rest="GET /items/{item}", keys=("item",), returns=ItemView, rejects=(UnknownItem,))
def get_item(plm: Plm, query: GetItem, now: Instant) -> Outcome:
    """Read one item."""
    item = plm.item(query.item)
    if item is None:
        return Refused(UnknownItem(items=(query.item,)))
    return Found(item_view(plm, item), ())


@operation(
    "plm.item.list",
    rest="GET /items",
    keys=("plant",),
    returns=Page[ItemView],
    rejects=(BadCursor,),
    rows=("item",),
)
def list_items(plm: Plm, query: ListItems, now: Instant) -> Outcome:
    """Read the items, a page at a time."""
    known = {**plm.dataset.items, **plm.created}
    numbers = [number for number, item in known.items() if not query.plant or query.plant in item.plants]
    return paged(numbers, query.limit, query.cursor, lambda number: item_view(plm, known[number]))


@operation(
    "plm.bom.get",
    rest="GET /items/{item}/revisions/{revision}/bom",
    keys=("item", "revision"),
    returns=Bom,
    rejects=(UnknownRevision,),
)
def get_bom(plm: Plm, query: Definition, now: Instant) -> Outcome:
    """Read the structure of an item in a revision; an item that is not made has none."""
    bom = plm.bom(query.item, query.revision)
    return Found(bom, ()) if bom else Refused(UnknownRevision(detail=f"{query.item} has no structure {query.revision}"))


@operation(
    "plm.routing.get",
    rest="GET /items/{item}/revisions/{revision}/routing",
    keys=("item", "revision"),
    returns=Routing,
    rejects=(UnknownRevision,),
)
def get_routing(plm: Plm, query: Definition, now: Instant) -> Outcome:
    """Read how an item in a revision is made."""
    routing = plm.routing(query.item, query.revision)
    if routing is None:
        return Refused(UnknownRevision(detail=f"{query.item} has no routing {query.revision}"))
    return Found(routing, ())


@operation(
    "plm.item.revise",
    rest="POST /items/{item}/revisions",
    keys=("item",),
    effect=state("item", version="revision"),
    returns=Bom,
    rejects=(UnknownItem, IncompleteDefinition),
)
def revise_item(plm: Plm, cmd: ReviseItem, now: Instant) -> Outcome:
    """Draft the next revision of an item. It takes effect when a change releases it."""
    if not cmd.lines or not cmd.steps:
        return Refused(IncompleteDefinition(detail=f"{cmd.item}: at least one line and one step"))
    unknown = tuple(n for n in (cmd.item, *(line.component for line in cmd.lines)) if plm.item(n) is None)
    if unknown:
        return Refused(UnknownItem(items=unknown))
    revision = following(plm.latest(cmd.item))
    bom = Bom(cmd.item, revision, cmd.lines)
    plm.add_revision(bom, Routing(cmd.item, revision, cmd.steps))
    return Committed(bom, effects=(((cmd.item,), ordinal(revision)),))


@operation(
    "plm.change.create",
    rest="POST /changes",
    keys=("change",),
    effect=fact("change"),
    returns=ChangeView,
    rejects=(ChangeExists,),
)
def create_change(plm: Plm, cmd: CreateChange, now: Instant) -> Outcome:
    """Open a change."""
    if cmd.change in plm.changes:
        return Refused(ChangeExists())
    change = plm.changes[cmd.change] = Change(cmd.change, cmd.title, cmd.priority)
    return Committed(change_view(change))


@operation(
    "plm.change.add_affected",
    rest="POST /changes/{change}/affected-items",
    keys=("change", "item"),
    effect=fact("change", "item"),
    returns=ChangeView,
    rejects=(UnknownChange, UnknownItem, UnknownRevision, ChangeStatus),
)
def add_affected(plm: Plm, cmd: AddAffected, now: Instant) -> Outcome:
    """Add an item with a drafted revision to a change that is still a draft."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    if change.status != "draft" or any(a.item == cmd.item for a in change.affected):
        return Refused(ChangeStatus(status_now=change.status, detail="an item is added once, to a draft"))
    item = plm.item(cmd.item)
    if item is None:
        return Refused(UnknownItem(items=(cmd.item,)))
    launch = change.kind == "launch"
    drafted, current = plm.latest(cmd.item), "" if launch else plm.revision(cmd.item)
    if drafted == current:
        return Refused(UnknownRevision(detail=f"{cmd.item} has no revision after {current}"))
    plants = tuple(plant for plant in cmd.plants if plant in item.plants and plm.takes(plant, change.kind))
    added = Affected(cmd.item, current, drafted, plants, cmd.disposition)
    change.affected = (*change.affected, added)
    return Committed(change_view(change))


@operation(
    "plm.change.supersede",
    rest="POST /changes/{change}/superseded-items",
    keys=("change", "item"),
    effect=fact("change", "item"),
    returns=ChangeView,
    rejects=(UnknownChange, UnknownItem, NotApproved, ChangeStatus),
)
def supersede(plm: Plm, cmd: Supersede, now: Instant) -> Outcome:
    """Say in a draft that a bought item is not needed any more once the change is in effect, and what replaces it."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    if change.status != "draft" or any(s.item == cmd.item for s in change.superseded):
        return Refused(ChangeStatus(status_now=change.status, detail="an item is superseded once, in a draft"))
    unknown = tuple(number for number in (cmd.item, cmd.by) if plm.item(number) is None)
    if unknown:
        return Refused(UnknownItem(items=unknown))
    if (cmd.by, cmd.supplier) not in plm.approved:
        return Refused(NotApproved(detail=f"{cmd.supplier} for {cmd.by}"))
    replaced = Superseded(cmd.item, cmd.by, plm.revision(cmd.by), cmd.supplier, cmd.plants)
    change.superseded = (*change.superseded, replaced)
    return Committed(change_view(change))


@operation(
    "plm.change.approve",
    rest="POST /changes/{change}/approval",
    keys=("change",),
    effect=fact("change"),
    returns=ChangeView,
    rejects=(UnknownChange, ChangeStatus),
)
def approve_change(plm: Plm, cmd: NameChange, now: Instant) -> Outcome:
    """Approve a change that affects something."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    if change.status != "draft" or not change.affected:
        return Refused(ChangeStatus(status_now=change.status, detail="only a draft with affected items is approved"))
    change.status = "approved"
    event = ChangeApproved(change=change.number, title=change.title, priority=change.priority)
    return Committed(change_view(change), emit=(event,))


@operation(
    "plm.change.release",
    rest="POST /changes/{change}/release",
    keys=("change",),
    effect=fact("change"),
    returns=ChangeView,
    rejects=(UnknownChange, ChangeStatus),
)
def release_change(plm: Plm, cmd: ReleaseChange, now: Instant) -> Outcome:
    """Release an approved change to manufacturing: its revisions are the ones to build from its effectivity on."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    if change.status != "approved":
        return Refused(ChangeStatus(status_now=change.status, detail="only an approved change is released"))
    change.status = "released"
    change.effectivity = cmd.effectivity
    change.released_at = now.business
    change.effective_at = cmd.effective_at.timestamp() if cmd.effective_at else now.business
    plm.release(change)
    event = ChangeReleased(
        change=change.number,
        title=change.title,
        priority=change.priority,
        effectivity=Effectivity(change.effectivity, iso(change.effective_at)),
        affected=change.affected,
        kind=change.kind,
        gate=change.gate,
        wip=change.wip,
        superseded=change.superseded,
    )
    structures = _structures(plm, change) if plm.announces else ()
    dated = change.effective_at > now.business
    return Committed(
        change_view(change), emit=(event, *structures), jobs=(change,) if dated else (), touches=_items_of(change)
    )


@operation(
    "plm.change.cancel",
    rest="POST /changes/{change}/cancellation",
    keys=("change",),
    effect=fact("change"),
    returns=ChangeView,
    rejects=(UnknownChange, ChangeStatus),
)
def cancel_change(plm: Plm, cmd: CancelChange, now: Instant) -> Outcome:
    """Withdraw a change. Revisions that it alone released go back to what they were."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    if change.status == "cancelled":
        return Refused(ChangeStatus(status_now=change.status, detail="it is cancelled already"))
    if change.status == "released":
        plm.withdraw(change)
    change.status, change.cancelled_at = "cancelled", now.business
    event = ChangeCancelled(change=change.number, reason=cmd.reason)
    return Committed(change_view(change), emit=(event,), touches=_items_of(change))


@operation(
    "plm.change.get",
    rest="GET /changes/{change}",
    keys=("change",),
    returns=ChangeView,
    rejects=(UnknownChange,),
)
def get_change(plm: Plm, query: NameChange, now: Instant) -> Outcome:
    """Read one change."""
    change = plm.changes.get(query.change)
    return Found(change_view(change), _reveals(change)) if change else Refused(UnknownChange())


@operation("plm.change.list", rest="GET /changes", returns=Page[ChangeView], rejects=(BadCursor,), rows=("change",))
def list_changes(plm: Plm, query: ListChanges, now: Instant) -> Outcome:
    """Read all changes, a page at a time: for those who look for themselves instead of listening."""
    return paged(
        list(plm.changes),
        query.limit,
        query.cursor,
        lambda number: change_view(plm.changes[number]),
        lambda number: _reveals(plm.changes[number]),
    )


@operation(
    "plm.change.report_result",
    rest="POST /changes/{change}/results",
    keys=("change", "plant", "system"),
    effect=state("change", "plant", "system", version="revision"),
    returns=ChangeView,
    rejects=(UnknownChange,),
    facet="status",
)
def report_result(plm: Plm, cmd: ReportResult, now: Instant) -> Outcome:
    """Note what a system made of a change; a later report about the same system and plant replaces the earlier one."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    others = tuple(r for r in change.results if (r.system, r.plant) != (cmd.system, cmd.plant))
    change.results = (*others, Result(cmd.system, cmd.plant, cmd.status, cmd.text))
    return Committed(change_view(change), effects=(((cmd.change, cmd.plant, cmd.system), 1),))


def _items_of(change: Change) -> tuple[tuple[str, ...], ...]:
    """The rows of the items that a change concerns: their revision is another."""
    return tuple(("plm.item.list", affected.item) for affected in change.affected)


def _structures(plm: Plm, change: Change) -> tuple[StructureReleased, ...]:
    """The structures that a change releases, one by one."""
    return tuple(
        StructureReleased(item=each.item, revision=each.to_revision, change=change.number)
        for each in change.affected
        if plm.bom(each.item, each.to_revision)
    )


def item_view(plm: Plm, item: Item) -> ItemView:
    revision = plm.revision(item.number)
    lot_size = plm.lot_sizes.get(item.number, 0.0)
    return ItemView(item.number, item.description, item.unit, revision, item.tracking, item.plants, item.made, lot_size)


def _reveals(change: Change) -> tuple[tuple[str, int], ...]:
    """The events whose facts a reader of the change learns; one that is withdrawn still shows that it was released."""
    stated = [("plm.change.released", bool(change.released_at)), ("plm.change.cancelled", change.status == "cancelled")]
    return tuple((effect_id(name, (change.number,)), 0) for name, so in stated if so)


def change_view(change: Change) -> ChangeView:
    return ChangeView(
        change=change.number,
        title=change.title,
        priority=change.priority,
        status=change.status,
        effectivity=change.effectivity,
        effective_at=iso(change.effective_at) if change.effective_at else "",
        affected=change.affected,
        superseded=change.superseded,
        results=change.results,
        kind=change.kind,
        gate=change.gate,
        wip=change.wip,
    )
