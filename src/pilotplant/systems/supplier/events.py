"""What suppliers tell the world."""

from pilotplant.model.operation import Event, event, fact, state
from pilotplant.systems.supplier.state import AsnLine


@event("supplier.po.acknowledged", keys=("po", "change"), effect=fact("po", "change"))
class PurchaseOrderAcknowledged(Event, frozen=True, kw_only=True, gc=False):
    """A supplier accepts a change, wholly or in part: `quantity` is what it will have delivered of the order in all."""

    plant: str
    po: str
    change: str
    supplier: str
    answer: str
    quantity: float
    unit: str


@event("supplier.po.rejected", keys=("po", "change"), effect=fact("po", "change"))
class PurchaseOrderRejected(Event, frozen=True, kw_only=True, gc=False):
    """A supplier does not accept a change: it will deliver what was ordered. Somebody has to talk to it."""

    plant: str
    po: str
    change: str
    supplier: str
    reason: str


@event("supplier.asn.sent", keys=("plant", "asn"), effect=state("plant", "asn", version="version"))
class AsnSent(Event, frozen=True, kw_only=True, gc=False):
    """Goods are announced. The same may be announced again; a higher version replaces the announcement before."""

    plant: str
    asn: str
    version: int
    supplier: str
    shipped_at: str
    arrives_at: str
    lines: tuple[AsnLine, ...]
