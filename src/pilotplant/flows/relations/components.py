"""Items that the affected item's new structure uses and that the same change affects at the same plant."""

from collections.abc import Iterator

from pilotplant.flows.relations.affected_items import FIELDS as FIELDS
from pilotplant.flows.relations.affected_items import affected_items
from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased
from pilotplant.systems.plm.state import Plm


def components(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """Affected items one level below the row's item."""
    plm: Plm = estate.systems["plm"].state
    bom = plm.bom(row["item"], row["revision"])
    used = {line.component for line in bom.lines} if bom else set()
    for other in affected_items(trigger, row, estate):
        if other["plant"] == row["plant"] and other["item"] in used:
            yield other
