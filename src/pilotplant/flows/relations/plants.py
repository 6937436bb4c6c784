"""The same change at every plant where it applies: what a gate waits for that opens for all plants together."""

from collections.abc import Iterator

from pilotplant.flows.relations.affected_items import FIELDS as FIELDS
from pilotplant.flows.relations.affected_items import affected_items
from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased


def plants(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """All affected items at all plants, those of the row's own plant included."""
    yield from affected_items(trigger, row, estate)
