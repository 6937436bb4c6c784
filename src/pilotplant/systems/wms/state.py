"""What a WMS knows: bins and what lies in them, rules for stock of superseded revisions, tasks, receipts, movements."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pilotplant.dataset.bins import RACK_ZONES, Bin, draw_bins, placed
from pilotplant.dataset.records import Dataset
from pilotplant.model.operation import Event

NOTHING = 1e-6
"""Less than this is a matter of rounding."""

Place = tuple[str, str]
"""A bin and a lot."""


class Quant(msgspec.Struct, frozen=True, gc=False):
    """What lies in a bin, of an item and a lot."""

    bin: str
    item: str
    lot: str
    quantity: float


class Rule(msgspec.Struct, frozen=True, gc=False):
    """What becomes of the stock of an item that a change has superseded. `revision` is the one that replaces it."""

    item: str
    revision: str
    disposition: str
    change: str


class Task(msgspec.Struct):
    """Work for a picker. Status: `open`, `done`, `failed`, `cancelled`."""

    task: str
    kind: str
    item: str
    lot: str
    quantity: float
    from_bin: str
    to_bin: str
    status: str = "open"
    reason: str = ""
    movement: str = ""


class ExpectedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Goods that are to come, or have come. `po` is the purchase order that they were ordered with, if it is known."""

    item: str
    quantity: float
    unit: str
    lot: str = ""
    po: str = ""


class Expected(msgspec.Struct):
    """A receipt that is expected against a supplier's announcement. Status: `expected`, `received`."""

    asn: str
    version: int
    supplier: str
    arrives_at: float
    lines: tuple[ExpectedLine, ...]
    status: str = "expected"
    receipt: str = ""
    received: tuple[ExpectedLine, ...] = ()


class Wms:
    """The state of the WMS of one site. Stock that nobody has touched is only referred to."""

    def __init__(self, dataset: Dataset, plant: str) -> None:
        self.dataset = dataset
        self.plant = plant
        self._first: dict[str, tuple[int, int]] = {}
        """Where the quants of an item stand in the data set: they follow each other."""
        for position, quant in enumerate(dataset.stock):
            if quant.plant == plant:
                begins, _ends = self._first.get(quant.item, (position, position))
                self._first[quant.item] = (begins, position + 1)
        every = draw_bins(sum(ends - begins for begins, ends in self._first.values()))
        self.bins: Mapping[str, Bin] = {place.code: place for place in every}
        self._racks = tuple(place for place in every if place.zone in RACK_ZONES)
        self._stock: dict[str, dict[Place, float]] = {}
        """What lies where, of the items that were looked at."""
        self.rules: dict[str, Rule] = {}
        self.tasks: dict[str, Task] = {}
        self.expected: dict[str, Expected] = {}
        self.movements: dict[str, Event] = {}
        """What was reported as moved, by movement number: the source of record for what ERP has to book."""
        self.counts: dict[str, Event] = {}
        self.shipments: dict[str, Event] = {}
        self._numbers: dict[str, int] = {}

    def knows(self, item: str) -> bool:
        """Whether the item is one of this site."""
        return (self.plant, item) in self.dataset.plant_items

    def unit(self, item: str) -> str:
        """The unit in which the site counts an item."""
        return self.dataset.plant_items[self.plant, item].unit

    def in_site_unit(self, item: str, quantity: float, unit: str) -> float | None:
        """A quantity in the site's own unit, or `None` where no conversion is declared."""
        here = self.dataset.plant_items[self.plant, item]
        if unit == here.unit:
            return quantity
        return quantity * here.per_base if unit == self.dataset.items[item].unit else None

    @property
    def items(self) -> list[str]:
        """The items that lie here, or have lain here."""
        return [*self._first, *(item for item in self._stock if item not in self._first)]

    @property
    def racks(self) -> tuple[Bin, ...]:
        """The bins for storing."""
        return self._racks

    def quants(self, item: str) -> Iterator[Quant]:
        """What lies where of an item."""
        for (code, lot), quantity in self._of(item).items():
            if quantity > NOTHING:
                yield Quant(code, item, lot, quantity)

    def quantity(self, code: str, item: str, lot: str) -> float:
        """How much of an item and lot lies in a bin."""
        return self._of(item).get((code, lot), 0.0)

    def put(self, code: str, item: str, lot: str, quantity: float) -> None:
        """Put something into a bin, or take it out."""
        lying = self._of(item)
        lying[code, lot] = round(lying.get((code, lot), 0.0) + quantity, 6)

    def quarantined(self, item: str) -> bool:
        """Whether a rule keeps stock of the item from being used."""
        rule = self.rules.get(item)
        return rule is not None and rule.disposition != "use-up"

    def next_number(self, prefix: str) -> str:
        """The next number of its kind; each site counts for itself, so sites share numbers."""
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self.dataset.mark}{self._numbers[prefix]:07d}"

    def _of(self, item: str) -> dict[Place, float]:
        lying = self._stock.get(item)
        if lying is None:
            lying = self._stock[item] = {}
            begins, ends = self._first.get(item, (0, 0))
            for quant in self.dataset.stock[begins:ends]:
                for code, quantity in placed(self.dataset.seed, quant, self._racks, self.unit(item)):
                    lying[code, quant.lot] = lying.get((code, quant.lot), 0.0) + quantity
        return lying


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Wms:
    """A WMS at the start of a run; it serves exactly one site."""
    del parameters
    if len(plants) != 1:
        raise ValueError(f"a WMS serves one site, got plants={', '.join(plants)}")
    return Wms(dataset, plants[0])
