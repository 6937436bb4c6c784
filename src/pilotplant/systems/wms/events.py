"""What a WMS tells the world."""

import msgspec

from pilotplant.model.operation import Event, event, fact


@event("wms.stock.moved", keys=("plant", "movement"), effect=fact("plant", "movement"))
class StockMoved(Event, frozen=True, kw_only=True, gc=False):
    """Stock was moved. `kind` is `internal` from bin to bin, which concerns nobody else, or `transfer` where what may
    be done with the stock has changed: that has to be booked."""

    plant: str
    movement: str
    kind: str
    item: str
    lot: str
    quantity: float
    unit: str
    from_bin: str
    to_bin: str
    from_status: str
    to_status: str
    task: str
    moved_at: str
    posting_date: str


@event("wms.count.adjusted", keys=("plant", "count"), effect=fact("plant", "count"))
class CountAdjusted(Event, frozen=True, kw_only=True, gc=False):
    """A count found more or less than was known. `difference` is what was counted less what was expected."""

    plant: str
    count: str
    bin: str
    item: str
    lot: str
    expected: float
    counted: float
    difference: float
    unit: str
    status: str
    counted_at: str
    posting_date: str


class ReceivedLine(msgspec.Struct, frozen=True, gc=False):
    """Goods of one line of a receipt: what came, and what was to come."""

    item: str
    lot: str
    po: str
    quantity: float
    expected: float
    unit: str
    bin: str


@event("wms.receipt.confirmed", keys=("plant", "receipt"), effect=fact("plant", "receipt"))
class ReceiptConfirmed(Event, frozen=True, kw_only=True, gc=False):
    """Goods were received and counted."""

    plant: str
    receipt: str
    asn: str
    version: int
    supplier: str
    lines: tuple[ReceivedLine, ...]
    received_at: str
    posting_date: str


class ShippedLine(msgspec.Struct, frozen=True, gc=False):
    """Goods of one line of a shipment."""

    item: str
    lot: str
    quantity: float
    unit: str


@event("wms.shipment.confirmed", keys=("plant", "shipment"), effect=fact("plant", "shipment"))
class ShipmentConfirmed(Event, frozen=True, kw_only=True, gc=False):
    """Goods have left the site."""

    plant: str
    shipment: str
    lines: tuple[ShippedLine, ...]
    shipped_at: str
    posting_date: str
