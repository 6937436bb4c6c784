"""What an ERP knows: items, structures and routings per plant with their validity, production versions, orders,
stock."""

from array import array
from collections.abc import Mapping
from math import inf
from typing import Any

import msgspec

from pilotplant.dataset.records import BomLine, Dataset, PlantItem, ProductionOrder, RoutingStep
from pilotplant.model.short_hash import short_hash
from pilotplant.systems.erp.purchases import PurchaseOrderState, Purchases
from pilotplant.systems.rules import PlantRules


class ErpItem(msgspec.Struct, frozen=True, gc=False):
    """An item as this ERP holds it for a plant. `per_base` of its units are one engineering unit (`base_unit`); the
    smallest lot is in the plant's unit, 0 where none is maintained; `row` counts the changes."""

    plant: str
    item: str
    description: str
    unit: str
    revision: str
    base_unit: str = ""
    per_base: float = 1.0
    lot_size: float = 0.0
    row: int = 1


class ErpBom(msgspec.Struct, frozen=True, gc=False):
    """A structure that may be produced at a plant from a moment on. `version` is the ERP's own number."""

    plant: str
    item: str
    revision: str
    version: str
    change: str
    effective_from: float
    lines: tuple[BomLine, ...]
    effective_to: float = inf


class ErpRouting(msgspec.Struct, frozen=True, gc=False):
    """How an item is made at a plant, in one revision."""

    plant: str
    item: str
    revision: str
    steps: tuple[RoutingStep, ...]


class ProductionVersion(msgspec.Struct, frozen=True, gc=False):
    """Which structure and routing production orders use."""

    plant: str
    item: str
    revision: str
    version: str


class ActivationJob(msgspec.Struct):
    """An activation that was accepted; it ends `done` or `failed`. `doomed`: why it will fail in any case."""

    job: str
    plant: str
    item: str
    revision: str
    version: str
    change: str
    status: str = "queued"
    reason: str = ""
    doomed: str = ""


class StockLine(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A line of a posting, in the plant's own unit."""

    movement: str
    item: str
    lot: str
    quantity: float
    unit: str
    causes: tuple[str, ...] = ()
    """What caused it by the rules of the target, where they say so; several where the line sums up several."""
    status: str = ""
    """What may be done with the stock; empty for anything."""


class StockDocument(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A posting as it was booked."""

    plant: str
    source_document: str
    posting_date: str
    posted_at: float
    lines: tuple[StockLine, ...]


class OrderState(msgspec.Struct):
    """A production order: what others may change, hence its row version, and who has it open."""

    order: ProductionOrder
    quantity: float
    revision: str
    status: str = "created"
    row: int = 1
    locked_until: float = 0.0
    start_at: float = 0.0
    """When it is to start, on the business calendar; 0 where the order was there when the run began."""
    released_at: float = 0.0
    released_revision: str = ""
    """The revision that it was released with."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Why an item must not be produced at a plant."""

    plant: str
    item: str
    reference: str
    reason: str


class Discontinued(msgspec.Struct, frozen=True, gc=False):
    """That stock of what came before a revision is to be used up first."""

    plant: str
    item: str
    reference: str
    revision: str


class Source(msgspec.Struct, frozen=True, gc=False):
    """Who may be bought from at a plant, by which issue of engineering's list."""

    plant: str
    item: str
    supplier: str
    issue: int


class CrossReference(msgspec.Struct, frozen=True, gc=False):
    """What a supplier calls an item."""

    plant: str
    item: str
    supplier: str
    supplier_part: str
    issue: int


class Confirmation(msgspec.Struct):
    """What was reported of a production order: the documents that were booked, and the movements that were not."""

    plant: str
    order: str
    confirmation: str
    documents: tuple[int, ...]
    failed: tuple[str, ...]
    cancelled: bool = False


class Demand(msgspec.Struct, frozen=True, gc=False):
    """Something that a customer or a forecast asks for, in the plant's unit."""

    plant: str
    item: str
    number: str
    quantity: float
    due_at: float


class Documents:
    """Stock documents, packed one behind the other: a million of them must fit. Numbers count from 1."""

    def __init__(self) -> None:
        self._packed = bytearray()
        self._ends = array("Q", (0,))
        self._by_source: dict[int, int | list[int]] = {}
        """By the hash of plant and source document; whoever looks up compares what is found."""
        self._by_cause: dict[int, list[int]] = {}
        self.reversed: set[int] = set()
        self.sourceless = array("Q")
        """The numbers of those that nothing ties to what caused them, or not all of their lines."""
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._decode = msgspec.msgpack.Decoder(StockDocument).decode

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, document: StockDocument) -> int:
        """Keep a document and return its number."""
        self._encode_into(document, self._packed, -1)
        number = len(self._ends)
        self._ends.append(len(self._packed))
        if document.source_document:
            key = short_hash((document.plant, document.source_document))
            known = self._by_source.get(key)
            if known is None:
                self._by_source[key] = number
            elif isinstance(known, list):
                known.append(number)
            else:
                self._by_source[key] = [known, number]
        elif not all(line.causes for line in document.lines):
            self.sourceless.append(number)
        for cause in dict.fromkeys(cause for line in document.lines for cause in line.causes):
            self._by_cause.setdefault(short_hash((document.plant, cause)), []).append(number)
        return number

    def get(self, number: int) -> StockDocument | None:
        """The document with this number."""
        if not 0 < number < len(self._ends):
            return None
        return self._decode(self._packed[self._ends[number - 1] : self._ends[number]])

    def of_cause(self, plant: str, cause: str) -> list[tuple[int, StockDocument]]:
        """The documents that were caused by this: by what they say, or by what the target's rules find in them."""
        numbers = self._by_cause.get(short_hash((plant, cause)))
        if not numbers:
            return self.of_source(plant, cause)
        told = ((number, self.get(number)) for number in numbers)
        found = [(number, document) for number, document in told if document is not None and document.plant == plant]
        return [*found, *(each for each in self.of_source(plant, cause) if each[0] not in numbers)]

    def of_source(self, plant: str, source_document: str) -> list[tuple[int, StockDocument]]:
        """The documents that carry this source document, with their numbers."""
        known = self._by_source.get(short_hash((plant, source_document)), [])
        found = ((number, self.get(number)) for number in (known if isinstance(known, list) else [known]))
        return [
            (number, document)
            for number, document in found
            if document is not None and (document.plant, document.source_document) == (plant, source_document)
        ]


class Erp:
    """The state of an ERP for its plants. The generated data are referred to; what was changed since is overlaid."""

    def __init__(self, dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> None:
        self.dataset = dataset
        self.plants = frozenset(plants)
        self.read_lag_s: float = parameters.read_lag_s
        self.closed_before: float = -parameters.open_period_s
        self.closed_until: dict[str, float] = {}
        """By plant, the business moment up to which posting periods were closed by hand."""
        self.effectivities: tuple[str, ...] = parameters.effectivities
        self.overlap: str = parameters.overlap
        self.gap: str = parameters.gap
        self.use_up: str = parameters.use_up
        self.discontinued: dict[tuple[str, str], Discontinued] = {}
        self.holds_new_items: bool = parameters.hold_new_items
        self.rules: Mapping[str, PlantRules] = {}
        self.holds: dict[tuple[str, str], dict[str, Hold]] = {}
        self.lifted: dict[tuple[str, str, str], Hold] = {}
        self.sources: dict[tuple[str, str, str], Source] = {}
        self.cross_references: dict[tuple[str, str, str], CrossReference] = {}
        self.confirmations: dict[tuple[str, str], Confirmation] = {}
        self.demands: dict[tuple[str, str], Demand] = {}
        self.orders_created = 0
        self.maintained: set[tuple[str, str]] = set()
        """Items at plants whose data a clerk has changed."""
        self.planning_runs: dict[str, int] = {}
        self.items: dict[tuple[str, str], ErpItem] = {}
        self.boms: dict[tuple[str, str], list[ErpBom]] = {}
        self.routings: dict[tuple[str, str, str], ErpRouting] = {}
        self.versions: dict[tuple[str, str], ProductionVersion] = {}
        self.jobs: dict[str, ActivationJob] = {}
        self.pending: dict[tuple[str, str, str], str] = {}
        self.documents = Documents()
        self.purchases = Purchases(dataset, self.plants)
        self.over_delivery_share: float = parameters.over_delivery_share
        self.aside: dict[tuple[str, str, str, str], float] = {}
        """Of what is in stock, how much is in quality inspection or blocked, by plant, item, lot and status."""
        self.balances = {
            (quant.plant, quant.item, quant.lot): quant.quantity
            for quant in dataset.stock
            if quant.plant in self.plants
        }
        self.orders = {
            order.order: OrderState(order, order.quantity, order.revision)
            for order in dataset.production_orders
            if order.plant in self.plants
        }

    def take_rules(self, rules: Mapping[str, PlantRules]) -> None:
        """Take note of what the estate declares of its plants."""
        self.rules = rules

    def tolerated(self, order: PurchaseOrderState) -> float:
        """How much more of a purchase order the plant takes than was ordered."""
        return order.quantity * self.over_delivery_share

    def plant_item(self, plant: str, item: str) -> PlantItem | None:
        """The generated data of an item at a plant: unit, conversion, local number."""
        return self.dataset.plant_items.get((plant, item)) if plant in self.plants else None

    def item(self, plant: str, item: str) -> ErpItem | None:
        """An item at a plant as it is held now."""
        held = self.items.get((plant, item))
        if held is not None:
            return held
        generated = self.plant_item(plant, item)
        if generated is None:
            return None
        known = self.dataset.items[item]
        unit, revision = generated.unit, generated.revision
        return ErpItem(plant, item, known.description, unit, revision, known.unit, generated.per_base)

    def bom(self, plant: str, item: str, revision: str) -> ErpBom | None:
        """The structure of an item at a plant in a revision."""
        for held in reversed(self.boms.get((plant, item), ())):
            if held.revision == revision:
                return held
        generated = self.plant_item(plant, item)
        structure = self.dataset.boms.get((item, revision))
        if generated is None or structure is None or generated.revision != revision:
            return None
        return ErpBom(plant, item, revision, generated.version, "", 0.0, structure.lines)

    def routing(self, plant: str, item: str, revision: str) -> ErpRouting | None:
        """The routing of an item at a plant in a revision."""
        held = self.routings.get((plant, item, revision))
        if held is not None:
            return held
        generated = self.dataset.routings.get((item, revision))
        if generated is None or self.plant_item(plant, item) is None:
            return None
        return ErpRouting(plant, item, revision, generated.steps)

    def version(self, plant: str, item: str) -> ProductionVersion | None:
        """The production version that is active."""
        held = self.versions.get((plant, item))
        if held is not None:
            return held
        generated = self.plant_item(plant, item)
        if generated is None or not self.dataset.items[item].made:
            return None
        return ProductionVersion(plant, item, generated.revision, generated.version)

    def ever_active(self, plant: str, item: str, revision: str) -> bool:
        """Whether a revision was ever produced at a plant; one whose activation failed was not."""
        generated = self.plant_item(plant, item)
        if generated is not None and generated.revision == revision:
            return True
        named = (plant, item, revision, "done")
        return any((job.plant, job.item, job.revision, job.status) == named for job in self.jobs.values())

    def next_version(self, plant: str, item: str) -> str:
        """The number that the ERP gives to the next structure of an item."""
        held = self.boms.get((plant, item))
        if held:
            return f"{max(int(bom.version) for bom in held) + 1:04d}"
        generated = self.plant_item(plant, item)
        return f"{int(generated.version) + 1:04d}" if generated else "0001"

    def in_plant_unit(self, plant: str, item: str, quantity: float, unit: str) -> float | None:
        """A quantity in the plant's own unit, or `None` where no conversion is declared."""
        held = self.items.get((plant, item))
        if held is not None:
            own, base, per_base = held.unit, held.base_unit, held.per_base
        else:
            generated = self.plant_item(plant, item)
            if generated is None:
                return None
            own, base, per_base = generated.unit, self.dataset.items[item].unit, generated.per_base
        if unit == own:
            return quantity
        return quantity * per_base if unit == base else None


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Erp:
    """An ERP at the start of a run."""
    return Erp(dataset, plants, parameters)
