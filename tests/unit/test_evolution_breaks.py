"""Changes that are easily passed over are found, and what only looks like one is not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotplant.contracts.evolution import flows
from pilotplant.contracts.evolution.change import ANSWER, Change, Compared
from pilotplant.contracts.evolution.comparing import compare
from pilotplant.contracts.evolution.interfaces import compare as compare_interfaces
from pilotplant.contracts.evolution.schemas import Comparison
from pilotplant.flows.grammar import FlowSpec, StepSpec
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.scenario.loading import read_flow

TEXT: dict[str, Any] = {"type": "string"}
JSON = "application/json"
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "security": [{"key": []}],
    "paths": {
        "/items/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": TEXT}],
            "get": {
                "parameters": [{"$ref": "#/components/parameters/Limit"}],
                "responses": {"200": {"$ref": "#/components/responses/Item"}},
            },
            "put": {
                "requestBody": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Item"}}}},
                "responses": {
                    "200": {
                        "headers": {"ETag": {"required": True, "schema": TEXT}, "X-Hint": {"schema": TEXT}},
                        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Item"}}},
                    }
                },
            },
        }
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "token": {"type": "http", "scheme": "bearer"},
        },
        "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}},
        "responses": {"Item": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Item"}}}}},
        "schemas": {
            "Item": {
                "type": "object",
                "required": ["item"],
                "properties": {
                    "item": TEXT,
                    "next": {"$ref": "#/components/schemas/Item", "description": "what follows"},
                },
            }
        },
    },
}


def put(document: dict[str, Any]) -> Any:
    return document["paths"]["/items/{id}"]["put"]


def answer(document: dict[str, Any]) -> Any:
    return put(document)["responses"]["200"]


def parts(document: dict[str, Any]) -> Any:
    return document["components"]


def renamed(document: dict[str, Any]) -> None:
    item = document["paths"]["/items/{item}"] = document["paths"].pop("/items/{id}")
    item["parameters"][0]["name"] = "item"


CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any], str, bool, bool]] = [
    ("body gone", lambda d: answer(d).pop("content"), "PUT /items/{id} 200 has no body any more", True, False),
    ("an empty body", lambda d: put(d)["responses"].update({"200": {**answer(d), "content": {}}}),
     "has no body", True, False),
    ("other credentials", lambda d: d.update(security=[{"token": []}]),
     "security does not let in who comes with key any more",
     True, True),
    ("more credentials", lambda d: d.update(security=[{"key": [], "token": []}]),
     "does not let in who comes with key", True, False),
    ("no credentials", lambda d: d.pop("security"), "security lets in who comes with no credentials", False, True),
    ("a choice of credentials", lambda d: d["security"].append({"token": []}),
     "lets in who comes with token", False, True),
    ("another header for the key", lambda d: parts(d)["securitySchemes"]["key"].update(name="x-key"),
     "does not let in", True, True),
    ("credentials of one operation", lambda d: put(d).update(security=[{"token": ["write"]}]),
     "PUT /items/{id} security does not let in who comes with key", True, True),
    ("header gone", lambda d: answer(d)["headers"].pop("ETag"), "PUT /items/{id} 200 header ETag is gone", True, False),
    ("a header that was optional", lambda d: answer(d)["headers"].pop("X-Hint"),
     "200 header X-Hint is gone", False, False),
    ("header of another type", lambda d: answer(d)["headers"]["ETag"].update(schema={"type": "integer"}),
     "200 header ETag is integer, was string", True, True),
    ("header new", lambda d: answer(d)["headers"].update({"Sunset": {"schema": TEXT}}),
     "header Sunset is new", False, False),
    ("an answer that is referred to", lambda d: parts(d)["responses"]["Item"].pop("content"),
     "GET /items/{id} 200 has no body any more", True, False),
    ("a parameter that is referred to", lambda d: parts(d)["parameters"]["Limit"].update(required=True),
     "GET /items/{id} query limit is required now", True, False),
    ("a parameter of the path", lambda d: d["paths"]["/items/{id}"]["parameters"][0].update(schema={"type": "integer"}),
     "GET /items/{id} path id is integer, was string", True, True),
    ("another name in the path", renamed, "GET /items/{id} path id is called item now", False, False),
    ("a parameter in another style", lambda d: parts(d)["parameters"]["Limit"].update(style="pipeDelimited"),
     "is written as pipeDelimited", True, True),
    ("a request without a body", lambda d: put(d).pop("requestBody"), "PUT /items/{id} body is gone", True, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said", "consumer", "producer"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_changes_of_an_interface(change: Callable[[Any], Any], said: str, consumer: bool, producer: bool) -> None:
    new = copy.deepcopy(DOCUMENT)
    change(new)
    found = list(compare_interfaces("erp.json", DOCUMENT, new))
    assert any(said in f"{each.place} {each.what}" for each in found), [f"{each.place} {each.what}" for each in found]
    assert (any(e.breaks_consumer for e in found), any(e.breaks_producer for e in found)) == (consumer, producer)
    assert all(each.breaking or each.because for each in found), "what breaks nobody says why not"


OPEN: dict[str, Any] = {"type": "object"}
NODE: dict[str, Any] = {"$ref": "#/x"}


@pytest.mark.parametrize(
    ("old", "new", "consumer", "producer"),
    [
        ({"allOf": [{"required": ["a"], "properties": {"a": TEXT}}]}, {"properties": {"a": TEXT}}, True, False),
        ({"allOf": [{"type": "string"}, {"maxLength": 9}]},
         {"allOf": [{"type": "string"}, {"maxLength": 5}]}, False, True),
        ({"properties": {"a": {}}}, {"properties": {"a": TEXT}}, False, True),
        ({"properties": {"a": TEXT}}, {"properties": {"a": {}}}, True, False),
        ({"items": {}}, {"items": TEXT}, False, True),
        ({**OPEN, "additionalProperties": TEXT}, {**OPEN, "additionalProperties": {"type": "integer"}}, True, True),
        ({**OPEN, "additionalProperties": TEXT}, OPEN, True, False),
        (OPEN, {**OPEN, "additionalProperties": TEXT}, False, True),
        ({**OPEN, "additionalProperties": False}, OPEN, True, False),
        (TEXT, {"anyOf": [TEXT, {"type": "null"}]}, True, False),
        ({"anyOf": [TEXT, {"type": "null"}]}, TEXT, False, True),
        ({"type": "string", "nullable": True}, TEXT, False, True),
        ({"const": "a"}, {"const": "b"}, True, True),
        ({"const": "a"}, {"enum": ["a", "b"]}, True, False),
        ({"prefixItems": [TEXT]}, {"prefixItems": [{"type": "integer"}]}, True, True),
        ({"oneOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]},
         {"oneOf": [{"properties": {"a": TEXT}}, {"properties": {"b": {"type": "integer"}}}]}, True, True),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 2}, False, True),
    ],
)  # fmt: skip
def test_changes_of_schemas(old: Any, new: Any, consumer: bool, producer: bool) -> None:
    found = list(Comparison("x.json", old, new, ANSWER).compare(old, new, ""))
    assert found
    assert (any(e.breaks_consumer for e in found), any(e.breaks_producer for e in found)) == (consumer, producer)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"allOf": [{"type": "object"}, {"properties": {"a": TEXT}}]}, {"type": "object", "properties": {"a": TEXT}}),
        ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"type": "string", "nullable": True}, {"oneOf": [TEXT, {"type": "null"}]}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"$ref": "#/$defs/A", "$defs": {"A": TEXT}}, {"anyOf": [{"$ref": "#/$defs/B"}], "$defs": {"B": TEXT}}),
        ({**OPEN, "additionalProperties": True}, OPEN),
        ({**OPEN, "description": "one"}, {**OPEN, "description": "another"}),
    ],
)
def test_the_same_in_other_words_is_the_same(old: Any, new: Any) -> None:
    assert list(Comparison("x.json", old, new, ANSWER).compare(old, new, "")) == []


def test_structures_that_contain_themselves_twice_come_to_an_end() -> None:
    node = {
        "properties": {n: {"$ref": "#/$defs/N", "description": n} for n in "abcd"},
        "allOf": [{"$ref": "#/$defs/N"}],
    }
    old = {"$ref": "#/$defs/N", "$defs": {"N": node}}
    new = json.loads(json.dumps(old))
    new["$defs"]["N"]["properties"]["e"] = TEXT
    assert list(Comparison("x.json", old, new, ANSWER).compare(old, new, ""))


FLOW: dict[str, Any] = yaml.safe_load("""
flow: changes
trigger: plm.change.released
when: {kind: [change]}
cancelled_by: plm.change.cancelled
scope: [change, plant]
for_each: affected-items
steps:
  erp: {event: erp.version.activated, by: [plant, item, revision], refused_by: erp.version.rejected}
  book: {commit: erp.stock.post, by: [plant, item], aggregate: {by: [plant, item], window: 60s}}
""")
BOOK: Callable[[Any], Any] = lambda f: f["steps"]["book"]  # noqa: E731


@pytest.mark.parametrize(
    ("change", "place", "breaks"),
    [
        (lambda f: f.pop("cancelled_by"), "cancelled_by", True),
        (lambda f: f.update(cancelled_by="plm.change.closed"), "cancelled_by", True),
        (lambda f: f["when"].update(kind=["change", "launch"]), "when.kind", True),
        (lambda f: f["steps"]["erp"].pop("refused_by"), "erp.refused_by", True),
        (lambda f: f["steps"]["erp"].update(refused_by="erp.job.failed"), "erp.refused_by", True),
        (lambda f: BOOK(f).pop("aggregate"), "book.aggregate", True),
        (lambda f: BOOK(f)["aggregate"].update(window="30s"), "book.aggregate.window", True),
        (lambda f: BOOK(f)["aggregate"].update(window="90s"), "book.aggregate.window", False),
        (lambda f: BOOK(f)["aggregate"].update(by=["item"]), "book.aggregate.by", True),
        (lambda f: f.update(criticality="high"), "criticality", False),
    ],
)
def test_changes_of_a_flow(change: Callable[[Any], Any], place: str, breaks: bool) -> None:
    new = copy.deepcopy(FLOW)
    change(new)
    before, after = FlowSpec.model_validate(FLOW), FlowSpec.model_validate(new)
    (told,) = flows.compare("f.yaml", before, after)
    assert (told.place, bool(told.breaks_consumer)) == (place, breaks)
    assert told.breaking or told.because
    (back,) = flows.compare("f.yaml", after, before)
    assert back.place == place


def test_no_field_of_the_grammar_is_passed_over() -> None:
    """Whoever adds one has to say what its change means."""
    source = Path(flows.__file__).read_text(encoding="utf-8")
    words = {*FlowSpec.model_fields, *StepSpec.model_fields} - {"flow", "about", "commit", "event"}
    assert [word for word in sorted(words) if word not in source] == []


def both(folder: Path, old: Any, new: Any, name: str = "erp.json") -> Compared:
    for version, content in (("old", old), ("new", new)):
        (folder / version).mkdir(exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / version / name).write_text(text, encoding="utf-8")
    return compare(folder / "old" / name, folder / "new" / name, read_flow)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"name": "pilotplant", "private": True}, "this is no contract"),
        ({}, "this is no contract"),
        ({"openapi": "3.1.0", "paths": 5}, "`/paths` has to be a mapping"),
        ({"paths": {"/a": {"get": []}}}, "`/paths//a/get` has to be a mapping"),
        (
            {"paths": {"/a": {"get": {"responses": {"200": {"content": {JSON: {"schema": {"$ref": "#/no"}}}}}}}}},
            "leads nowhere",
        ),
        ({"paths": {"/a": {"$ref": "other.yaml#/a"}}}, "leads out of the document"),
        ({"type": "object", "required": 5}, "`/required` has to be a list of names"),
        ({"swagger": "2.0", "paths": {}}, "convert it to OpenAPI 3"),
        ({"openapi": "3.1.0", "paths": {}}, "describes any operation"),
        ({"asyncapi": "3.0.0"}, "describes no message"),
        ('{"a":' * 5000, "this is not JSON"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises((DocumentError, UsageError)) as caught:
        both(tmp_path, content, content)
    problems = getattr(caught.value, "problems", ())
    assert said in " ".join([str(caught.value), *(problem.message for problem in problems)])


def test_two_kinds_of_documents_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is an interface in one version and an event in the other"):
        both(tmp_path, DOCUMENT, {"type": "object"})


@pytest.mark.parametrize("version", ["2", "3"])
def test_events_of_asyncapi_are_compared(tmp_path: Path, version: str) -> None:
    def document(schema: Any) -> dict[str, Any]:
        if version == "3":
            return {"asyncapi": "3.0.0", "components": {"messages": {"item.changed": {"payload": schema}}}}
        message = {"name": "item.changed", "payload": schema}
        return {"asyncapi": "2.6.0", "channels": {"items": {"subscribe": {"message": message}}}}

    old = {"type": "object", "required": ["unit"], "properties": {"unit": TEXT}}
    both(tmp_path, document(old), document(OPEN), "asyncapi.json")
    for found in (
        compare(tmp_path / "old", tmp_path / "new", read_flow),
        compare(tmp_path / "old/asyncapi.json", tmp_path / "new/asyncapi.json", read_flow),
    ):
        (told,) = found.changes
        assert (told.document, told.place, told.what) == (
            "item.changed.json",
            ".unit",
            "is gone",
        ) and told.breaks_consumer


def test_interfaces_in_yaml_are_compared(tmp_path: Path) -> None:
    new = copy.deepcopy(DOCUMENT)
    answer(new).pop("content")
    found = both(tmp_path, yaml.safe_dump(DOCUMENT), yaml.safe_dump(new), "erp.yaml")
    assert [each.what for each in found.changes] == ["has no body any more"]


def _places(value: Any, *path: Any) -> list[tuple[Any, ...]]:
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in held for place in _places(each, *path, key))]


PLACES = [place for place in _places(DOCUMENT) if place]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 5, -1.5, True, "x", "#/paths", [], [5], ["x"], [{}], {}, {"x": 5}, {"$ref": "#/paths"}]
)


@settings(max_examples=80)
@given(place=st.sampled_from(PLACES), odd=ODD)
def test_nothing_odd_ends_in_a_traceback(
    place: tuple[Any, ...], odd: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    new = copy.deepcopy(DOCUMENT)
    holder: Any = new
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = odd
    folder = tmp_path_factory.mktemp("odd")
    for old, other in ((DOCUMENT, new), (new, DOCUMENT)):
        try:
            found: tuple[Change, ...] = both(folder, old, other).changes
        except (DocumentError, UsageError):
            continue
        assert all(each.place and each.what for each in found)
