"""The goods that a warehouse has received: one row for each receipt."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.wms.events import ReceiptConfirmed

FIELDS = ("plant", "receipt", "asn")


def received_goods(trigger: ReceiptConfirmed, row: Row, estate: Estate) -> Iterator[Row]:
    """The receipt."""
    del row, estate
    yield {"plant": trigger.plant, "receipt": trigger.receipt, "asn": trigger.asn}
