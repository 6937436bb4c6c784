"""The database: what the middleware must not forget.

SQLite with a write-ahead log. `synchronous=NORMAL` hands every commit to the operating system, so what was committed
survives the death of this process (kill -9 included). The loss of power could cost the last commits; a middleware that
has to survive that sets FULL, at the price of one flush to disk for each event.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
create table if not exists inbox (
    source text, id text, type text not null, body blob not null, received_at real not null,
    state text not null,                          -- accepted | ignored | unknown | unreadable
    primary key (source, id)) without rowid;
create table if not exists about (born real not null);  -- when this database was made
create table if not exists cancelled (change text primary key) without rowid;
create table if not exists scopes (
    change text, plant text, priority text not null, effective_at text not null, due real not null,
    traceparent text not null,
    second_hand integer not null default 0,       -- of an event that is older than this database
    state text not null default 'open',           -- open | publishing | accepted | refused | cancelled
    wip text not null default 'keep',             -- what becomes of open orders
    primary key (change, plant)) without rowid;
create table if not exists scope_items (
    change text, plant text, item text, revision text not null, ordinal integer not null,
    state text not null default 'waiting',        -- waiting | active | published | overtaken
    instructions blob not null default x'',
    primary key (change, plant, item)) without rowid;
create index if not exists scope_items_by_item on scope_items (plant, item, ordinal);
create table if not exists activations (
    plant text, job text, item text not null, revision text not null,
    reason text not null,                         -- why it was rejected; empty if it was activated
    primary key (plant, job)) without rowid;
create index if not exists activations_by_item on activations (plant, item, revision);
create table if not exists work (
    number integer primary key autoincrement,     -- the order of noting
    kind text not null, plant text not null, key text not null,
    subject text not null,                        -- what the desk calls it
    line text not null,                           -- of a line one is done at a time, in order
    body blob not null, traceparent text not null,
    due real not null default 0,
    state text not null default 'open',           -- open | done | refused | withdrawn
    attempted integer not null default 0,         -- a call may have been sent
    refusals integer not null default 0,          -- how often it was refused for good
    turn integer not null default 0,              -- how often the key was given another meaning
    unique (kind, plant, key));
create index if not exists work_open on work (kind, plant, line, number) where state = 'open';
create table if not exists looks (list text primary key, since text not null) without rowid;
create table if not exists notices (
    number integer primary key autoincrement, key text not null unique, system text not null, path text not null,
    body blob not null, traceparent text not null,
    state text not null default 'open');          -- open | told | refused
"""


class Store:
    """One connection, used synchronously, in short transactions."""

    def __init__(self, database: sqlite3.Connection | Path | str) -> None:
        self._owned = not isinstance(database, sqlite3.Connection)
        self.db = database if isinstance(database, sqlite3.Connection) else sqlite3.connect(database)
        self.db.isolation_level = None  # transactions begin where this class says so
        self.db.row_factory = sqlite3.Row
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=normal")
        self.db.executescript(_SCHEMA)
        self._data_version = 0
        self.born = 0.0
        """When the database was made. What older events ask for may have been done, on the word of another one that
        was lost; only the systems can tell."""
        self.second_hand = False
        """Whether the event that is being taken is older than that."""

    def note_birth(self, now: float) -> None:
        """Say what time it is: if the database is new, this is when it was made."""
        with self.transaction() as db:
            db.execute("insert into about select ? where not exists (select 1 from about)", (now,))
            self.born = db.execute("select born from about").fetchone()["born"]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing. Inside, nothing may be awaited."""
        if self.db.in_transaction:  # part of a larger one
            yield self.db
            return
        self.db.execute("begin immediate")
        try:
            yield self.db
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    def written_by_others(self) -> bool:
        """Whether another connection has written since this was asked last."""
        before = self._data_version
        self._data_version = self.db.execute("pragma data_version").fetchone()[0]
        return before != self._data_version

    def close(self) -> None:
        """Close the connection, if it was opened here."""
        if self._owned:
            self.db.close()
