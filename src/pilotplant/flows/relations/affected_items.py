"""The items that a released change takes to a new revision, once for each plant where it applies."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased

FIELDS = ("change", "plant", "item", "revision", "made", "disposition")


def affected_items(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """Affected item × plant."""
    del row
    for affected in trigger.affected:
        item = estate.dataset.items[affected.item]
        for plant in affected.plants:
            yield {
                "change": trigger.change,
                "plant": plant,
                "item": affected.item,
                "revision": affected.to_revision,
                "made": "yes" if item.made else "no",
                "disposition": affected.disposition,
            }
