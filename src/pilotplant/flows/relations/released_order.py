"""A production order that was released to the shop floor; `starts_at` is when it is to start."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.model.instants import from_iso
from pilotplant.systems.erp.events import ProductionOrderReleased
from pilotplant.systems.estate import Estate

FIELDS = ("order", "plant", "item", "rule", "starts_at")


def released_order(trigger: ProductionOrderReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """The one order."""
    del row, estate
    yield {
        "order": trigger.order,
        "plant": trigger.plant,
        "item": trigger.item,
        "rule": trigger.rule,
        "starts_at": str(from_iso(trigger.start)),
    }
