"""Which rows of a system's lists changed when: what every list operation answers to `changed_since`.

Nobody has to note anything. A row is identified by keys (`rows` of the list operation); a commit or an event whose own
identity begins with these keys changes the row. Told is what has changed from the given point on, inclusive, in the
form of the profile: a moment to the second or the millisecond, or a cursor that only the system can read. Some changes
become visible late, so that whoever goes on exactly where the last answer ended can miss them; a cursor waits for them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import floor
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from pilotplant.kernel.world import World
from pilotplant.model.instants import iso
from pilotplant.model.operation import Operation
from pilotplant.model.outcome import Found, Outcome, Refused
from pilotplant.model.paging import PAGE_MAX, BadCursor, Listed, Page, cut, sealed, unsealed

Row = tuple[str, ...]
_UNIT_MS = {"second": 1000, "millisecond": 1}


class ListSpec(BaseModel):
    """How a product's lists tell of changes; part of a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolution: Literal["second", "millisecond", "cursor"] = "millisecond"
    """What `as_of` and `changed_since` are: a moment so exact, or a cursor."""
    late_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of changes that lists of changes show only a while after they happened."""
    late_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    """How much later at most, in wire time."""
    page_max: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_MAX
    """How many rows a page has at most, whatever the caller asks for."""


class _Change(NamedTuple):
    """The last change of a row. `number` counts all changes of the system, `times` those of the row."""

    number: int
    times: int
    business: float
    visible_at: float


class Rows:
    """Follows the rows of one system's lists."""

    def __init__(self, system: str, operations: Mapping[str, Operation], spec: ListSpec, world: World) -> None:
        self._system = system
        self._operations = operations
        self._spec = spec
        self._world = world
        self._changes = 0
        self._tables: dict[tuple[str, ...], dict[Row, _Change]] = {
            operation.rows: {} for operation in operations.values() if operation.rows
        }
        """Of each kind of row, those that changed in this run, in the order of their last change."""
        self._concerned: dict[tuple[str, ...], list[tuple[dict[Row, _Change], int]]] = {}

    def note(self, keys: tuple[str, ...], effect: str) -> None:
        """Something was done: `keys` names the parts of its identity."""
        concerned = self._concerned.get(keys)
        if concerned is None:
            concerned = [(table, len(rows)) for rows, table in self._tables.items() if keys[: len(rows)] == rows]
            self._concerned[keys] = concerned
        for table, length in concerned:
            self._touch(table, tuple(effect.split("|", length + 1)[1 : length + 1]))

    def touch(self, operation: str, *row: str) -> None:
        """A row of the list of this operation changed."""
        self._touch(self._tables[self._operations[operation].rows], row)

    def _touch(self, table: dict[Row, _Change], row: Row) -> None:
        now, spec = self._world.now(), self._spec
        before = table.pop(row, None)
        times = before.times + 1 if before is not None else 1
        self._changes += 1
        late_s = 0.0
        if spec.late_share:
            draws, key = self._world.draws, f"{self._system}|{'|'.join(row)}|{times}"
            if draws.uniform(f"late|{key}") < spec.late_share:
                late_s = spec.late_s * draws.uniform(f"how-late|{key}")
        table[row] = _Change(self._changes, times, now.business, now.wire + late_s)

    def answer(self, operation: Operation, query: Any, listed: Listed) -> Outcome:
        """The page, with what to ask with next time; of a question for changes, the page of changes."""
        if not operation.rows:
            return listed
        table = self._tables[operation.rows]
        as_of = self._as_of(table)
        since, limit = query.changed_since, min(query.limit, self._spec.page_max)
        if not since and limit == query.limit:
            return Found(msgspec.structs.replace(listed.result, as_of=as_of), listed.reveals)
        try:
            changes = self._since(operation, query, table, since) if since else dict.fromkeys(listed.keys, "")
            shown, after = cut(list(changes), limit, query.cursor)
        except (ValueError, OverflowError) as error:
            return Refused(BadCursor(detail=str(error)))
        present = set(listed.keys) if since else changes.keys()
        there = [key for key in shown if key in present]
        changed = [changes[key] for key in there] if since and self._spec.resolution != "cursor" else []
        removed = [key for key in shown if key not in present]
        page: Page[Any] = Page([listed.view(key) for key in there], after, as_of, changed, removed)
        return Found(page, tuple(pair for key in there for pair in listed.reveals_of(key)))

    def _as_of(self, table: dict[Row, _Change]) -> str:
        """Now, as this system tells it. A cursor stands before the first change that is not shown yet."""
        if self._spec.resolution != "cursor":
            return self._moment(self._world.now().business)
        now = self._world.env.now
        hidden = (change.number for change in table.values() if change.visible_at > now)
        first = min(hidden, default=self._changes + 1) if self._spec.late_share else self._changes + 1
        return sealed(f"{first - 1}")

    def _since(self, operation: Operation, query: Any, table: dict[Row, _Change], since: str) -> dict[str, str]:
        """What has changed: key and moment."""
        now, scope = self._world.env.now, [getattr(query, name, "") for name in operation.rows[:-1]]
        found: dict[str, str] = {}
        for row, change in self._from(table, since):
            asked = all(not wanted or wanted == value for wanted, value in zip(scope, row, strict=False))
            if asked and change.visible_at <= now:
                found[row[-1]] = self._moment(change.business)
        return found

    def _from(self, table: dict[Row, _Change], since: str) -> Iterator[tuple[Row, _Change]]:
        """The changes from a point on, the last first."""
        if self._spec.resolution == "cursor":
            number = _number(since)
            for row, change in reversed(table.items()):
                if change.number <= number:
                    return
                yield row, change
            return
        moment_ms = _parsed_ms(since)
        for row, change in reversed(table.items()):
            if self._stamp_ms(change.business) < moment_ms:
                return
            yield row, change

    def _moment(self, business: float) -> str:
        return iso(self._stamp_ms(business) / 1000)

    def _stamp_ms(self, business: float) -> int:
        """A moment as the system keeps it: cut off, not rounded. In whole milliseconds, since fractions would not be
        equal to what was read back."""
        stamp_ms = floor(round(business * 1000, 2))
        return stamp_ms - stamp_ms % _UNIT_MS.get(self._spec.resolution, 1)


def _number(cursor: str) -> int:
    try:
        text = unsealed(cursor)
    except ValueError:  # binascii.Error and UnicodeError are ones
        text = ""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ValueError("changed_since is not a cursor of this system")
    return int(text)


def _parsed_ms(moment: str) -> int:
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        raise ValueError("changed_since is not a moment such as 2026-03-02T06:00:00Z") from None
    if read.tzinfo is None:
        raise ValueError("changed_since names no time zone; write 2026-03-02T06:00:00Z")
    return round(read.timestamp() * 1000)
