"""Items, structures, routings and production versions: what may be produced at a plant, and from when."""

import msgspec

from pilotplant.dataset.records import BomLine, RoutingStep
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.events import ItemChanged
from pilotplant.systems.erp.problems import (
    EffectivityOverlap,
    InactiveWorkCentre,
    ItemNotAtPlant,
    NotHeld,
    NothingToActivate,
    QuantityNotPositive,
    UnitNotConvertible,
    UnknownComponent,
    UnknownJob,
    UnknownPlant,
    UnknownWorkCentre,
)
from pilotplant.systems.erp.state import ActivationJob, Erp, ErpBom, ErpItem, ErpRouting, ProductionVersion


class UpsertItem(Command, frozen=True, kw_only=True):
    """An item as a plant is to know it."""

    plant: str
    item: str
    description: str
    unit: str
    revision: str


class PlantItemKey(Command, frozen=True, kw_only=True):
    """Which item at which plant."""

    plant: str
    item: str


class ListPlantItems(PageQuery, frozen=True, kw_only=True):
    """Which page of a plant's items."""

    plant: str


class ReleaseBom(Command, frozen=True, kw_only=True):
    """A structure that is to be producible at a plant from a moment on."""

    plant: str
    item: str
    revision: str
    effective_from: Moment
    lines: tuple[BomLine, ...]
    change: str = ""


class PlantRevision(Command, frozen=True, kw_only=True):
    """Which item at which plant in which revision."""

    plant: str
    item: str
    revision: str


class UpsertRouting(Command, frozen=True, kw_only=True):
    """How an item is to be made at a plant."""

    plant: str
    item: str
    revision: str
    steps: tuple[RoutingStep, ...]


class ActivateVersion(Command, frozen=True, kw_only=True):
    """Make a revision the one that production orders use."""

    plant: str
    item: str
    revision: str
    change: str = ""


class NameJob(Command, frozen=True, kw_only=True):
    """Which job."""

    job: str


class BomReleased(msgspec.Struct, frozen=True):
    """The ERP's own number for the structure."""

    plant: str
    item: str
    revision: str
    version: str


class BomView(msgspec.Struct, frozen=True):
    """A structure as the ERP holds it."""

    plant: str
    item: str
    revision: str
    version: str
    effective_from: str
    lines: tuple[BomLine, ...]


class JobView(msgspec.Struct, frozen=True):
    """An asynchronous job: `queued`, `done` or `failed` with a reason."""

    job: str
    status: str
    plant: str
    item: str
    revision: str
    version: str
    reason: str


@operation(
    "erp.item.upsert",
    rest="PUT /items",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=ErpItem,
    rejects=(UnknownPlant, UnitNotConvertible),
)
def upsert_item(erp: Erp, cmd: UpsertItem, now: Instant) -> Outcome:
    """Create an item at a plant or bring it up to date."""
    if cmd.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{cmd.plant} is not served by this ERP"))
    held = erp.item(cmd.plant, cmd.item)
    if held is not None and cmd.unit != held.unit:
        return Refused(UnitNotConvertible(unit=cmd.unit, detail=f"{cmd.item} is kept in {held.unit} at {cmd.plant}"))
    item = ErpItem(cmd.plant, cmd.item, cmd.description, cmd.unit, cmd.revision)
    stale = held is not None and ordinal(held.revision) > ordinal(cmd.revision)
    changed = ItemChanged(plant=cmd.plant, item=cmd.item, revision=cmd.revision)
    emit = () if held == item else (changed,)
    erp.items[cmd.plant, cmd.item] = item
    return Committed(item, emit=emit, stale=stale)


@operation(
    "erp.item.get",
    rest="GET /plants/{plant}/items/{item}",
    keys=("plant", "item"),
    returns=ErpItem,
    rejects=(ItemNotAtPlant,),
)
def get_item(erp: Erp, query: PlantItemKey, now: Instant) -> Outcome:
    """Read an item at a plant."""
    item = erp.item(query.plant, query.item)
    if item is None:
        return Refused(ItemNotAtPlant(items=(query.item,)))
    return Found(item, _reveals_item(item))


@operation(
    "erp.item.list",
    rest="GET /plants/{plant}/items",
    keys=("plant",),
    returns=Page[ErpItem],
    rejects=(UnknownPlant, BadCursor),
    rows=("plant", "item"),
)
def list_items(erp: Erp, query: ListPlantItems, now: Instant) -> Outcome:
    """Read a plant's items, a page at a time."""
    if query.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{query.plant} is not served by this ERP"))
    numbers = {item for plant, item in erp.dataset.plant_items if plant == query.plant}
    numbers.update(item for plant, item in erp.items if plant == query.plant)
    return paged(
        list(numbers),
        query.limit,
        query.cursor,
        lambda item: erp.item(query.plant, item),
        lambda item: _reveals_item(erp.item(query.plant, item)),
    )


@operation(
    "erp.bom.release",
    rest="POST /bill-of-material-releases",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=BomReleased,
    rejects=(ItemNotAtPlant, UnknownComponent, EffectivityOverlap, UnitNotConvertible, QuantityNotPositive),
)
def release_bom(erp: Erp, cmd: ReleaseBom, now: Instant) -> Outcome:
    """Make a structure producible at a plant from its effective date on."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    missing = tuple(line.component for line in cmd.lines if erp.item(cmd.plant, line.component) is None)
    if missing:
        return Refused(UnknownComponent(items=missing))
    for line in cmd.lines:
        if not 0 < line.quantity < 1e12:
            return Refused(QuantityNotPositive(detail=f"{line.component}: {line.quantity}"))
        if erp.in_plant_unit(cmd.plant, line.component, line.quantity, line.unit) is None:
            return Refused(UnitNotConvertible(unit=line.unit, detail=f"{line.component} at {cmd.plant}"))
    held = erp.boms.get((cmd.plant, cmd.item), [])
    from_moment = cmd.effective_from.timestamp()
    for other in held:
        if other.effective_from == from_moment and other.revision != cmd.revision:
            return Refused(EffectivityOverlap(revision=other.revision))
    same = next((other for other in held if other.revision == cmd.revision), None)
    version = same.version if same else erp.next_version(cmd.plant, cmd.item)
    if same:
        held.remove(same)
    held.append(ErpBom(cmd.plant, cmd.item, cmd.revision, version, cmd.change, from_moment, cmd.lines))
    erp.boms[cmd.plant, cmd.item] = held
    return Committed(BomReleased(cmd.plant, cmd.item, cmd.revision, version))


@operation(
    "erp.bom.get",
    rest="GET /plants/{plant}/items/{item}/revisions/{revision}/bom",
    keys=("plant", "item", "revision"),
    returns=BomView,
    rejects=(NotHeld,),
)
def get_bom(erp: Erp, query: PlantRevision, now: Instant) -> Outcome:
    """Read a structure at a plant."""
    bom = erp.bom(query.plant, query.item, query.revision)
    if bom is None:
        return Refused(NotHeld(detail=f"{query.item} has no structure {query.revision} at {query.plant}"))
    view = BomView(bom.plant, bom.item, bom.revision, bom.version, iso(bom.effective_from), bom.lines)
    reveals = (effect_id("erp.bom.release", (bom.plant, bom.item)), ordinal(bom.revision))
    return Found(view, (reveals,))


@operation(
    "erp.routing.upsert",
    rest="PUT /routings",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=ErpRouting,
    rejects=(ItemNotAtPlant, UnknownWorkCentre, InactiveWorkCentre),
)
def upsert_routing(erp: Erp, cmd: UpsertRouting, now: Instant) -> Outcome:
    """Set how an item is made at a plant in a revision."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    for step in cmd.steps:
        centre = erp.dataset.work_centres.get((cmd.plant, step.work_centre))
        if centre is None:
            return Refused(UnknownWorkCentre(work_centre=step.work_centre))
        if not centre.active:
            detail = f"work centre {step.work_centre} at {cmd.plant} is inactive"
            return Refused(InactiveWorkCentre(work_centre=step.work_centre, detail=detail))
    routing = ErpRouting(cmd.plant, cmd.item, cmd.revision, cmd.steps)
    erp.routings[cmd.plant, cmd.item, cmd.revision] = routing
    return Committed(routing)


@operation(
    "erp.version.activate",
    rest="POST /production-version-activations",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=JobView,
    rejects=(ItemNotAtPlant, NothingToActivate),
    status=202,
)
def activate_version(erp: Erp, cmd: ActivateVersion, now: Instant) -> Outcome:
    """Accept the activation of a production version. It is done by a job: wait for `erp.version.activated`."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    bom = erp.bom(cmd.plant, cmd.item, cmd.revision)
    routing = erp.routing(cmd.plant, cmd.item, cmd.revision)
    if bom is None or routing is None:
        missing = tuple(name for name, held in (("bom", bom), ("routing", routing)) if held is None)
        return Refused(NothingToActivate(missing=missing))
    key = (cmd.plant, cmd.item, cmd.revision)
    known = erp.jobs.get(erp.pending.get(key, ""))
    if known is not None and known.status != "failed":
        return Committed(_job_view(known))
    job = ActivationJob(f"JOB-{len(erp.jobs) + 1:08d}", cmd.plant, cmd.item, cmd.revision, bom.version, cmd.change)
    erp.jobs[job.job] = job
    erp.pending[key] = job.job
    return Committed(_job_view(job), jobs=(job,))


@operation("erp.job.get", rest="GET /jobs/{job}", keys=("job",), returns=JobView, rejects=(UnknownJob,))
def get_job(erp: Erp, query: NameJob, now: Instant) -> Outcome:
    """Read how a job stands."""
    job = erp.jobs.get(query.job)
    if job is None:
        return Refused(UnknownJob(detail=query.job))
    identity = effect_id("erp.version.activated", (job.plant, job.item))
    reveals = ((identity, ordinal(job.revision)),) if job.status == "done" else ()
    return Found(_job_view(job), reveals)


@operation(
    "erp.version.get",
    rest="GET /plants/{plant}/items/{item}/production-version",
    keys=("plant", "item"),
    returns=ProductionVersion,
    rejects=(NotHeld,),
)
def get_version(erp: Erp, query: PlantItemKey, now: Instant) -> Outcome:
    """Read which production version is active."""
    version = erp.version(query.plant, query.item)
    if version is None:
        return Refused(NotHeld(detail=f"{query.item} has no production version at {query.plant}"))
    identity = effect_id("erp.version.activated", (version.plant, version.item))
    return Found(version, ((identity, ordinal(version.revision)),))


def _reveals_item(item: ErpItem | None) -> tuple[tuple[str, int], ...]:
    return ((effect_id("erp.item.upsert", (item.plant, item.item)), ordinal(item.revision)),) if item else ()


def _job_view(job: ActivationJob) -> JobView:
    return JobView(job.job, job.status, job.plant, job.item, job.revision, job.version, job.reason)
