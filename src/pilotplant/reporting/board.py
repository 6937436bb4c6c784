"""Lays out the flow board: per flow a table of instances by steps, what needs attention first."""

from collections.abc import Sequence
from dataclasses import dataclass

from pilotplant.checks.result import BoardRow, Cell
from pilotplant.reporting.wording import span

ROWS = 500
"""Rows shown, over all flows."""

_ATTENTION = ("open", "not tested", "excused", "withdrawn", "superseded", "not needed", "done")
_COLOUR_OF = {"withdrawn": "superseded", "not needed": "superseded"}
"""Statuses that share the colour of another."""


@dataclass(frozen=True)
class CellView:
    """A cell in words; `status` is also the name of its colour."""

    status: str
    text: str
    progress: str
    when: str


@dataclass(frozen=True)
class RowView:
    """An instance at a plant, and a cell for each step of its table; None where the step is not promised."""

    instance: str
    plant: str
    status: str
    since: str
    cells: tuple[CellView | None, ...]


@dataclass(frozen=True)
class Table:
    """The instances of one flow."""

    flow: str
    steps: tuple[str, ...]
    rows: tuple[RowView, ...]
    total: int

    @property
    def shown(self) -> int:
        """Rows of this flow that are in the table."""
        return len(self.rows)


def tables(board: Sequence[BoardRow]) -> list[Table]:
    """A table per flow, with the rows that fit; rows that need attention come first and are the last to be left out."""
    shown = sorted(board, key=_attention)[:ROWS]
    totals: dict[str, int] = {}
    for row in board:
        totals[row.flow] = totals.get(row.flow, 0) + 1
    return [_table(flow, [row for row in shown if row.flow == flow], total) for flow, total in totals.items()]


def _attention(row: BoardRow) -> int:
    return min(map(_rank, (row.status, *(cell.status for cell in row.cells))))


def _rank(status: str) -> int:
    return _ATTENTION.index(status) if status in _ATTENTION else 0


def _table(flow: str, rows: Sequence[BoardRow], total: int) -> Table:
    steps = tuple(dict.fromkeys(cell.step for row in rows for cell in row.cells))
    return Table(flow, steps, tuple(_row(row, steps) for row in rows), total)


def _row(row: BoardRow, steps: Sequence[str]) -> RowView:
    cells = {cell.step: _cell(cell, row.since_s) for cell in row.cells}
    return RowView(row.instance, row.plant, row.status, span(row.since_s), tuple(cells.get(step) for step in steps))


def _cell(cell: Cell, since_s: float) -> CellView:
    when = "" if cell.at_s is None else f"after {span(max(cell.at_s - since_s, 0.0))}"
    progress = f"{cell.done:,} of {cell.promised:,}" if cell.promised else ""
    known = cell.status if cell.status in _ATTENTION else "open"
    colour = _COLOUR_OF.get(known, known).replace(" ", "-")
    return CellView(colour, cell.status, progress, when)
