"""What an ERP knows of purchasing: orders, what is announced for them, and what was received."""

from collections.abc import Iterator

import msgspec

from pilotplant.dataset.records import Dataset
from pilotplant.systems.erp.events import PurchaseOrderChanged


class PurchaseOrderState(msgspec.Struct):
    """A purchase order. Status: `open` or `cancelled`. Quantities are in the plant's unit."""

    po: str
    plant: str
    supplier: str
    item: str
    unit: str
    quantity: float
    received: float
    due_s: float
    status: str = "open"
    row: int = 1
    changes: dict[str, float] = {}
    """By the change that asked for it, the quantity that the order was given."""

    def changed(self) -> PurchaseOrderChanged:
        """Something about it is different now: it has another row, and the world is told."""
        self.row += 1
        return PurchaseOrderChanged(
            plant=self.plant,
            po=self.po,
            row=self.row,
            quantity=self.quantity,
            received=self.received,
            status=self.status,
        )

    @property
    def left(self) -> float:
        """What is still to be received."""
        return round(self.quantity - self.received, 6) if self.status == "open" else 0.0


class DeliveryLine(msgspec.Struct, frozen=True, gc=False):
    """Goods of one order that are announced or received, in the plant's unit."""

    po: str
    item: str
    lot: str
    quantity: float
    unit: str


class InboundDelivery(msgspec.Struct):
    """Goods that are announced. Status: `announced`, `received` or `cancelled`."""

    delivery: str
    plant: str
    asn: str
    version: int
    supplier: str
    arrives_at: str
    lines: tuple[DeliveryLine, ...]
    created_at: float
    status: str = "announced"


class GoodsReceipt(msgspec.Struct):
    """Goods that were received, under the number that the warehouse gave to the receipt."""

    document: str
    plant: str
    receipt: str
    asn: str
    posting_date: str
    posted_at: float
    lines: tuple[DeliveryLine, ...]
    reversed: bool = False


class Purchases:
    """The purchasing documents of an ERP."""

    def __init__(self, dataset: Dataset, plants: frozenset[str]) -> None:
        self.orders = {
            order.order: PurchaseOrderState(
                po=order.order,
                plant=order.plant,
                supplier=order.supplier,
                item=order.item,
                unit=dataset.plant_items[order.plant, order.item].unit,
                quantity=order.quantity,
                received=order.received,
                due_s=order.due_s,
            )
            for order in dataset.purchase_orders
            if order.plant in plants
        }
        self.deliveries: dict[str, InboundDelivery] = {}
        self.receipts: dict[str, GoodsReceipt] = {}
        self._by_asn: dict[tuple[str, str], list[str]] = {}
        self._by_receipt: dict[tuple[str, str], list[str]] = {}

    def announce(self, delivery: InboundDelivery) -> None:
        """Keep an inbound delivery."""
        self.deliveries[delivery.delivery] = delivery
        self._by_asn.setdefault((delivery.plant, delivery.asn), []).append(delivery.delivery)

    def receive(self, receipt: GoodsReceipt) -> None:
        """Keep a goods receipt."""
        self.receipts[receipt.document] = receipt
        self._by_receipt.setdefault((receipt.plant, receipt.receipt), []).append(receipt.document)

    def announced(self, plant: str, asn: str) -> list[InboundDelivery]:
        """The inbound deliveries that stand for an announcement, in the order in which they were made."""
        found = (self.deliveries[number] for number in self._by_asn.get((plant, asn), ()))
        return [delivery for delivery in found if delivery.status != "cancelled"]

    def all_announced(self, plant: str, asn: str) -> list[InboundDelivery]:
        """Those that were cancelled as well."""
        return [self.deliveries[number] for number in self._by_asn.get((plant, asn), ())]

    def received(self, plant: str, receipt: str) -> list[GoodsReceipt]:
        """The documents under which a receipt of the warehouse was booked, reversed ones too."""
        return [self.receipts[number] for number in self._by_receipt.get((plant, receipt), ())]

    def under_way(self, po: str) -> float:
        """How much of an order is announced and not received yet."""
        return round(sum(line.quantity for line in self._announced_lines() if line.po == po), 6)

    def _announced_lines(self) -> Iterator[DeliveryLine]:
        for delivery in self.deliveries.values():
            if delivery.status == "announced":
                yield from delivery.lines
