"""What an ERP has to book of a warehouse's movement or count: one posting, or nothing where stock only changed bins."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.wms.events import CountAdjusted, StockMoved

FIELDS = ("plant", "source_document", "item", "lot", "movement")


def stock_movements(trigger: StockMoved | CountAdjusted, row: Row, estate: Estate) -> Iterator[Row]:
    """A transfer, a surplus, a shortage, or nothing."""
    del row, estate
    common = {"plant": trigger.plant, "item": trigger.item, "lot": trigger.lot}
    if isinstance(trigger, CountAdjusted):
        movement = "surplus" if trigger.difference > 0 else "shortage"
        yield {**common, "source_document": trigger.count, "movement": movement}
    elif trigger.from_status != trigger.to_status:
        yield {**common, "source_document": trigger.movement, "movement": "transfer"}
