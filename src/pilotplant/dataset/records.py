"""What an enterprise's master data consist of. Plain frozen structs; systems refer to them and never change them.

All moments are business seconds relative to the start of the run (negative: in the past), so that one seed gives the
same data whatever the date. Quantities in a plant's stock and orders are in that plant's own unit.
"""

from collections.abc import Mapping

import msgspec


class Plant(msgspec.Struct, frozen=True, gc=False):
    """A site: `DE01` in Europe/Berlin, with the way it writes numbers in files."""

    code: str
    name: str
    time_zone: str
    currency: str
    decimal_comma: bool = False


class Item(msgspec.Struct, frozen=True, gc=False):
    """An item as engineering defines it. `tracking` is `none`, `lot` or `serial`; `level` 0 is bought or raw."""

    number: str
    description: str
    unit: str
    level: int
    revision: str
    tracking: str
    plants: tuple[str, ...]
    made: bool


class BomLine(msgspec.Struct, frozen=True, gc=False):
    """A component of a structure: quantity per one unit of the parent, in the component's engineering unit."""

    component: str
    quantity: float
    unit: str


class Bom(msgspec.Struct, frozen=True, gc=False):
    """The structure of an item in one revision."""

    item: str
    revision: str
    lines: tuple[BomLine, ...]


class RoutingStep(msgspec.Struct, frozen=True, gc=False):
    """An operation of a routing: where, and how long in business seconds."""

    number: int
    work_centre: str
    text: str
    setup_s: float
    cycle_s: float


class Routing(msgspec.Struct, frozen=True, gc=False):
    """How an item in one revision is made."""

    item: str
    revision: str
    steps: tuple[RoutingStep, ...]


class PlantItem(msgspec.Struct, frozen=True, gc=False):
    """An item at a plant: its local unit (`per_base` local units are one engineering unit), local number and version.

    `version` is the plant ERP's own number for what engineering calls `revision`: `0003` against `C`.
    """

    plant: str
    item: str
    unit: str
    per_base: float
    local_number: str
    version: str
    revision: str


class WorkCentre(msgspec.Struct, frozen=True, gc=False):
    """A place where routing steps are done. Codes are shared by plants; whether one is active is not."""

    plant: str
    code: str
    capacity: int
    active: bool


class Supplier(msgspec.Struct, frozen=True, gc=False):
    """A company that parts are bought from."""

    code: str
    name: str
    country: str
    city: str


class ApprovedSource(msgspec.Struct, frozen=True, gc=False):
    """An entry of the approved manufacturer list, with the supplier's own part number."""

    item: str
    supplier: str
    supplier_part: str


class StockQuant(msgspec.Struct, frozen=True, gc=False):
    """Stock of an item at a plant. `lot` is the lot, the serial number of one piece, or empty."""

    plant: str
    item: str
    lot: str
    quantity: float


class ProductionOrder(msgspec.Struct, frozen=True, gc=False):
    """An open order. `remaining_s` is how long the MES still needs from the start of the run, if it was dispatched."""

    plant: str
    order: str
    item: str
    revision: str
    quantity: float
    start_s: float
    dispatched: bool
    remaining_s: float


class PurchaseOrder(msgspec.Struct, frozen=True, gc=False):
    """An open purchase order with one line per item."""

    plant: str
    order: str
    supplier: str
    item: str
    quantity: float
    received: float
    due_s: float


class Dataset(msgspec.Struct, frozen=True):
    """Everything, indexed the way systems look it up."""

    seed: int
    plants: Mapping[str, Plant]
    items: Mapping[str, Item]
    boms: Mapping[tuple[str, str], Bom]
    routings: Mapping[tuple[str, str], Routing]
    plant_items: Mapping[tuple[str, str], PlantItem]
    work_centres: Mapping[tuple[str, str], WorkCentre]
    suppliers: Mapping[str, Supplier]
    sources: tuple[ApprovedSource, ...]
    stock: tuple[StockQuant, ...]
    production_orders: tuple[ProductionOrder, ...]
    purchase_orders: tuple[PurchaseOrder, ...]
    mark: str = ""
    """What numbers of this run carry whose target may remember earlier runs: `R1A2B3C-`, or nothing."""
