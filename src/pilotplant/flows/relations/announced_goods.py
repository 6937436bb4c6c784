"""The goods that a supplier announces: one row for each announcement, and whether it corrects an earlier one."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.supplier.events import AsnSent

FIELDS = ("plant", "asn", "version", "corrected", "supplier")


def announced_goods(trigger: AsnSent, row: Row, estate: Estate) -> Iterator[Row]:
    """The announcement."""
    del row, estate
    yield {
        "plant": trigger.plant,
        "asn": trigger.asn,
        "version": str(trigger.version),
        "corrected": "yes" if trigger.version > 1 else "no",
        "supplier": trigger.supplier,
    }
