"""What rows of tables have to be, beyond their types: ranges, words, and what one table says of another."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from pilotplant.model.revisions import ordinal

Rows = list[tuple[int, Any]]
"""Each row with its line in the file."""
QUANTITY_MAX = 1e12
SECONDS_MAX = 1e10
"""Some centuries."""
_TRACKING = ("none", "lot", "serial")


class Fault(NamedTuple):
    """What is wrong with a row: where, and why."""

    table: str
    line: int
    column: str
    message: str
    code: str = "PP-VALUE"


class _Range(NamedTuple):
    least: float
    most: float
    above: bool = False
    """Whether the least itself is too little."""

    def wrong(self, value: float) -> str:
        fits = (self.least < value if self.above else self.least <= value) and value <= self.most
        told = f"more than {self.least:g}" if self.above else f"at least {self.least:g}"
        return "" if fits else f"must be {told}, and at most {self.most:g}"


_POSITIVE = _Range(0, QUANTITY_MAX, above=True)
_AMOUNT = _Range(0, QUANTITY_MAX)
_LENGTH = _Range(0, SECONDS_MAX)
_MOMENT = _Range(-SECONDS_MAX, SECONDS_MAX)
_RANGES: Mapping[tuple[str, str], _Range] = {
    ("items", "level"): _Range(0, 1000),
    ("boms", "quantity"): _POSITIVE,
    ("routings", "number"): _Range(0, 1_000_000),
    ("routings", "setup_s"): _LENGTH,
    ("routings", "cycle_s"): _LENGTH,
    ("cross_references", "per_base"): _POSITIVE,
    ("work_centres", "capacity"): _Range(1, 1_000_000),
    ("stock", "quantity"): _AMOUNT,
    ("production_orders", "quantity"): _POSITIVE,
    ("production_orders", "start_s"): _MOMENT,
    ("production_orders", "remaining_s"): _LENGTH,
    ("purchase_orders", "quantity"): _POSITIVE,
    ("purchase_orders", "received"): _AMOUNT,
    ("purchase_orders", "due_s"): _MOMENT,
}
_MAY_BE_EMPTY = frozenset(("lot", "text", "description", "name", "country", "city", "supplier_part"))


def cell_faults(table: str, column: str, value: Any) -> str:
    """What is wrong with a single value; empty if nothing is."""
    if isinstance(value, str):
        if not value.strip() and column not in _MAY_BE_EMPTY:
            return "must not be empty"
        if "|" in value or any(ord(each) < 32 for each in value):
            return "must not contain `|` or control characters"
        if column == "revision" and not ordinal(value):
            return "must be letters, as `A` or `AB`"
        if column == "tracking" and value not in _TRACKING:
            return f"must be one of {', '.join(_TRACKING)}"
        return ""
    found = _RANGES.get((table, column))
    return found.wrong(value) if found is not None else ""


def row_faults(tables: Mapping[str, Rows], lost: Mapping[str, set[tuple[str, ...]]]) -> Iterator[Fault]:
    """What does not fit together. `lost`: keys of rows that are there and could not be read."""
    yield from _orders(tables, lost)
    yield from _routes(tables, lost["work_centres"])
    yield from _structures(tables)


def _orders(tables: Mapping[str, Rows], lost: Mapping[str, set[tuple[str, ...]]]) -> Iterator[Fault]:
    sources = {(row.item, row.supplier) for _line, row in tables["sources"]} | lost["sources"]
    for line, row in tables["purchase_orders"]:
        if (row.item, row.supplier) not in sources:
            what = f"{row.supplier} is no source of {row.item}: sources.csv has no such line"
            yield Fault("purchase_orders", line, "supplier", what, "PP-REFERENCE")
        if row.received > row.quantity:
            what = f"`received` is more than the `quantity`, {row.quantity:g}"
            yield Fault("purchase_orders", line, "received", what)


def _routes(tables: Mapping[str, Rows], lost: set[tuple[str, ...]]) -> Iterator[Fault]:
    """Work centres have to be where an item is made."""
    centres = {(row.plant, row.code) for _line, row in tables["work_centres"]} | lost
    plants = {row.number: row.plants for _line, row in tables["items"] if row.made}
    if not centres:
        return
    for line, row in tables["routings"]:
        missing = [plant for plant in plants.get(row.item, ()) if (plant, row.work_centre) not in centres]
        if missing:
            what = f"`work_centre`: {missing[0]} has no work centre `{row.work_centre}`"
            yield Fault("routings", line, "work_centre", what, "PP-REFERENCE")


def _structures(tables: Mapping[str, Rows]) -> Iterator[Fault]:
    units = {row.number: row.unit for _line, row in tables["items"]}
    parts: dict[str, set[str]] = {}
    lines: dict[tuple[str, str], int] = {}
    for line, row in tables["boms"]:
        unit = units.get(row.component, row.unit)
        if row.unit != unit:
            what = f"`unit` must be the unit of {row.component} in items.csv, `{unit}`; got `{row.unit}`"
            yield Fault("boms", line, "unit", what)
        parts.setdefault(row.item, set()).add(row.component)
        lines.setdefault((row.item, row.component), line)
    try:
        TopologicalSorter(parts).prepare()
    except CycleError as error:
        ring = [str(each) for each in error.args[1]][::-1]
        what = f"a structure contains itself: {' > '.join(ring[:10])}"
        yield Fault("boms", lines.get((ring[0], ring[1]), 0), "component", what)
