"""What travels in purchasing: what PLM and suppliers state, and what ERP and suppliers are sent.

Only fields that this middleware needs are declared of what it reads; systems may add others at any time.
"""

import msgspec

# --- Events --------------------------------------------------------------------------------------------------------


class Superseded(msgspec.Struct, frozen=True):
    """A bought item that a change phases out, and what takes its place."""

    item: str
    by: str
    by_revision: str
    supplier: str
    plants: tuple[str, ...]


class ChangeReleased(msgspec.Struct, frozen=True):
    """`plm.change.released`, as far as it is about bought items."""

    change: str
    superseded: tuple[Superseded, ...] = ()


class Acknowledged(msgspec.Struct, frozen=True):
    """`supplier.po.acknowledged`: what a supplier will have delivered of an order in all."""

    plant: str
    po: str
    change: str
    quantity: float


class Rejected(msgspec.Struct, frozen=True):
    """`supplier.po.rejected`."""

    plant: str
    po: str
    change: str
    reason: str


class AsnLine(msgspec.Struct, frozen=True):
    """Goods of one order."""

    po: str
    item: str
    lot: str
    quantity: float
    unit: str


class AsnSent(msgspec.Struct, frozen=True):
    """`supplier.asn.sent`."""

    plant: str
    asn: str
    version: int
    supplier: str
    arrives_at: str
    lines: tuple[AsnLine, ...]


class ReceivedLine(msgspec.Struct, frozen=True):
    """What came of a line."""

    po: str
    item: str
    lot: str
    quantity: float
    unit: str


class ReceiptConfirmed(msgspec.Struct, frozen=True):
    """`wms.receipt.confirmed`."""

    plant: str
    receipt: str
    asn: str
    lines: tuple[ReceivedLine, ...]
    posting_date: str


# --- ERP -----------------------------------------------------------------------------------------------------------


class InboundLine(msgspec.Struct, frozen=True):
    """Goods of one order, for ERP."""

    po: str
    item: str
    quantity: float
    unit: str
    lot: str


class Delivery(msgspec.Struct, frozen=True):
    """Goods that are to come, for ERP."""

    plant: str
    asn: str
    version: int
    supplier: str
    arrives_at: str
    lines: tuple[InboundLine, ...]


class PostReceipt(msgspec.Struct, frozen=True):
    """Goods that were received, for ERP."""

    plant: str
    receipt: str
    posting_date: str
    asn: str
    lines: tuple[InboundLine, ...]


class HeldReceipt(msgspec.Struct, frozen=True):
    """A goods receipt that ERP has booked."""

    reversed: bool = False


class HeldReceipts(msgspec.Struct, frozen=True):
    """What a look-up found."""

    items: tuple[HeldReceipt, ...]


class HeldDelivery(msgspec.Struct, frozen=True):
    """An inbound delivery as ERP holds it."""

    version: int
    status: str


class HeldDeliveries(msgspec.Struct, frozen=True):
    """What a look-up found."""

    items: tuple[HeldDelivery, ...]


class PurchaseOrder(msgspec.Struct, frozen=True):
    """A purchase order as ERP holds it."""

    po: str
    quantity: float
    received: float
    status: str
    row: int


class PurchaseOrders(msgspec.Struct, frozen=True):
    """A page of them."""

    items: tuple[PurchaseOrder, ...]
    next: str


class ChangeOrder(msgspec.Struct, frozen=True):
    """How much is to be ordered."""

    quantity: float
    change: str


class CancelOrder(msgspec.Struct, frozen=True):
    """On whose account an order is cancelled."""

    change: str


# --- WMS -----------------------------------------------------------------------------------------------------------


class ExpectedLine(msgspec.Struct, frozen=True):
    """Goods of one order, for the warehouse."""

    item: str
    lot: str
    po: str
    quantity: float
    unit: str


class ExpectReceipt(msgspec.Struct, frozen=True):
    """Goods that are to come, for the warehouse."""

    plant: str
    asn: str
    version: int
    supplier: str
    arrives_at: str
    lines: tuple[ExpectedLine, ...]


class HeldExpectation(msgspec.Struct, frozen=True):
    """What the warehouse expects, or has received."""

    version: int


# --- Suppliers -------------------------------------------------------------------------------------------------------


class Notice(msgspec.Struct, frozen=True):
    """What a supplier is told of a change."""

    po: str
    change: str
    item: str
    superseded_by: str


class Drawing(msgspec.Struct, frozen=True):
    """A drawing for a supplier."""

    supplier: str
    item: str
    revision: str
