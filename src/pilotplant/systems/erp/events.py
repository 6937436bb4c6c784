"""What an ERP tells the world."""

from pilotplant.model.operation import Event, event, fact, state


@event("erp.item.changed", keys=("plant", "item"), effect=state("plant", "item", version="revision"))
class ItemChanged(Event, frozen=True, kw_only=True, gc=False):
    """An item's data at a plant were changed: as they are now. `row` counts the changes; `per_base` of the plant's
    units are one `base_unit`, and the smallest lot is in the plant's unit (0: none is maintained)."""

    plant: str
    item: str
    revision: str
    row: int
    description: str
    unit: str
    base_unit: str
    per_base: float
    lot_size: float


@event(
    "erp.version.activated",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
)
class VersionActivated(Event, frozen=True, kw_only=True, gc=False):
    """A production version is active: from now on orders are made to it."""

    plant: str
    item: str
    revision: str
    version: str
    change: str
    job: str


@event(
    "erp.version.rejected",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
)
class VersionRejected(Event, frozen=True, kw_only=True, gc=False):
    """An activation failed for good; a person has to mend the cause."""

    plant: str
    item: str
    revision: str
    version: str
    change: str
    job: str
    reason: str


@event("erp.stock.posted", keys=("plant", "document"), effect=fact("plant", "document"))
class StockPosted(Event, frozen=True, kw_only=True, gc=False):
    """A stock document was booked."""

    plant: str
    document: str
    source_document: str


@event(
    "erp.production_order.changed",
    keys=("plant", "order"),
    effect=state("plant", "order", version="row"),
)
class ProductionOrderChanged(Event, frozen=True, kw_only=True, gc=False):
    """A production order was changed."""

    plant: str
    order: str
    row: int


@event("erp.production_order.released", keys=("plant", "order"), effect=fact("plant", "order"))
class ProductionOrderReleased(Event, frozen=True, kw_only=True, gc=False):
    """A production order is to be made from its start on. `rule` says by which revision: that of the day on which it
    starts (`start-date`), or the one that it was released with (`snapshot`, `run-out`)."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    unit: str
    start: str
    rule: str


@event("erp.po.changed", keys=("plant", "po"), effect=state("plant", "po", version="row"))
class PurchaseOrderChanged(Event, frozen=True, kw_only=True, gc=False):
    """A purchase order was changed or cancelled, or goods of it were received."""

    plant: str
    po: str
    row: int
    quantity: float
    received: float
    status: str
