"""The table `work`: what was noted, how far it is, and what comes next."""

from dataclasses import dataclass

from pilotplant.reference.lanes import Key
from pilotplant.reference.store import Store


@dataclass(frozen=True)
class Work:
    """A piece of work. `turn` counts how often its key was given another meaning."""

    plant: str
    key: str
    subject: str
    body: bytes
    """The bytes that every attempt sends."""
    traceparent: str
    due: float
    attempted: bool
    """A call may have left already, perhaps in an earlier life of this process."""
    refusals: int
    turn: int


_COLUMNS = "plant, key, subject, body, traceparent, due, attempted, refusals, turn"


class Works:
    """The work of one kind."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind

    def note(self, plant: str, key: str, body: bytes, traceparent: str, *, subject: str, line: str, due: float) -> bool:
        """Add a piece of work; false if its key is known."""
        with self._store.transaction() as db:
            added = db.execute(
                "insert or ignore into work (kind, plant, key, subject, line, body, traceparent, due, attempted)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(self._kind, plant, key, subject or key, line or key, body, traceparent, due),
                    self._store.second_hand,
                ),
            )
        return added.rowcount == 1

    def renew(self, plant: str, key: str, body: bytes, traceparent: str, *, subject: str) -> None:
        """Let the key stand for this from now on."""
        with self._store.transaction() as db:
            db.execute(
                "insert into work (kind, plant, key, subject, line, body, traceparent, attempted)"
                " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (kind, plant, key)"
                " do update set body = excluded.body, state = 'open', attempted = excluded.attempted,"
                " traceparent = excluded.traceparent, subject = excluded.subject, turn = turn + 1",
                (self._kind, plant, key, subject or key, key, body, traceparent, self._store.second_hand),
            )

    def withdraw(self, plant: str, key: str) -> bool:
        """Close a piece of work that is open or refused."""
        with self._store.transaction() as db:
            changed = db.execute(
                "update work set state = 'withdrawn'"
                " where kind = ? and plant = ? and key = ? and state in ('open', 'refused')",
                (self._kind, plant, key),
            )
        return changed.rowcount == 1

    def withdraw_all(self, subject: str) -> None:
        """Close what is open or refused of a subject, at all plants."""
        with self._store.transaction() as db:
            db.execute(
                "update work set state = 'withdrawn' where kind = ? and subject = ? and state in ('open', 'refused')",
                (self._kind, subject),
            )

    def find(self, plant: str, key: str) -> Work | None:
        """A piece of work in whatever state."""
        return self._one("kind = ? and plant = ? and key = ?", (self._kind, plant, key))

    def first(self, plant: str, line: str) -> Work | None:
        """The first that is open in a line."""
        where = "kind = ? and plant = ? and line = ? and state = 'open' order by number limit 1"
        return self._one(where, (self._kind, plant, line))

    def open_lines(self) -> list[Key]:
        """Where something is open, the oldest first."""
        rows = self._store.db.execute(
            "select plant, line from work where kind = ? and state = 'open' group by plant, line order by min(number)",
            (self._kind,),
        )
        return [(row["plant"], row["line"]) for row in rows]

    def unfinished(self, now: float) -> tuple[int, int]:
        """How many are open, and how many more are not due yet."""
        row = self._store.db.execute(
            "select count(*) as every, coalesce(sum(due > ?), 0) as later from work where kind = ? and state = 'open'",
            (now, self._kind),
        ).fetchone()
        return row["every"] - row["later"], row["later"]

    def begin(self, work: Work) -> None:
        """Note that a call may leave from now on."""
        if not work.attempted:
            with self._store.transaction() as db:
                db.execute(
                    "update work set attempted = 1 where kind = ? and plant = ? and key = ? and turn = ?",
                    (self._kind, work.plant, work.key, work.turn),
                )

    def end(self, work: Work, state: str, *, refused: bool = False) -> bool:
        """Close it as done or refused; false if it was withdrawn meanwhile, or its key stands for something else."""
        with self._store.transaction() as db:
            changed = db.execute(
                "update work set state = ?, refusals = refusals + ?"
                " where kind = ? and plant = ? and key = ? and turn = ? and state = 'open'",
                (state, int(refused), self._kind, work.plant, work.key, work.turn),
            )
        return changed.rowcount == 1

    def reopen(self, subject: str, plant: str) -> list[Key]:
        """Open again what was refused of a subject."""
        about = (self._kind, plant, subject)
        with self._store.transaction() as db:
            rows = db.execute(
                "update work set state = 'open' where kind = ? and plant = ? and subject = ? and state = 'refused'"
                " returning plant, line",
                about,
            ).fetchall()
        return [(row["plant"], row["line"]) for row in rows]

    def _one(self, where: str, values: tuple[str, ...]) -> Work | None:
        row = self._store.db.execute(f"select {_COLUMNS} from work where {where}", values).fetchone()
        return Work(**dict(row)) if row else None
