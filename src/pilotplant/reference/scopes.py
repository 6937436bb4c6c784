"""The engineering changes at hand: which scope, a change at a plant, is how far."""

from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Row

from pilotplant.reference.lanes import Key
from pilotplant.reference.messages import ChangeReleased
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.store import Store

URGENCY = {"urgent": 0, "normal": 1, "low": 2}


@dataclass(frozen=True)
class ScopeItem:
    """An item that a change takes to a revision at a plant. State: waiting, active, published or overtaken."""

    item: str
    revision: str
    ordinal: int
    state: str
    instructions: bytes
    """The work instructions to publish, once the item is active; empty where it is not made."""


@dataclass(frozen=True)
class Scope:
    """A change at a plant: all of it becomes executable, or none."""

    change: str
    plant: str
    priority: str
    effective_at: str
    due: float
    traceparent: str
    second_hand: int
    """Whether it may have been carried out, on the word of a database that was lost."""
    state: str
    wip: str
    """What becomes of open orders."""
    items: tuple[ScopeItem, ...]

    @property
    def key(self) -> Key:
        """What a lane knows it by."""
        return self.change, self.plant

    @property
    def urgency(self) -> int:
        """Its place in the queue."""
        return URGENCY.get(self.priority, 1)


class Scopes:
    """The tables `scopes`, `scope_items` and `cancelled`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def release(self, event: ChangeReleased, traceparent: str) -> list[Key]:
        """Open a scope for every plant of a change; none if the change was cancelled before its release arrived."""
        # `immediate` is due whatever the clocks of PLM and of this computer make of it.
        dated = event.effectivity.kind == "date"
        moment = datetime.fromisoformat(event.effectivity.at).timestamp()
        due, second_hand = moment if dated else 0.0, self._store.second_hand
        opened: list[Key] = []
        with self._store.transaction() as db:
            if self.withdrawn(event.change):
                return []
            for plant in sorted({plant for affected in event.affected for plant in affected.plants}):
                about = (event.change, plant, event.priority)
                new = db.execute(
                    "insert or ignore into scopes"
                    " (change, plant, priority, effective_at, due, traceparent, second_hand, wip)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*about, event.effectivity.at, due, traceparent, second_hand, event.wip),
                )
                if not new.rowcount:
                    continue
                opened.append((event.change, plant))
                for affected in event.affected:
                    if plant in affected.plants:
                        key = (event.change, plant, affected.item)
                        revision = (affected.to_revision, ordinal(affected.to_revision))
                        db.execute("insert into scope_items values (?, ?, ?, ?, ?, 'waiting', x'')", (*key, *revision))
        return opened

    def withdrawn(self, change: str) -> bool:
        """Whether the change was cancelled, perhaps before anything else was heard of it."""
        return self._store.db.execute("select 1 from cancelled where change = ?", (change,)).fetchone() is not None

    def cancel(self, change: str) -> None:
        """Stop what is not done yet, and whatever will be heard of this change. What is being published is finished:
        half a scope would be worse than all of it."""
        with self._store.transaction() as db:
            db.execute("insert or ignore into cancelled values (?)", (change,))
            stoppable = "change = ? and state in ('open', 'refused')"
            rows = db.execute(f"select plant from scopes where {stoppable}", (change,)).fetchall()
            db.execute(f"update scopes set state = 'cancelled' where {stoppable}", (change,))
            for row in rows:
                self._reopen_overtaken(change, row["plant"])

    def get(self, key: Key) -> Scope | None:
        """A scope with its items."""
        row = self._store.db.execute("select * from scopes where change = ? and plant = ?", key).fetchone()
        return self._scope(row) if row else None

    def unfinished(self) -> list[Scope]:
        """What has to be gone on with, after a start or when something has changed."""
        rows = self._store.db.execute("select * from scopes where state in ('open', 'publishing')").fetchall()
        return [self._scope(row) for row in rows]

    def state(self, key: Key) -> str:
        """The state of a scope, as it is at this moment; of one that was withdrawn before it was opened: cancelled."""
        row = self._store.db.execute("select state from scopes where change = ? and plant = ?", key).fetchone()
        return str(row["state"]) if row else "cancelled"

    def newer(self, scope: Scope, item: ScopeItem, now: float) -> str:
        """How far the furthest newer revision of the item is at the plant; empty where there is none to rely on.

        A newer one that was refused or cancelled, or that is not due yet, relieves nobody of the older one.
        """
        row = self._store.db.execute(
            "select i.state from scope_items i join scopes s on s.change = i.change and s.plant = i.plant"
            " where i.plant = ? and i.item = ? and i.ordinal > ? and s.due <= ?"
            " and s.state in ('open', 'publishing', 'accepted') and i.state != 'overtaken'"
            " order by instr('waiting active published', i.state) desc limit 1",
            (scope.plant, item.item, item.ordinal, now),
        ).fetchone()
        return str(row["state"]) if row else ""

    def published_newer(self, plant: str, item: ScopeItem) -> bool:
        """Whether MES was given a newer revision already."""
        row = self._store.db.execute(
            "select 1 from scope_items where plant = ? and item = ? and ordinal > ? and state = 'published'",
            (plant, item.item, item.ordinal),
        )
        return row.fetchone() is not None

    def refused(self, plant: str, item: str, revision: str) -> bool:
        """Whether the change that brings a revision was refused at a plant, or withdrawn."""
        row = self._store.db.execute(
            "select 1 from scope_items i join scopes s on s.change = i.change and s.plant = i.plant"
            " where i.plant = ? and i.item = ? and i.revision = ? and s.state in ('refused', 'cancelled')",
            (plant, item, revision),
        )
        return row.fetchone() is not None

    def set_item(self, scope: Scope, item: str, state: str, instructions: bytes | None = None) -> None:
        """Note how far an item is."""
        with self._store.transaction() as db:
            db.execute(
                "update scope_items set state = ?, instructions = coalesce(?, instructions)"
                " where change = ? and plant = ? and item = ?",
                (state, instructions, *scope.key, item),
            )

    def begin_publishing(self, scope: Scope) -> bool:
        """From here on the scope is finished whatever comes; false if it was cancelled before."""
        with self._store.transaction() as db:
            changed = db.execute(
                "update scopes set state = 'publishing'"
                " where change = ? and plant = ? and state in ('open', 'publishing')",
                scope.key,
            )
        return changed.rowcount == 1

    def finish(self, scope: Scope, state: str) -> None:
        """Close a scope: accepted or refused."""
        with self._store.transaction() as db:
            db.execute("update scopes set state = ? where change = ? and plant = ?", (state, *scope.key))
            if state == "refused":
                self._reopen_overtaken(*scope.key)

    def reopen(self, key: Key) -> bool:
        """Go on with a scope that was refused, since a person has mended the cause."""
        with self._store.transaction() as db:
            changed = db.execute(
                "update scopes set state = 'open' where change = ? and plant = ? and state = 'refused'", key
            )
        return changed.rowcount == 1

    def _reopen_overtaken(self, change: str, plant: str) -> None:
        """Older scopes that relied on this one have to carry out their items themselves."""
        relied = (
            "select o.change from scope_items o join scope_items n on n.plant = o.plant and n.item = o.item"
            " where n.change = ? and n.plant = ? and n.ordinal > o.ordinal and o.state = 'overtaken'"
        )
        with self._store.transaction() as db:
            rows = db.execute(relied, (change, plant)).fetchall()
            for older in {row["change"] for row in rows}:
                key = (older, plant)
                db.execute(
                    "update scopes set state = 'open' where change = ? and plant = ? and state = 'accepted'", key
                )
                db.execute(
                    "update scope_items set state = 'waiting' where change = ? and plant = ? and state = 'overtaken'",
                    key,
                )

    def _scope(self, row: Row) -> Scope:
        items = self._store.db.execute(
            "select item, revision, ordinal, state, instructions from scope_items"
            " where change = ? and plant = ? order by item",
            (row["change"], row["plant"]),
        )
        return Scope(**dict(row), items=tuple(ScopeItem(**dict(item)) for item in items))
