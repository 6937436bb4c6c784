"""Knows an event again only for a second: a cache with a time to live, measured on how the broker behaves in test."""

import sqlite3
from dataclasses import replace

from pilotplant.reference.inbox import Inbox
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.work_list import WorkList

NUMBER = 13
NAME = "dedupe window too short"
CHECK = "once"
SCENARIO = "duplicate-storm"

WINDOW_S = 1.0


class ShortMemory(Inbox):
    """Forgets the events that are older than the window."""

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        db.execute("delete from inbox where received_at < ?", (received_at - WINDOW_S,))
        return super().remember(db, event, body, received_at, state)


PARTS = replace(Parts(), inbox=ShortMemory, flows=(WorkList,))
