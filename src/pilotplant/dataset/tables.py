"""Master data as CSV: what a plant has in spreadsheets already. Read with all that is wrong at once, by row and column.

A table is a file; its columns are the fields of what it holds. A list within (the lines of a structure, the steps of a
routing) is a row each. Texts stay texts: a number with leading zeros keeps them. What a table of ours would also hold
but nobody brings (work centres, routings) is made up in the plainest way.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import msgspec

from pilotplant.dataset.records import (
    ApprovedSource,
    Bom,
    BomLine,
    Dataset,
    Item,
    Plant,
    PlantItem,
    ProductionOrder,
    PurchaseOrder,
    Routing,
    RoutingStep,
    StockQuant,
    Supplier,
    WorkCentre,
)
from pilotplant.dataset.table_rules import Rows, cell_faults, row_faults
from pilotplant.model.errors import DocumentError, Problem
from pilotplant.model.suggestions import did_you_mean

REPORTED_MAX = 200
_WORK_CENTRE = "WC-01"


@dataclass(frozen=True)
class Writing:
    """How numbers and texts are written in the files."""

    delimiter: str = ","
    decimal: str = "."
    charset: str = "utf-8"


class BomRow(msgspec.Struct, frozen=True):
    """A line of a structure."""

    item: str
    revision: str
    component: str
    quantity: float
    unit: str


class RoutingRow(msgspec.Struct, frozen=True):
    """A step of a routing."""

    item: str
    revision: str
    number: int
    work_centre: str
    text: str
    setup_s: float
    cycle_s: float


class Table(NamedTuple):
    """A file: what its rows are, and the columns by which each is known."""

    name: str
    row: type[msgspec.Struct]
    key: tuple[str, ...]
    needed: bool
    rows: Callable[[Dataset], Iterable[msgspec.Struct]]


def _bom_rows(dataset: Dataset) -> Iterator[BomRow]:
    for bom in dataset.boms.values():
        for line in bom.lines:
            yield BomRow(bom.item, bom.revision, line.component, line.quantity, line.unit)


def _routing_rows(dataset: Dataset) -> Iterator[RoutingRow]:
    for routing in dataset.routings.values():
        for s in routing.steps:
            yield RoutingRow(routing.item, routing.revision, s.number, s.work_centre, s.text, s.setup_s, s.cycle_s)


TABLES = (
    Table("items", Item, ("number",), True, lambda d: d.items.values()),
    Table("boms", BomRow, ("item", "revision", "component"), False, _bom_rows),
    Table("routings", RoutingRow, ("item", "revision", "number"), False, _routing_rows),
    Table("cross_references", PlantItem, ("plant", "item"), True, lambda d: d.plant_items.values()),
    Table("work_centres", WorkCentre, ("plant", "code"), False, lambda d: d.work_centres.values()),
    Table("suppliers", Supplier, ("code",), False, lambda d: d.suppliers.values()),
    Table("sources", ApprovedSource, ("item", "supplier"), False, lambda d: d.sources),
    Table("stock", StockQuant, ("plant", "item", "lot"), False, lambda d: d.stock),
    Table("production_orders", ProductionOrder, ("order",), False, lambda d: d.production_orders),
    Table("purchase_orders", PurchaseOrder, ("order",), False, lambda d: d.purchase_orders),
)


def content_of(folder: Path) -> str:
    """A hash of what the tables in a folder hold, whether it can be read or not."""
    told = blake2b(digest_size=16)
    for table in TABLES:
        path = folder / f"{table.name}.csv"
        held = path.read_bytes() if path.is_file() else b"-"
        told.update(f"{table.name} {len(held)} ".encode() + held)
    return told.hexdigest()


def write_tables(dataset: Dataset, folder: Path, writing: Writing) -> list[Path]:
    """Write all tables; raises with the cell that the charset cannot hold."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for table in TABLES:
        text = io.StringIO(newline="")
        out = csv.writer(text, delimiter=writing.delimiter, lineterminator="\n")
        out.writerow(table.row.__struct_fields__)
        for row in table.rows(dataset):
            out.writerow([_told(getattr(row, name), writing) for name in table.row.__struct_fields__])
        path = folder / f"{table.name}.csv"
        try:
            path.write_bytes(text.getvalue().encode(writing.charset))
        except UnicodeEncodeError as error:
            line = text.getvalue().count("\n", 0, error.start) + 1
            cannot = f"{text.getvalue()[error.start : error.end][:20]!r} cannot be written in {writing.charset}"
            raise DocumentError(
                [Problem("PP-VALUE", cannot, str(path), line, 1, help="Use --charset utf-8.")]
            ) from None
        written.append(path)
    return written


def _told(value: Any, writing: Writing) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value).replace(".", writing.decimal)
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value)


def read_tables(folder: Path, plants: Iterable[Plant], seed: int, writing: Writing) -> Dataset:
    """The data in a folder; raises with everything that is wrong in all files."""
    reader = _Reader(folder, {plant.code: plant for plant in plants}, writing)
    tables = {table.name: reader.rows(table) for table in TABLES}
    reader.check(tables)
    if reader.problems:
        raise DocumentError(reader.problems[:REPORTED_MAX])
    return _dataset(tables, reader.plants, seed)


class _Reader:
    """Reads tables and collects what is wrong."""

    def __init__(self, folder: Path, plants: Mapping[str, Plant], writing: Writing) -> None:
        self.plants = plants
        self.problems: list[Problem] = []
        self._unread: set[str] = set()
        """Tables that could not be read: what refers to them is no mistake of its own."""
        self._lost: dict[str, set[tuple[str, ...]]] = {table.name: set() for table in TABLES}
        """The keys of rows that are wrong: they are there, and what refers to them is no mistake of its own."""
        self._folder = folder
        self._writing = writing

    def rows(self, table: Table) -> Rows:
        """The rows of a file."""
        path = self._folder / f"{table.name}.csv"
        if not path.is_file():
            if table.needed:
                self._tell(table, 0, 0, "there is no such file", code="PP-FILE")
            return []
        try:
            text = path.read_bytes().decode(self._writing.charset).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError) as error:
            self._tell(table, 0, 0, f"this is not text in {self._writing.charset}: {error}", code="PP-FILE")
            return []
        try:
            return list(
                self._parsed(table, csv.reader(io.StringIO(text, newline=""), delimiter=self._writing.delimiter))
            )
        except csv.Error as error:
            self._tell(table, 0, 0, f"this is not CSV: {error}", code="PP-FILE")
            return []

    def _parsed(self, table: Table, lines: Any) -> Iterator[tuple[int, Any]]:
        header: list[str] = next(lines, [])
        known = table.row.__struct_fields__
        for position, name in enumerate(header, start=1):
            if name not in known:
                self._tell(
                    table, 1, position, f"unknown column `{name}`{did_you_mean(name, known)}", code="PP-FIELD-UNKNOWN"
                )
        missing = [
            field.name for field in msgspec.structs.fields(table.row) if field.required and field.name not in header
        ]
        if missing:
            self._tell(
                table, 1, 0, f"missing column(s) {', '.join(f'`{name}`' for name in missing)}", code="PP-FIELD-MISSING"
            )
            return
        kinds = get_type_hints(table.row)
        seen: dict[tuple[str, ...], int] = {}
        for cells in lines:
            if not any(cells):
                continue
            number = lines.line_num
            if len(cells) != len(header):
                self._tell(table, number, 0, f"has {len(cells)} columns, the header has {len(header)}")
                self._unread.add(table.name)
                continue
            told = dict(zip(header, cells, strict=True))
            row = self._row(table, number, told, header, kinds)
            if row is None:
                self._lost[table.name].add(tuple(told[name] for name in table.key))
                continue
            key = tuple(str(getattr(row, name)) for name in table.key)
            if key in seen:
                self._tell(table, number, 0, f"{' '.join(key)} is on line {seen[key]} already")
            seen.setdefault(key, number)
            yield number, row

    def _row(self, table: Table, number: int, cells: dict[str, str], header: list[str], kinds: dict[str, Any]) -> Any:
        values: dict[str, Any] = {}
        for name, text in cells.items():
            if name not in kinds:
                continue
            try:
                value = self._value(text, kinds[name])
                if wrong := cell_faults(table.name, name, value):
                    raise ValueError(wrong)
                values[name] = value
            except ValueError as error:
                self._tell(table, number, header.index(name) + 1, f"`{name}` {error}, got {text!r}")
        return table.row(**values) if values.keys() >= set(_required(table)) else None

    def _value(self, text: str, kind: Any) -> Any:
        if kind is float or kind is int:
            written = text.strip()
            if self._writing.decimal != ".":
                if "." in written:
                    raise ValueError(f"must be a number with `{self._writing.decimal}`")
                written = written.replace(self._writing.decimal, ".")
            try:
                number = float(written) if kind is float else int(written)
            except ValueError:
                raise ValueError(f"must be a {'number' if kind is float else 'whole number'}") from None
            if number != number or abs(number) == float("inf"):
                raise ValueError("must be a finite number")
            return number
        if kind is bool:
            if text.strip().lower() not in _FLAGS:
                raise ValueError("must be yes or no")
            return _FLAGS[text.strip().lower()]
        return text if kind is str else tuple(text.split())

    def check(self, tables: Mapping[str, Rows]) -> None:
        """Whether what one table names is in another."""
        items = {row.number for _line, row in tables["items"]} | {key[0] for key in self._lost["items"]}
        here = {(row.plant, row.item) for _line, row in tables["cross_references"]}
        here |= {(key[0], key[1]) for key in self._lost["cross_references"]}
        suppliers = {row.code for _line, row in tables["suppliers"]} | {key[0] for key in self._lost["suppliers"]}
        for table in TABLES:
            names = table.row.__struct_fields__
            for line, row in tables[table.name]:
                for name in ("item", "component"):
                    if name in names and "items" not in self._unread and getattr(row, name) not in items:
                        self._unknown(table, line, name, getattr(row, name), "item", items)
                if "plant" in names and row.plant not in self.plants:
                    self._unknown(table, line, "plant", row.plant, "plant of the estate", self.plants)
                elif self._lacks_reference(names, row, items, here):
                    self._tell(
                        table, line, names.index("item") + 1, f"{row.item} has no cross reference at {row.plant}"
                    )
                if "supplier" in names and "suppliers" not in self._unread and row.supplier not in suppliers:
                    self._unknown(table, line, "supplier", row.supplier, "supplier", suppliers)
                if table.name == "items" and not (set(row.plants) - self.plants.keys()):
                    self._lacks_plants(table, line, row, here)
                if table.name == "items" and (unknown := set(row.plants) - self.plants.keys()):
                    self._unknown(table, line, "plants", min(unknown), "plant of the estate", self.plants)

        named = {table.name: table for table in TABLES}
        for fault in row_faults(tables, self._lost) if not self._unread else ():
            table = named[fault.table]
            place = table.row.__struct_fields__.index(fault.column) + 1
            self._tell(table, fault.line, place, fault.message, code=fault.code)

    def _lacks_plants(self, table: Table, line: int, row: Any, here: Iterable[tuple[str, str]]) -> None:
        missing = [plant for plant in row.plants if (plant, row.number) not in here]
        if missing and "cross_references" not in self._unread:
            place = table.row.__struct_fields__.index("plants") + 1
            self._tell(table, line, place, f"`plants`: {row.number} has no cross reference at {missing[0]}")

    def _lacks_reference(
        self, names: tuple[str, ...], row: Any, items: Iterable[str], here: Iterable[tuple[str, str]]
    ) -> bool:
        asks = {"plant", "item"} <= set(names) and "cross_references" not in self._unread
        return asks and row.item in items and (row.plant, row.item) not in here

    def _unknown(self, table: Table, line: int, column: str, value: str, what: str, known: Iterable[str]) -> None:
        place = table.row.__struct_fields__.index(column) + 1
        some = list(known)
        meant = did_you_mean(value, some[:2000])
        self._tell(table, line, place, f"`{column}`: there is no {what} `{value}`{meant}", code="PP-REFERENCE")

    def _tell(self, table: Table, line: int, column: int, message: str, *, code: str = "PP-VALUE") -> None:
        if line <= 1:
            self._unread.add(table.name)
        path = self._folder / f"{table.name}.csv"
        self.problems.append(Problem(code, message, path.as_posix(), line, column))


def _required(table: Table) -> list[str]:
    return [field.name for field in msgspec.structs.fields(table.row) if field.required]


_FLAGS = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False, "": False}


def _dataset(tables: Mapping[str, Rows], plants: Mapping[str, Plant], seed: int) -> Dataset:
    held = {name: [row for _line, row in rows] for name, rows in tables.items()}
    items = {item.number: item for item in held["items"]}
    lines: dict[tuple[str, str], list[BomLine]] = {}
    for row in held["boms"]:
        lines.setdefault((row.item, row.revision), []).append(BomLine(row.component, row.quantity, row.unit))
    steps: dict[tuple[str, str], list[RoutingStep]] = {}
    for row in held["routings"]:
        step = RoutingStep(row.number, row.work_centre, row.text, row.setup_s, row.cycle_s)
        steps.setdefault((row.item, row.revision), []).append(step)
    centres = {(centre.plant, centre.code): centre for centre in held["work_centres"]}
    centres = centres or {(plant, _WORK_CENTRE): WorkCentre(plant, _WORK_CENTRE, 1, True) for plant in plants}
    for item in items.values():
        if item.made and (item.number, item.revision) not in steps:
            first = next(iter(centres))[1]
            steps[item.number, item.revision] = [RoutingStep(10, first, "make", 60.0, 60.0)]
    return Dataset(
        seed=seed,
        plants=dict(plants),
        items=items,
        boms={key: Bom(*key, tuple(held_lines)) for key, held_lines in lines.items()},
        routings={key: Routing(*key, tuple(held_steps)) for key, held_steps in steps.items()},
        plant_items={(row.plant, row.item): row for row in held["cross_references"]},
        work_centres=centres,
        suppliers={row.code: row for row in held["suppliers"]},
        sources=tuple(held["sources"]),
        stock=tuple(held["stock"]),
        production_orders=tuple(held["production_orders"]),
        purchase_orders=tuple(held["purchase_orders"]),
    )
