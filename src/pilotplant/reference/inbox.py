"""Events on arrival: each is taken once, and acknowledged only when it is in the database."""

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.store import Store

log = logging.getLogger("pilotplant.reference")

Apply = Callable[[CloudEvent], None]


class Unreadable(NamedTuple):
    """A signed event that cannot be understood. Sent again it would be no better, so a person has to look at it."""

    source: str
    id: str
    type: str
    subject: str
    error: str


class Inbox:
    """Takes events. What an event means is written in the same transaction that remembers it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(
        self,
        body: bytes,
        *,
        received_at: float,
        apply: dict[str, Apply],
        ignored: frozenset[str],
        set_aside: Callable[[Unreadable], None],
    ) -> bool:
        """Take an event for whoever waits at the door. Nothing is awaited: no other event can come in between."""
        return self.accept(body, received_at=received_at, apply=apply, ignored=ignored, set_aside=set_aside)

    def accept(
        self,
        body: bytes,
        *,
        received_at: float,
        apply: dict[str, Apply],
        ignored: frozenset[str],
        set_aside: Callable[[Unreadable], None],
    ) -> bool:
        """Store an event and write down what it asks for. When this returns, it is durable; false: known before."""
        try:
            event = msgspec.json.decode(body, type=CloudEvent)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            unreadable = Unreadable("", sha256(body).hexdigest(), "", "", str(error))
            return self._set_aside(unreadable, body, received_at, set_aside)
        handler = apply.get(event.type)
        state = "accepted" if handler else "ignored" if event.type in ignored else "unknown"
        try:
            with self._store.transaction() as db:
                new = self.remember(db, event, body, received_at, state)
                self._store.second_hand = _stated_at(event, received_at) < self._store.born
                if new and handler:
                    handler(event)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            unreadable = Unreadable(event.source, event.id, event.type, event.subject, str(error))
            return self._set_aside(unreadable, body, received_at, set_aside)
        if new and state == "unknown":
            log.warning(
                "an event of the unknown type %s is kept and not acted on: %s %s", event.type, event.source, event.id
            )
        return new

    def remember(self, db: sqlite3.Connection, event: CloudEvent, body: bytes, received_at: float, state: str) -> bool:
        """Keep the event; say whether it is new. An event is identified by source and id, never by its content."""
        inserted = db.execute(
            "insert or ignore into inbox values (?, ?, ?, ?, ?, ?)",
            (event.source, event.id, event.type, body, received_at, state),
        )
        return inserted.rowcount == 1

    def _set_aside(
        self, unreadable: Unreadable, body: bytes, received_at: float, set_aside: Callable[[Unreadable], None]
    ) -> bool:
        with self._store.transaction() as db:
            inserted = db.execute(
                "insert or ignore into inbox values (?, ?, ?, ?, ?, 'unreadable')",
                (unreadable.source, unreadable.id, unreadable.type, body, received_at),
            )
            if inserted.rowcount:
                set_aside(unreadable)
        return inserted.rowcount == 1


def _stated_at(event: CloudEvent, received_at: float) -> float:
    """When the sender says that it happened; where it does not, just now."""
    try:
        return datetime.fromisoformat(event.time).timestamp()
    except ValueError:
        return received_at
