"""Differences of contracts are classified: whom they break, and why."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pilotplant.contracts.evolution import flows
from pilotplant.contracts.evolution.change import ANSWER, Change, Compared
from pilotplant.contracts.evolution.comparing import compare
from pilotplant.contracts.evolution.interfaces import compare as compare_interfaces
from pilotplant.contracts.evolution.schemas import Comparison
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.errors import UsageError
from pilotplant.scenario.loading import read_flow

ITEM: dict[str, Any] = {
    "type": "object",
    "required": ["item", "unit"],
    "properties": {
        "item": {"type": "string"},
        "unit": {"enum": ["EA", "KG"]},
        "text": {"type": "string"},
        "weight": {"type": "number", "minimum": 0},
    },
}
SENT: dict[str, Any] = {**copy.deepcopy(ITEM), "additionalProperties": False}
OPERATION: dict[str, Any] = {
    "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Sent"}}},
    },
    "responses": {
        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
        "404": {},
    },
}
DOCUMENT: dict[str, Any] = {
    "paths": {"/items": {"put": OPERATION}},
    "components": {"schemas": {"Item": ITEM, "Sent": SENT}},
}
FLOW: dict[str, Any] = yaml.safe_load("""
flow: changes
trigger: plm.change.released
scope: [change, plant]
for_each: affected-items
steps:
  erp: {commit: erp.bom.release, by: [plant, item, revision]}
  mes: {commit: mes.routing.publish, by: [plant, item, revision], after: [erp], guard: executable}
within: {mes: {p95: 60s}}
""")


def item(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Item"]


def sent(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Sent"]


def put(document: dict[str, Any]) -> Any:
    return document["paths"]["/items"]["put"]


TWELVE: list[tuple[str, Callable[[dict[str, Any]], Any], str, str, bool, bool]] = [
    # what, how, where, what is said, does it break the consumer, does it break the producer
    ("a field of an answer is gone", lambda d: (item(d)["properties"].pop("unit"), item(d)["required"].remove("unit")),
     "PUT /items 200.unit", "is gone", True, False),
    ("a field has another type", lambda d: item(d)["properties"]["item"].update(type="integer"),
     "PUT /items 200.item", "is integer, was string", True, True),
    ("a new value in an answer", lambda d: item(d)["properties"]["unit"]["enum"].append("M"),
     "PUT /items 200.unit", "has a new value `M`", True, False),
    ("a field has to be sent",
     lambda d: (sent(d)["properties"].update(site={"type": "string"}), sent(d)["required"].append("site")),
     "PUT /items body.site", "is new and required", True, True),
    ("an operation is gone", lambda d: d["paths"].pop("/items"), "PUT /items", "is gone", True, False),
    ("a parameter has to be given", lambda d: put(d)["parameters"][0].update(required=True),
     "PUT /items query limit", "is required now", True, False),
    ("a field is added to an answer", lambda d: item(d)["properties"].update(colour={"type": "string"}),
     "PUT /items 200.colour", "is new and optional", False, False),
    ("an optional field of an answer is gone", lambda d: item(d)["properties"].pop("text"),
     "PUT /items 200.text", "is gone", False, False),
    ("an operation is deprecated", lambda d: put(d).update(deprecated=True),
     "PUT /items", "is deprecated", False, False),
    ("a new refusal", lambda d: put(d)["responses"].update({"409": {}}),
     "PUT /items 409", "is a new refusal", False, False),
    ("a value is not answered any more", lambda d: item(d)["properties"]["unit"]["enum"].remove("KG"),
     "PUT /items 200.unit", "has lost its value `KG`", False, True),
    ("a new operation", lambda d: d["paths"].update({"/orders": {"get": {"responses": {}}}}),
     "GET /orders", "is new", False, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "place", "what", "consumer", "producer"), [t[1:] for t in TWELVE], ids=[t[0] for t in TWELVE]
)
def test_twelve_changes_of_an_interface(
    change: Callable[[dict[str, Any]], Any], place: str, what: str, consumer: bool, producer: bool
) -> None:
    new = copy.deepcopy(DOCUMENT)
    change(new)
    found = list(compare_interfaces("erp.json", DOCUMENT, new))
    (told,) = found
    assert (told.place, told.what) == (place, what)
    assert (bool(told.breaks_consumer), bool(told.breaks_producer)) == (consumer, producer)
    assert told.breaking or told.because, "what breaks nobody says why not"


def test_six_of_the_twelve_break_consumers() -> None:
    assert sum(consumer for *_rest, consumer, _producer in TWELVE) == 6


def test_a_request_is_read_the_other_way_round() -> None:
    """A new value breaks who reads it: of a request that is the system."""
    new = copy.deepcopy(DOCUMENT)
    sent(new)["properties"]["unit"]["enum"].append("M")
    (told,) = compare_interfaces("erp.json", DOCUMENT, new)
    assert not told.breaks_consumer and told.breaks_producer
    new = copy.deepcopy(DOCUMENT)
    del sent(new)["properties"]["text"]
    (told,) = compare_interfaces("erp.json", DOCUMENT, new)
    assert told.breaks_consumer == "whoever still sends it is refused"


@pytest.mark.parametrize(
    ("old", "new", "reader", "writer"),
    [
        ({"type": "integer"}, {"type": "number"}, True, False),
        ({"type": "number"}, {"type": "integer"}, False, True),
        ({"minimum": 0}, {"minimum": 1}, False, True),
        ({"minimum": 1}, {"minimum": 0}, True, False),
        ({"maxLength": 10}, {}, True, False),
        ({}, {"maxLength": 10}, False, True),
        ({"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, True, False),
        ({"items": {"type": "string"}}, {"items": {"type": "integer"}}, True, True),
        ({"format": "date"}, {"format": "date-time"}, True, True),
        ({"enum": ["a"]}, {"type": "string"}, True, False),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}, False, True),
    ],
)
def test_schemas_are_compared_for_readers_and_writers(old: Any, new: Any, reader: bool, writer: bool) -> None:
    (told,) = Comparison("x.json", old, new, ANSWER).compare(old, new, "")
    assert (bool(told.breaks_consumer), bool(told.breaks_producer)) == (reader, writer)


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    node: dict[str, Any] = {"$defs": {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}}}
    old = {**node, "$ref": "#/$defs/N"}
    assert list(Comparison("x.json", old, copy.deepcopy(old), ANSWER).compare(old, copy.deepcopy(old), "")) == []


@pytest.mark.parametrize(
    ("change", "place", "breaks"),
    [
        (lambda f: f["steps"].update(wms={"commit": "wms.disposition.set", "by": ["plant", "item"]}), "wms", True),
        (lambda f: f["steps"].pop("mes"), "mes", True),
        (lambda f: f["steps"]["mes"].pop("after"), "mes.after", False),
        (lambda f: f["steps"]["erp"].update(after=["mes"]), "erp.after", True),
        (lambda f: f["steps"]["mes"].update(guard="transfer"), "mes.guard", True),
        (lambda f: f["steps"]["mes"].update(severity="warn"), "mes.severity", False),
        (lambda f: f["steps"]["mes"].update(actor="either"), "mes.actor", False),
        (lambda f: f["within"]["mes"].update(p95="30s"), "within.mes.p95", True),
        (lambda f: f["within"]["mes"].update(p95="90s"), "within.mes.p95", False),
        (lambda f: f.update(coalesce="every"), "coalesce", True),
        (lambda f: f.update(on_reject={"of": ["erp"]}), "on_reject", True),
        (lambda f: f.update(trigger="plm.change.approved"), "trigger", True),
    ],
)
def test_changes_of_a_flow(change: Callable[[dict[str, Any]], Any], place: str, breaks: bool) -> None:
    new = copy.deepcopy(FLOW)
    change(new)
    if place == "mes" and breaks and "mes" not in new["steps"]:
        new.pop("within")
    found = list(flows.compare("f.yaml", FlowSpec.model_validate(FLOW), FlowSpec.model_validate(new)))
    told: Change = next(each for each in found if each.place == place)
    assert bool(told.breaks_consumer) == breaks
    assert told.breaking or told.because


def test_folders_are_compared_document_by_document(tmp_path: Path, repository: Path) -> None:
    contracts = repository / "contracts"
    assert compare(contracts, contracts, read_flow).changes == ()
    for version in ("old", "new"):
        (tmp_path / version / "events").mkdir(parents=True)
    (tmp_path / "old/events/a.json").write_bytes(msgspec.json.encode(ITEM))
    (tmp_path / "new/events/b.json").write_bytes(msgspec.json.encode(ITEM))
    found: Compared = compare(tmp_path / "old", tmp_path / "new", read_flow)
    assert [(each.document, each.what, bool(each.breaks_consumer)) for each in found.changes] == [
        ("events/a.json", "is gone", True),
        ("events/b.json", "is new", False),
    ]


def test_nothing_to_compare_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no contracts"):
        compare(tmp_path, tmp_path, read_flow)
    with pytest.raises(UsageError, match="no file or folder"):
        compare(tmp_path / "a", tmp_path, read_flow)
