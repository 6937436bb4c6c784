"""Books a count for every delivery of its event: counts were added to a flow that numbers its own pieces of work."""

import sqlite3
from dataclasses import replace
from itertools import count

from pilotplant.reference.flows.stock_movement import StockMovements
from pilotplant.reference.inbox import Inbox
from pilotplant.reference.messages import CloudEvent, CountAdjusted
from pilotplant.reference.parts import Parts

NUMBER = 9
NAME = "count difference booked twice"
CHECK = "once"
SCENARIO = "stock-movements"


class TakesEveryCount(Inbox):
    """Knows all events again but counts."""

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        return super().remember(db, event, body, received_at, state) or event.type == "wms.count.adjusted"


class NumbersItsWork(StockMovements):
    """Gives every piece of work a number, and looks at no other."""

    def counted(self, counted: CountAdjusted, traceparent: str) -> None:
        document = self.to.mapping.count_difference(counted)
        names = (f"{counted.count}#{number}" if number > 1 else counted.count for number in count(1))
        job = next(name for name in names if self.find(counted.plant, name) is None)
        if document:
            self.note(counted.plant, job, document, traceparent)


PARTS = replace(Parts(), inbox=TakesEveryCount, flows=(NumbersItsWork,))
