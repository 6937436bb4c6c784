"""Master data survive CSV in whatever way it is written; what is wrong with a file is told all at once."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotplant.dataset.digest import digest
from pilotplant.dataset.generate import generate
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Dataset, Plant
from pilotplant.dataset.tables import TABLES, Writing, read_tables, write_tables
from pilotplant.kernel.draws import Draws
from pilotplant.model.errors import DocumentError

PLANTS = (
    Plant("DE01", "Leipzig", "Europe/Berlin", "EUR", True),
    Plant("US01", "Grand Rapids", "America/Detroit", "USD"),
)


def made(seed: int, items: int = 30) -> Dataset:
    return generate(DataPlan(plants=PLANTS, items=items), seed, Draws(seed))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    writing=st.builds(
        Writing,
        delimiter=st.sampled_from(",;\t|"),
        decimal=st.sampled_from(".,"),
        charset=st.sampled_from(("utf-8", "utf-16", "utf-8-sig", "gb18030")),
    ),
)
def test_data_survive_the_round_trip(seed: int, writing: Writing) -> None:
    dataset = made(seed)
    with TemporaryDirectory() as folder:
        write_tables(dataset, Path(folder), writing)
        again = read_tables(Path(folder), PLANTS, seed, writing)
    assert again == dataset and digest(again) == digest(dataset)
    assert any(number.startswith("0000") for number in again.items), "leading zeros are part of a number"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(made(1), tmp_path, Writing(";", ",", "utf-8"))
    return tmp_path


def problems_of(folder: Path, writing: Writing = Writing(";", ",", "utf-8")) -> dict[tuple[str, int, int], str]:  # noqa: B008
    with pytest.raises(DocumentError) as caught:
        read_tables(folder, PLANTS, 1, writing)
    return {(Path(p.path).name, p.line, p.column): p.message for p in caught.value.problems}


def test_everything_that_is_wrong_is_told_at_once(folder: Path) -> None:
    stock = folder / "stock.csv"
    lines = stock.read_text("utf-8").splitlines()
    first = lines[1].split(";")
    lines[1] = ";".join([first[0], "ITM-999999", first[2], "viel"])
    lines.append(f"XX99;{first[1]};L1;1,5")
    lines.append(f"{first[0]};{first[1]};L1;1.5")
    stock.write_text("\n".join(lines) + "\n", "utf-8")
    items = folder / "items.csv"
    items.write_text(items.read_text("utf-8").replace("description", "descripton", 1), "utf-8")
    (folder / "cross_references.csv").unlink()
    told = problems_of(folder)
    assert "did you mean `description`" in told["items.csv", 1, 2]
    assert "missing column(s) `description`" in told["items.csv", 1, 0]
    assert told["cross_references.csv", 0, 0] == "there is no such file"
    assert "must be a number" in told["stock.csv", 2, 4]
    last = len(lines)
    assert "there is no plant of the estate `XX99`" in told["stock.csv", last - 1, 1]
    assert "must be a number with `,`" in told["stock.csv", last, 4]


def test_references_duplicates_and_rows_that_are_too_short(folder: Path) -> None:
    boms = folder / "boms.csv"
    lines = boms.read_text("utf-8").splitlines()
    parent, revision, component, quantity, unit = lines[1].split(";")
    lines += [lines[1], f"{parent};{revision}", f"{parent};{revision};{component}x;{quantity};{unit}"]
    boms.write_text("\n".join(lines) + "\n", "utf-8")
    told = problems_of(folder)
    count = len(lines)
    assert "is on line 2 already" in told["boms.csv", count - 2, 0]
    assert "has 2 columns, the header has 5" in told["boms.csv", count - 1, 0]
    assert f"there is no item `{component}x`" in told["boms.csv", count, 3]


def test_hostile_files(folder: Path) -> None:
    (folder / "stock.csv").write_bytes(b"\xff\xfe\x00;\x00")
    (folder / "boms.csv").write_bytes(b"")
    told = problems_of(folder)
    assert "this is not text in utf-8" in told["stock.csv", 0, 0]
    assert "missing column(s)" in told["boms.csv", 1, 0]


def test_what_nobody_brings_is_made_up(folder: Path) -> None:
    for table in TABLES:
        if not table.needed:
            (folder / f"{table.name}.csv").unlink()
    (folder / "items.csv").write_text("\n".join((folder / "items.csv").read_text("utf-8").splitlines()), "utf-8")
    dataset = read_tables(folder, PLANTS, 1, Writing(";", ",", "utf-8"))
    made_items = [item for item in dataset.items.values() if item.made]
    assert made_items and all((item.number, item.revision) in dataset.routings for item in made_items)
    assert {code for _plant, code in dataset.work_centres} == {"WC-01"}


def test_a_charset_that_cannot_hold_a_text_is_told_before_anything_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        write_tables(made(1, 60), tmp_path, Writing(charset="cp1252"))
    assert "cannot be written in cp1252" in caught.value.problems[0].message


def changed(folder: Path, table: str, column: str, value: str, row: int = 1) -> None:
    path = folder / f"{table}.csv"
    lines = [line.split(";") for line in path.read_text("utf-8").splitlines()]
    lines[row][lines[0].index(column)] = value
    path.write_text("\n".join(";".join(cells) for cells in lines) + "\n", "utf-8")


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        ("items", "tracking", "banana", "must be one of none, lot, serial"),
        ("items", "revision", "1.0", "must be letters"),
        ("items", "number", "A|B", "must not contain"),
        ("items", "number", " ", "must not be empty"),
        ("boms", "quantity", "0", "must be more than 0"),
        ("boms", "unit", "PARSEC", "must be the unit of"),
        ("cross_references", "per_base", "-1", "must be more than 0"),
        ("work_centres", "capacity", "0", "must be at least 1"),
        ("routings", "cycle_s", "-5", "must be at least 0"),
        ("routings", "work_centre", "NOWHERE", "has no work centre `NOWHERE`"),
        ("stock", "quantity", "-5", "must be at least 0"),
        ("production_orders", "start_s", "1e300", "and at most 1e+10"),
        ("purchase_orders", "received", "1e9", "more than the `quantity`"),
    ],
)
def test_what_no_plant_has_is_told_at_its_cell(folder: Path, table: str, column: str, value: str, says: str) -> None:
    changed(folder, table, column, value)
    told = problems_of(folder)
    (place,) = told if column != "number" else {(name, line, at) for name, line, at in told if name == "items.csv"}
    header = (folder / f"{table}.csv").read_text("utf-8").splitlines()[0].split(";")
    assert place == (f"{table}.csv", 2, header.index(column) + 1) and says in told[place]


def test_a_structure_that_contains_itself(folder: Path) -> None:
    item = (folder / "boms.csv").read_text("utf-8").splitlines()[1].split(";")[0]
    unit = next(line for line in (folder / "items.csv").read_text("utf-8").splitlines() if line.startswith(f"{item};"))
    changed(folder, "boms", "component", item)
    changed(folder, "boms", "unit", unit.split(";")[2])
    assert f"a structure contains itself: {item} > {item}" in problems_of(folder)["boms.csv", 2, 3]


def test_orders_from_who_is_no_source(folder: Path) -> None:
    (folder / "sources.csv").unlink()
    told = problems_of(folder)
    assert told and {name for name, _line, _column in told} == {"purchase_orders.csv"}
    assert all("is no source of" in message for message in told.values())
