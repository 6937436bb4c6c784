"""Remembers in memory which events it has seen: a set is quick, and in test nothing ever crashes."""

import sqlite3
from dataclasses import replace

from pilotplant.reference.inbox import Inbox
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts
from pilotplant.reference.store import Store
from pilotplant.reference.variants.work_list import WorkList

NUMBER = 14
NAME = "dedupe lost on crash"
CHECK = "recovery"
SCENARIO = "middleware-crash"
LIVE = True


class SeenInMemory(Inbox):
    """Knows an event again as long as the process lives."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._seen: set[tuple[str, str]] = set()

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        super().remember(db, event, body, received_at, state)
        identity = (event.source, event.id)
        new = identity not in self._seen
        self._seen.add(identity)
        return new


PARTS = replace(Parts(), inbox=SeenInMemory, flows=(WorkList,))
