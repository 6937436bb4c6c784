"""Open purchase orders for what a change phases out: as the ERP of the plant has them when the change is released.

Asked for all of a change, these are all of them; asked for an item that it affects, those for what that item no longer
uses.
"""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased

FIELDS = ("change", "plant", "po", "item", "by", "by_revision", "new_supplier")


def open_pos_of_superseded(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """Superseded item × plant × open purchase order."""
    for replaced in trigger.superseded:
        if row.get("item") and not _used(trigger, row["item"], replaced.item, estate):
            continue
        for plant in replaced.plants:
            erp = estate.serving("erp", plant)
            if erp is None or row.get("plant", plant) != plant:
                continue
            for order in erp.state.purchases.orders.values():
                if (order.plant, order.item) == (plant, replaced.item) and order.left > 0:
                    yield {
                        "change": trigger.change,
                        "plant": plant,
                        "po": order.po,
                        "item": order.item,
                        "by": replaced.by,
                        "by_revision": replaced.by_revision,
                        "new_supplier": replaced.supplier,
                    }


def _used(trigger: ChangeReleased, item: str, component: str, estate: Estate) -> bool:
    before = next((affected.from_revision for affected in trigger.affected if affected.item == item), "")
    bom = estate.systems["plm"].state.bom(item, before)
    return bom is not None and any(line.component == component for line in bom.lines)
