"""A new part at every plant that is to use it."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import PartCreated

FIELDS = ("item", "plant", "revision", "made")


def part_at_plants(trigger: PartCreated, row: Row, estate: Estate) -> Iterator[Row]:
    """Part × plant."""
    del row, estate
    for plant in trigger.plants:
        made = "yes" if trigger.made else "no"
        yield {"item": trigger.item, "plant": plant, "revision": trigger.revision, "made": made}
