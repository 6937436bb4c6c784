"""Takes a second report of the same item within ten seconds for a double click, and drops it."""

import sqlite3
from dataclasses import replace

from pilotplant.reference.inbox import Inbox
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts

NUMBER = 15
NAME = "over-deduplication of equal bodies that are distinct facts"
CHECK = "completeness"
SCENARIO = "duplicate-storm"

WINDOW_S = 10.0
_BEFORE = """
    select 1 from inbox where type = ? and source = ? and id != ? and received_at > ?
    and json_extract(cast(body as text), '$.data.item') = json_extract(cast(? as text), '$.data.item')"""


class DoubleClicks(Inbox):
    """Knows reports by what they are about, not by their own numbers."""

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        since = received_at - WINDOW_S
        before = db.execute(_BEFORE, (event.type, event.source, event.id, since, body)).fetchone()
        new = super().remember(db, event, body, received_at, state)
        return new and not (before and event.type == "mes.order.completed")


PARTS = replace(Parts(), inbox=DoubleClicks)
