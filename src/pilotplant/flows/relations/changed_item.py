"""An item whose data at a plant were changed in the ERP; `row` counts the changes."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.erp.events import ItemChanged
from pilotplant.systems.estate import Estate

FIELDS = ("item", "plant", "row")


def changed_item(trigger: ItemChanged, row: Row, estate: Estate) -> Iterator[Row]:
    """The one item at the one plant."""
    del row, estate
    yield {"item": trigger.item, "plant": trigger.plant, "row": str(trigger.row)}
