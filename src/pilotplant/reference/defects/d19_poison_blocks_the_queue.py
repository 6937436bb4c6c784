"""Takes events strictly in their order and stays at one that it cannot read: the next might depend on it."""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import msgspec

from pilotplant.reference.inbox import Apply, Inbox, Unreadable
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts

NUMBER = 19
NAME = "poison blocks the queue"
CHECK = "completeness"
SCENARIO = "poison-message"

log = logging.getLogger("pilotplant.reference")


class OneQueue(Inbox):
    """A queue in the database, worked off from its head."""

    def accept(
        self,
        body: bytes,
        *,
        received_at: float,
        apply: dict[str, Apply],
        ignored: frozenset[str],
        set_aside: Callable[[Unreadable], None],
    ) -> bool:
        with self._store.transaction() as db:
            new = db.execute(
                "insert or ignore into inbox values (?, ?, '', ?, ?, 'queued')", (*_identity(body), body, received_at)
            )
        while row := self._head():
            try:
                with self._store.transaction() as db:
                    event = msgspec.json.decode(row["body"], type=CloudEvent)
                    if handler := apply.get(event.type):
                        handler(event)
                    db.execute(
                        "update inbox set state = 'accepted' where source = ? and id = ?", (row["source"], row["id"])
                    )
            except (msgspec.DecodeError, ValueError) as error:
                log.warning("the event at the head of the queue cannot be read, trying again later: %s", error)
                break
        return new.rowcount == 1

    def _head(self) -> sqlite3.Row | None:
        head: sqlite3.Row | None = self._store.db.execute(
            "select * from inbox where state = 'queued' order by received_at, id limit 1"
        ).fetchone()
        return head


def _identity(body: bytes) -> tuple[str, str]:
    try:
        event = msgspec.json.decode(body, type=CloudEvent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", sha256(body).hexdigest()
    return event.source, event.id


PARTS = replace(Parts(), inbox=OneQueue)
