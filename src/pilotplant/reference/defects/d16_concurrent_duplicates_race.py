"""Looks whether an event is known, and notes it later: two deliveries at the same time both find that it is not."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace

import msgspec

from pilotplant.reference.inbox import Apply, Inbox, Unreadable
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.work_list import WorkList

NUMBER = 16
NAME = "concurrent duplicates race"
CHECK = "once"
SCENARIO = "duplicate-storm"

LOOK_UP_S = 0.05
"""What a look-up in a database takes that stands somewhere else."""


class LooksThenActs(Inbox):
    """Asks first, and relies on the answer."""

    async def take(
        self,
        body: bytes,
        *,
        received_at: float,
        apply: dict[str, Apply],
        ignored: frozenset[str],
        set_aside: Callable[[Unreadable], None],
    ) -> bool:
        known = self._known(body)
        await asyncio.sleep(LOOK_UP_S)
        if known:
            return False
        return self.accept(body, received_at=received_at, apply=apply, ignored=ignored, set_aside=set_aside)

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        super().remember(db, event, body, received_at, state)
        return True  # it was asked before whether it is new

    def _known(self, body: bytes) -> bool:
        try:
            event = msgspec.json.decode(body, type=CloudEvent)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        identity = (event.source, event.id)
        return bool(self._store.db.execute("select 1 from inbox where source = ? and id = ?", identity).fetchone())


PARTS = replace(Parts(), inbox=LooksThenActs, flows=(WorkList,))
