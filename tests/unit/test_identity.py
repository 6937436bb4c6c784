"""Identities that a target sets in its own way are found; where they cannot be, nothing is guessed."""

from typing import Any

import msgspec
import pytest

from pilotplant.model.operation import Operation
from pilotplant.systems import catalog
from pilotplant.systems.erp.stock import PostLine, PostStock
from pilotplant.systems.identified import Several
from pilotplant.target.checking import flaws_of_target
from pilotplant.target.extensions import extended
from pilotplant.target.identity import Identities, Rule
from pilotplant.target.model import TargetSpec

POST = "erp.stock.post"
FIELDS: dict[str, Any] = {"lines.item_text": "text", "doc_type": "text", "doc_number": "text"}
OPERATION: Operation = extended(catalog.operations(), {POST: FIELDS})[POST]


def posting(*texts: str | None, **header: Any) -> Any:
    lines = [
        {"movement": "receipt", "item": "A", "quantity": 1, "unit": "EA", **({"item_text": text} if text else {})}
        for text in texts
    ]
    given = {"plant": "DE01", "posting_date": "2026-03-02", "lines": lines, **header}
    return msgspec.convert(given, OPERATION.command)


def sources(command: Any, *rules: dict[str, Any], promised: dict[str, None] | None = None) -> list[str]:
    identities = Identities({POST: {"source_document": [Rule.model_validate(rule) for rule in rules]}})
    identities.promised = promised or {}
    found = identities.find(OPERATION, command)
    return [getattr(line, "source_document", "") for line in found.lines]


TEXT = {"field": "lines.item_text", "pattern": r"CNF-\d+"}


def test_custom_fields_are_accepted_and_others_still_refused() -> None:
    assert posting("x").lines[0].item_text == "x"
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        posting("x", batch=1)
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**msgspec.to_builtins(posting("x"))}, catalog.operations()[POST].command)


def test_a_pattern_over_a_text_finds_each_lines_own() -> None:
    assert sources(posting("of CNF-12", "nothing", None, "CNF-7 and CNF-8"), TEXT) == ["CNF-12", "", "", "CNF-7"]


def test_a_line_that_sums_up_several_has_them_all() -> None:
    (found,) = sources(posting("CNF-1 CNF-2 CNF-1"), {**TEXT, "all": True})
    assert isinstance(found, Several) and found.parts == ("CNF-1", "CNF-2")


def test_the_first_rule_that_finds_something_decides() -> None:
    rules = ({"field": "source_document"}, TEXT)
    assert sources(posting("CNF-1", source_document="CNF-9"), *rules) == ["CNF-9"]
    assert sources(posting("CNF-1"), *rules) == ["CNF-1"]


def test_a_composite_needs_all_its_parts() -> None:
    rule = {"composite": "{doc_type}-{doc_number}"}
    assert sources(posting("x", doc_type="CNF", doc_number="0000012"), rule) == ["CNF-0000012"]
    assert sources(posting("x", doc_type="CNF"), rule) == [""]


def test_a_named_group_is_the_key() -> None:
    rule = {"field": "text", "pattern": r"(?P<year>\d{4})/(?P<source_document>\w+-\d+)"}
    assert sources(posting("x", text="2026/CNF-3"), rule) == ["CNF-3"]


def test_what_was_cut_off_is_completed_from_what_is_promised() -> None:
    rule = {"field": "lines.item_text", "truncated": {"to": 5, "keep": "end"}}
    promised = {f"{POST}|DE01|CNF-00{n:05d}|receipt|A|": None for n in (12, 13)}
    promised[f"{POST}|US01|CNF-1100012|receipt|A|"] = None
    assert sources(posting("00012"), rule, promised=promised) == ["CNF-0000012"]
    assert sources(posting("00099"), rule, promised=promised) == [""]
    promised[f"{POST}|DE01|CNF-9900012|receipt|A|"] = None
    assert sources(posting("00012"), rule, promised=promised) == [""], "two can be meant, so none is"


def test_what_else_a_pattern_tells_of_a_text_that_was_cut_off_is_kept() -> None:
    rule = {
        "field": "lines.item_text",
        "pattern": r"(?P<source_document>\d{5})/(?P<lot>\w+)",
        "truncated": {"to": 5, "keep": "end"},
    }
    identities = Identities({POST: {"source_document": [Rule.model_validate(rule)]}})
    identities.promised = {f"{POST}|DE01|CNF-0000012|receipt|A|": None}
    (line,) = identities.find(OPERATION, posting("00012/L7")).lines
    assert (line.source_document, line.lot) == ("CNF-0000012", "L7")
    (line,) = identities.find(OPERATION, posting("00099/L7")).lines
    assert (getattr(line, "source_document", ""), line.lot) == ("", "L7"), "nothing is guessed"


def test_what_stands_in_no_list_takes_the_place_of_the_field() -> None:
    operation = catalog.operations()["desk.exception.raise"]
    rules = {"subject": [Rule(field="subject", pattern=r"ECO-\d+")]}
    told = {"flow": "f", "subject": "Change ECO-000003, urgent", "plant": "DE01", "owner": "planning", "reason": "r"}
    command = msgspec.convert(told, operation.command)
    assert Identities({operation.name: rules}).find(operation, command).subject == "ECO-000003"


def test_nothing_is_changed_where_there_are_no_rules() -> None:
    command = PostStock(
        plant="DE01",
        posting_date=posting("x").posting_date,
        lines=(PostLine(movement="receipt", item="A", quantity=1.0, unit="EA"),),
    )
    assert Identities({}).find(OPERATION, command) is command


def test_rules_about_what_does_not_exist_are_told() -> None:
    target = TargetSpec.model_validate(
        {
            "target": "hub",
            "deliver": {"url": "http://h/"},
            "extensions": {POST: {"lines.item_text": "text", "plant": "text", "linse.x": "text"}, "erp.stock.pots": {}},
            "identity": {
                POST: {
                    "source_dokument": [{"field": "lines.item_txt"}],
                    "source_document": [
                        {"composite": "{plant}-{batch}"},
                        {"field": "lines.item_text", "pattern": "(?P<source_dokument>CNF)-(?P<lot>.)"},
                    ],
                },
                "erp.stock.pots": {},
            },
        }
    )
    assert {flaw.path for flaw in flaws_of_target(target)} == {
        ("extensions", POST, "plant"),
        ("extensions", POST, "linse.x"),
        ("extensions", "erp.stock.pots"),
        ("identity", POST, "source_dokument"),
        ("identity", POST, "source_dokument", 0, "field"),
        ("identity", POST, "source_document", 0, "composite"),
        ("identity", POST, "source_document", 1, "pattern"),
        ("identity", "erp.stock.pots"),
    }


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"field": "a", "composite": "{b}"},
        {"field": "a", "all": True},
        {"field": "a", "pattern": "("},
        {"composite": "CNF"},
        {"composite": "{}"},
    ],
)
def test_rules_that_mean_nothing(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"reads either|goes with|no regular expression|names the fields"):
        Rule.model_validate(rule)
