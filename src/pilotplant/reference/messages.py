"""What travels: events that arrive, answers that are read, bodies that are sent.

Only fields that this middleware needs are declared of what it reads; systems may add others at any time.
"""

from typing import Literal

import msgspec

# --- Events --------------------------------------------------------------------------------------------------------


class CloudEvent(msgspec.Struct, frozen=True):
    """The envelope. What is in `data` depends on `type`."""

    id: str
    source: str
    type: str
    data: msgspec.Raw
    subject: str = ""
    time: str = ""
    traceparent: str = ""


class Effectivity(msgspec.Struct, frozen=True):
    """From when a change applies: `immediate`, or `date` with a moment."""

    kind: str
    at: str


class Affected(msgspec.Struct, frozen=True):
    """An item that a change takes to a new revision, at these plants."""

    item: str
    to_revision: str
    plants: tuple[str, ...]
    disposition: str = ""


class ChangeReleased(msgspec.Struct, frozen=True):
    """`plm.change.released`."""

    change: str
    priority: str
    effectivity: Effectivity
    affected: tuple[Affected, ...]
    kind: str = "engineering"
    gate: str = ""
    wip: str = "keep"


class FoundChange(msgspec.Struct, frozen=True):
    """A change as PLM lists it."""

    change: str
    priority: str
    status: str
    effectivity: str
    effective_at: str
    affected: tuple[Affected, ...]
    kind: str = "engineering"
    gate: str = ""
    wip: str = "keep"


class ChangePage(msgspec.Struct, frozen=True):
    """A page of PLM's changes."""

    items: tuple[FoundChange, ...]
    next: str
    as_of: str = ""


class ChangeCancelled(msgspec.Struct, frozen=True):
    """`plm.change.cancelled`."""

    change: str


class VersionOutcome(msgspec.Struct, frozen=True):
    """`erp.version.activated`, and with a reason `erp.version.rejected`."""

    plant: str
    item: str
    revision: str
    job: str
    reason: str = ""


class Consumption(msgspec.Struct, frozen=True):
    """What was used of a component."""

    item: str
    lot: str
    quantity: float
    unit: str


class OrderCompleted(msgspec.Struct, frozen=True):
    """`mes.order.completed`."""

    plant: str
    confirmation: str
    item: str
    lot: str
    good: float
    scrap: float
    unit: str
    posting_date: str
    consumption: tuple[Consumption, ...]


class PartCreated(msgspec.Struct, frozen=True):
    """`plm.part.created`."""

    item: str
    plants: tuple[str, ...]


class ItemChanged(msgspec.Struct, frozen=True):
    """`erp.item.changed`: an item of a plant as its ERP has it now. `row` counts the changes."""

    plant: str
    item: str
    row: int
    description: str
    unit: str
    base_unit: str
    per_base: float
    lot_size: float


class OrderReleased(msgspec.Struct, frozen=True):
    """`erp.production_order.released`."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    start: str
    rule: str


class StockMoved(msgspec.Struct, frozen=True):
    """`wms.stock.moved`."""

    plant: str
    movement: str
    item: str
    lot: str
    quantity: float
    unit: str
    from_status: str
    to_status: str
    posting_date: str


class CountAdjusted(msgspec.Struct, frozen=True):
    """`wms.count.adjusted`."""

    plant: str
    count: str
    item: str
    lot: str
    difference: float
    unit: str
    status: str
    posting_date: str


class ExceptionResolved(msgspec.Struct, frozen=True):
    """`desk.exception.resolved`."""

    flow: str
    plant: str
    subject: str
    resolution: str


# --- Definitions, as PLM gives them and ERP and MES take them ------------------------------------------------------


class BomLine(msgspec.Struct, frozen=True):
    """A component: quantity per one of the parent."""

    component: str
    quantity: float
    unit: str


class RoutingStep(msgspec.Struct, frozen=True):
    """An operation of a routing."""

    number: int
    work_centre: str
    text: str
    setup_s: float
    cycle_s: float


class PlmItem(msgspec.Struct, frozen=True):
    """An item in PLM."""

    item: str
    description: str
    unit: str
    revision: str
    made: bool = False
    tracking: str = "none"
    lot_size: float = 0.0


class PlmSource(msgspec.Struct, frozen=True):
    """An approved manufacturer in PLM."""

    supplier: str
    supplier_part: str
    issue: int
    approved: bool


class PlmSources(msgspec.Struct, frozen=True):
    """The approved manufacturers of an item."""

    items: tuple[PlmSource, ...]


class ValidRevision(msgspec.Struct, frozen=True):
    """The revision that is to be built on a day, as PLM has it."""

    revision: str


class PlmBom(msgspec.Struct, frozen=True):
    """A structure in PLM."""

    lines: tuple[BomLine, ...]


class PlmRouting(msgspec.Struct, frozen=True):
    """A routing in PLM."""

    steps: tuple[RoutingStep, ...]


class ErpItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item at a plant: what ERP holds, and what it is sent. What is left out stays as it is."""

    plant: str
    item: str
    description: str
    unit: str
    revision: str
    base_unit: str = ""
    lot_size: float | None = None


class PlantUnit(msgspec.Struct, frozen=True):
    """What a plant calls a unit of engineering, and how many of those are one."""

    base_unit: str
    unit: str
    per_base: float


class Plant(msgspec.Struct, frozen=True):
    """What ERP says of a plant."""

    units: tuple[PlantUnit, ...]
    use_up: str = "none"


class Source(msgspec.Struct, frozen=True):
    """An approved source for ERP."""

    plant: str
    item: str
    supplier: str
    issue: int


class SupplierPart(msgspec.Struct, frozen=True):
    """What a supplier calls an item, for ERP."""

    plant: str
    item: str
    supplier: str
    supplier_part: str
    issue: int


class ReleaseHold(msgspec.Struct, frozen=True):
    """The release of an item for production."""

    plant: str
    item: str
    reference: str


class Discontinue(msgspec.Struct, frozen=True):
    """That stock before a revision is used up first."""

    plant: str
    item: str
    reference: str
    revision: str


class Hold(msgspec.Struct, frozen=True):
    """A hold in ERP."""

    reference: str


class Holds(msgspec.Struct, frozen=True):
    """What holds an item at a plant."""

    items: tuple[Hold, ...]


class ShopItem(msgspec.Struct, frozen=True):
    """An item for the shop floor."""

    plant: str
    item: str
    row: int
    description: str
    unit: str
    lot_size: float


class Dispatch(msgspec.Struct, frozen=True):
    """An order for the shop floor."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    start: str
    rule: str


class Executable(msgspec.Struct, frozen=True):
    """The revision that the shop floor can make."""

    revision: str


class ReleaseBom(msgspec.Struct, frozen=True):
    """A structure for ERP."""

    plant: str
    item: str
    revision: str
    effective_from: str
    lines: tuple[BomLine, ...]
    change: str


class BomReleased(msgspec.Struct, frozen=True):
    """ERP's own number for a structure."""

    version: str


class UpsertRouting(msgspec.Struct, frozen=True):
    """A routing for ERP."""

    plant: str
    item: str
    revision: str
    steps: tuple[RoutingStep, ...]


class ActivateVersion(msgspec.Struct, frozen=True):
    """The wish that a revision be the one to produce."""

    plant: str
    item: str
    revision: str
    change: str


class Job(msgspec.Struct, frozen=True):
    """How far ERP is with an activation."""

    job: str
    status: str
    reason: str = ""


class PublishRouting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Work instructions for MES."""

    plant: str
    item: str
    revision: str
    steps: tuple[RoutingStep, ...]
    stage: Literal["staged", "executable"]
    version: str
    wip: str = "keep"


class ShopItemHeld(msgspec.Struct, frozen=True):
    """What MES knows of an item."""

    row: int


class ExecutableInstructions(msgspec.Struct, frozen=True):
    """What MES executes."""

    revision: str


# --- Stock ---------------------------------------------------------------------------------------------------------


class StockLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A movement. Whatever is not simply free to use says so."""

    movement: Literal["receipt", "issue", "scrap", "transfer", "surplus", "shortage"]
    item: str
    quantity: float
    unit: str
    lot: str
    status: str = "unrestricted"
    to_status: str = ""


class PostStock(msgspec.Struct, frozen=True):
    """A stock document for ERP."""

    plant: str
    posting_date: str
    lines: tuple[StockLine, ...]
    source_document: str


class StockDocument(msgspec.Struct, frozen=True):
    """A stock document that ERP has booked."""

    document: str
    reversed: bool = False


class StockDocuments(msgspec.Struct, frozen=True):
    """What a look-up found."""

    items: tuple[StockDocument, ...]


# --- Warehouses ----------------------------------------------------------------------------------------------------


class SetDisposition(msgspec.Struct, frozen=True):
    """What becomes of the stock of older revisions, for a WMS."""

    plant: str
    item: str
    revision: str
    disposition: str
    change: str


# --- Telling people ------------------------------------------------------------------------------------------------

Owner = Literal["engineering", "planning", "procurement", "plant-it"]


class RaiseException(msgspec.Struct, frozen=True):
    """What a person has to see to."""

    flow: str
    subject: str
    plant: str
    owner: Owner
    reason: str
    text: str


class ReportResult(msgspec.Struct, frozen=True):
    """What ERP made of a change, for PLM."""

    plant: str
    system: str
    status: Literal["accepted", "rejected"]
    text: str
