"""The goods movements that a finished order stands for: a receipt, an issue per consumed lot, a scrap posting."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.mes.events import OrderCompleted

FIELDS = ("plant", "confirmation", "source_document", "item", "lot", "movement")


def movements(trigger: OrderCompleted, row: Row, estate: Estate) -> Iterator[Row]:
    """Receipt, issues, scrap."""
    del row, estate
    common = {"plant": trigger.plant, "confirmation": trigger.confirmation, "source_document": trigger.confirmation}
    made = {"item": trigger.item, "lot": trigger.lot}
    if trigger.good > 0:
        yield {**common, **made, "movement": "receipt"}
    if trigger.scrap > 0:
        yield {**common, **made, "movement": "scrap"}
    for used in trigger.consumption:
        yield {**common, "item": used.item, "lot": used.lot, "movement": "issue"}
