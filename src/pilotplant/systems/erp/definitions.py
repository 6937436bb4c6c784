"""Items, structures, routings and production versions: what may be produced at a plant, and from when."""

from math import inf

import msgspec

from pilotplant.dataset.records import BomLine, RoutingStep
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.problems import (
    EffectivityGap,
    EffectivityOverlap,
    EffectivityUnsupported,
    InactiveWorkCentre,
    ItemNotAtPlant,
    NotHeld,
    NothingToActivate,
    QuantityNotPositive,
    UnitNotConvertible,
    UnknownComponent,
    UnknownJob,
    UnknownWorkCentre,
)
from pilotplant.systems.erp.state import ActivationJob, Erp, ErpBom, ErpRouting, ProductionVersion

LATER_S = 60.0
"""What becomes effective within this time counts as effective at once: clocks differ."""


class PlantItemKey(Command, frozen=True, kw_only=True):
    """Which item at which plant."""

    plant: str
    item: str


class ReleaseBom(Command, frozen=True, kw_only=True):
    """A structure that is to be producible at a plant from a moment on."""

    plant: str
    item: str
    revision: str
    effective_from: Moment
    lines: tuple[BomLine, ...]
    change: str = ""
    effective_to: Moment | None = None


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
    "erp.bom.release",
    rest="POST /bill-of-material-releases",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=BomReleased,
    rejects=(
        ItemNotAtPlant,
        UnknownComponent,
        EffectivityOverlap,
        EffectivityGap,
        EffectivityUnsupported,
        UnitNotConvertible,
        QuantityNotPositive,
    ),
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
    if refusal := _effectivity_refused(erp, cmd, now, held):
        return Refused(refusal)
    same = next((other for other in held if other.revision == cmd.revision), None)
    version = same.version if same else erp.next_version(cmd.plant, cmd.item)
    if same:
        held.remove(same)
    until = cmd.effective_to.timestamp() if cmd.effective_to else inf
    held = [other for other in held if erp.overlap == "refuse" or other.effective_from != from_moment]
    held.append(ErpBom(cmd.plant, cmd.item, cmd.revision, version, cmd.change, from_moment, cmd.lines, until))
    erp.boms[cmd.plant, cmd.item] = held
    return Committed(BomReleased(cmd.plant, cmd.item, cmd.revision, version))


def _effectivity_refused(erp: Erp, cmd: ReleaseBom, now: Instant, held: list[ErpBom]) -> Rejection | None:
    """What this product finds wrong with the time from which a structure is to hold."""
    from_moment = cmd.effective_from.timestamp()
    if "date" not in erp.effectivities and from_moment > now.business + LATER_S:
        return EffectivityUnsupported(supported=erp.effectivities, detail=f"effective from {iso(from_moment)}")
    others = [other for other in held if other.revision != cmd.revision]
    for other in others:
        if other.effective_from == from_moment and erp.overlap == "refuse":
            return EffectivityOverlap(revision=other.revision)
    before = max((other for other in others if other.effective_from < from_moment), key=_begins, default=None)
    if before is not None and before.effective_to < from_moment and erp.gap == "refuse":
        return EffectivityGap(revision=before.revision, detail=f"it ends {iso(before.effective_to)}")
    return None


def _begins(bom: ErpBom) -> float:
    return bom.effective_from


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


def _job_view(job: ActivationJob) -> JobView:
    return JobView(job.job, job.status, job.plant, job.item, job.revision, job.version, job.reason)
