"""Carries out every delivery: the sender promised "exactly once", or nobody read that it did not."""

import sqlite3
from dataclasses import replace

from pilotplant.reference.inbox import Inbox
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.work_list import WorkList

NUMBER = 9
NAME = "duplicate delivery processed twice"
CHECK = "once"
SCENARIO = "duplicate-storm"


class TakesEveryDelivery(Inbox):
    """Keeps events, and never looks whether it has one already."""

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        super().remember(db, event, body, received_at, state)
        return True


PARTS = replace(Parts(), inbox=TakesEveryDelivery, flows=(WorkList,))
