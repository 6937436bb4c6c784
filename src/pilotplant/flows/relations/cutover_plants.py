"""The plant that a cutover is begun for."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.legacy.events import CutoverBegun

FIELDS = ("cutover", "plant")


def cutover_plants(trigger: CutoverBegun, row: Row, estate: Estate) -> Iterator[Row]:
    """One row: each plant is told of by itself."""
    del row, estate
    yield {"cutover": trigger.cutover, "plant": trigger.plant}
