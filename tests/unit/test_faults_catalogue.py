"""What people are told of faults is read off the classes, and complete."""

from pathlib import Path

import pytest
import yaml

from pilotplant.faults.catalogue import Entry, entries
from pilotplant.faults.fault import fault_kinds
from pilotplant.faults.outage import Outage

DOCS = Path(__file__).parents[2] / "docs/faults.md"
ALL = list(entries())


def test_every_fault_has_an_entry() -> None:
    assert [entry.kind for entry in ALL] == sorted(fault_kinds())


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.kind)
def test_an_entry_says_everything(entry: Entry) -> None:
    settings = yaml.safe_load(entry.example)
    given = fault_kinds()[entry.kind].model_validate(settings)
    assert given.KIND == settings["fault"] == entry.kind
    assert given.objection() == ""
    fields = (*entry.own, *entry.common)
    assert {field.name for field in fields} | {"fault"} == set(fault_kinds()[entry.kind].model_fields)
    assert all(field.about and field.takes and field.default for field in fields), "each field says what it is"
    assert entry.about.endswith((".", "!")) and entry.strikes


def test_fields_are_told_in_words() -> None:
    (entry,) = (entry for entry in ALL if entry.kind == Outage.KIND)
    assert [(field.name, field.takes, field.default) for field in entry.own] == [
        ("answer", "unavailable | dropped", "unavailable"),
        ("retry_after_s", "number", "not set"),
    ]
    assert {field.name: field.takes for field in entry.common} == {
        "match": "mapping",
        "probability": "number",
        "nth": "whole number",
        "max_count": "whole number",
        "window": "mapping",
        "key": "text",
    }


def test_the_table_in_the_docs_is_complete() -> None:
    shown = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")]
    expected = []
    for entry in ALL:
        settings = ", ".join(f"`{field.name}`" for field in entry.own) or "–"
        expected.append(f"| `{entry.kind}` | {entry.strikes} | {entry.about.splitlines()[0]} | {settings} |")
    assert shown == expected
