"""Refuses an event with a field that it does not know: validation was generated from the schema of the day."""

from dataclasses import replace
from typing import TypeVar

import msgspec

from pilotplant.reference.events import Events
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts

NUMBER = 48
NAME = "schema drift"
CHECK = "data"
SCENARIO = "poison-message"

T = TypeVar("T")
OF_THE_DAY = {
    "plm.change.released": {"change", "title", "priority", "effectivity", "affected"},
    "plm.change.cancelled": {"change", "reason"},
    "mes.order.completed": {
        "plant",
        "order",
        "confirmation",
        "item",
        "local_number",
        "revision",
        "lot",
        "good",
        "scrap",
        "rework",
        "unit",
        "completed_at",
        "posting_date",
        "consumption",
    },
}


class StrictSchema(Events):
    """Knows exactly what an event may hold."""

    def read(self, event: CloudEvent, kind: type[T]) -> T:
        unknown = msgspec.json.decode(event.data, type=dict[str, msgspec.Raw]).keys() - OF_THE_DAY.get(event.type, ())
        if event.type in OF_THE_DAY and unknown:
            raise ValueError(f"{event.type} has unknown fields: {', '.join(sorted(unknown))}")
        return super().read(event, kind)


PARTS = replace(Parts(), events=StrictSchema)
