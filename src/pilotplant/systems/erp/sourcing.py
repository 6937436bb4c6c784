"""Where a plant buys: approved sources, and what suppliers call an item."""

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, Row, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.systems.erp.definitions import PlantItemKey
from pilotplant.systems.erp.problems import ItemNotAtPlant, NotHeld, SourceNotApproved, SupplierNotKnown
from pilotplant.systems.erp.state import CrossReference, Erp, Source


class UpsertSource(Command, frozen=True, kw_only=True):
    """Who may be bought from at a plant. `issue` is engineering's: a higher one is newer."""

    plant: str
    item: str
    supplier: str
    issue: Row


class UpsertCrossReference(Command, frozen=True, kw_only=True):
    """What a supplier calls an item."""

    plant: str
    item: str
    supplier: str
    supplier_part: str
    issue: Row


class SourceKey(Command, frozen=True, kw_only=True):
    """Which supplier of which item at which plant."""

    plant: str
    item: str
    supplier: str


@operation(
    "erp.aml.upsert",
    rest="PUT /approved-sources",
    keys=("plant", "item", "supplier"),
    effect=state("plant", "item", "supplier", version="issue"),
    returns=Source,
    rejects=(ItemNotAtPlant, SupplierNotKnown),
)
def upsert_source(erp: Erp, cmd: UpsertSource, now: Instant) -> Outcome:
    """Let a plant buy an item from a supplier."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    if cmd.supplier not in erp.dataset.suppliers:
        return Refused(SupplierNotKnown(detail=cmd.supplier))
    key = (cmd.plant, cmd.item, cmd.supplier)
    held = erp.sources.get(key)
    erp.sources[key] = source = Source(*key, cmd.issue)
    return Committed(source, stale=held is not None and held.issue > cmd.issue)


@operation(
    "erp.aml.get",
    rest="GET /plants/{plant}/items/{item}/sources/{supplier}",
    keys=("plant", "item", "supplier"),
    returns=Source,
    rejects=(NotHeld,),
)
def get_source(erp: Erp, query: SourceKey, now: Instant) -> Outcome:
    """Read whether a plant may buy an item from a supplier."""
    source = erp.sources.get((query.plant, query.item, query.supplier))
    if source is None:
        return Refused(NotHeld(detail=f"{query.supplier} is no source of {query.item} at {query.plant}"))
    return Found(source, ((effect_id("erp.aml.upsert", (query.plant, query.item, query.supplier)), source.issue),))


@operation(
    "erp.xref.upsert",
    rest="PUT /supplier-part-numbers",
    keys=("plant", "item", "supplier"),
    effect=state("plant", "item", "supplier", version="issue"),
    returns=CrossReference,
    rejects=(ItemNotAtPlant, SourceNotApproved),
)
def upsert_cross_reference(erp: Erp, cmd: UpsertCrossReference, now: Instant) -> Outcome:
    """Note what an approved supplier calls an item."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    key = (cmd.plant, cmd.item, cmd.supplier)
    if key not in erp.sources and not _generated(erp, cmd):
        return Refused(SourceNotApproved(detail=f"{cmd.supplier} for {cmd.item} at {cmd.plant}"))
    held = erp.cross_references.get(key)
    reference = CrossReference(*key, cmd.supplier_part, cmd.issue)
    erp.cross_references[key] = reference
    return Committed(reference, stale=held is not None and held.issue > cmd.issue)


@operation(
    "erp.xref.list",
    rest="GET /plants/{plant}/items/{item}/supplier-part-numbers",
    keys=("plant", "item"),
    returns=list[CrossReference],
    rejects=(ItemNotAtPlant,),
)
def list_cross_references(erp: Erp, query: PlantItemKey, now: Instant) -> Outcome:
    """Read what suppliers call an item."""
    if erp.item(query.plant, query.item) is None:
        return Refused(ItemNotAtPlant(items=(query.item,)))
    found = [each for key, each in erp.cross_references.items() if key[:2] == (query.plant, query.item)]
    reveals = ((effect_id("erp.xref.upsert", (each.plant, each.item, each.supplier)), each.issue) for each in found)
    return Found(found, tuple(reveals))


def _generated(erp: Erp, cmd: UpsertCrossReference) -> bool:
    """Whether the data that the run began with approve the supplier."""
    return any((source.item, source.supplier) == (cmd.item, cmd.supplier) for source in erp.dataset.sources)
