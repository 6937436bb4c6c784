"""The items that a released change takes to a new revision, once for each plant where it applies."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased
from pilotplant.systems.plm.state import Plm

FIELDS = ("change", "plant", "item", "revision", "made", "disposition", "use_up", "kind", "gate", "reference")


def affected_items(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """Affected item × plant. `use_up` is how the plant's ERP uses up stock; `kind` is `engineering` or `launch`;
    `reference` names the change to those who only know numbers of what caused something."""
    del row
    plm: Plm = estate.systems["plm"].state
    for affected in trigger.affected:
        item = plm.item(affected.item)
        for plant in affected.plants:
            yield {
                "change": trigger.change,
                "plant": plant,
                "item": affected.item,
                "revision": affected.to_revision,
                "made": "yes" if item is not None and item.made else "no",
                "disposition": affected.disposition,
                "use_up": _use_up(estate, plant),
                "kind": trigger.kind,
                "gate": trigger.gate,
                "reference": trigger.change,
            }


def _use_up(estate: Estate, plant: str) -> str:
    erp = estate.serving("erp", plant)
    return str(erp.state.use_up) if erp else "none"
