"""What takes the place of a superseded item, and who is to make it: whoever that is needs the drawing."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased

FIELDS = ("supplier", "item", "revision")


def successors(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """The new part of a row's superseded item, with the supplier that the change names."""
    del estate
    for replaced in trigger.superseded:
        if row.get("item", replaced.item) == replaced.item:
            yield {"supplier": replaced.supplier, "item": replaced.by, "revision": replaced.by_revision}
