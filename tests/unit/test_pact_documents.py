"""Pact documents of every version are read; what is no pact is said with its place."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.contracts.pacts import interactions, read_folder
from pilotplant.model.errors import DocumentError

PARTIES: dict[str, Any] = {"consumer": {"name": "hub"}, "provider": {"name": "erp"}}
HTTP: dict[str, Any] = {
    "description": "an item is read",
    "request": {"method": "get", "path": "/items/1"},
    "response": {"status": 200},
}


def test_version_1_names_one_state_without_parameters() -> None:
    (found,) = interactions({**PARTIES, "interactions": [{**HTTP, "providerState": "an item"}]}, "a.json")
    assert (found.kind, found.method, found.path) == ("http", "GET", "/items/1")
    assert [(state.name, dict(state.parameters)) for state in found.states] == [("an item", {})]


def test_version_3_keeps_messages_apart() -> None:
    message = {"description": "told", "contents": {}, "providerStates": [{"name": "s", "params": {"a": 1}}]}
    (found,) = interactions({**PARTIES, "messages": [message]}, "a.json")
    assert found.kind == "message" and found.states[0].parameters == {"a": 1}
    assert found.pact["messages"] == [message]


def test_version_4_says_the_kind_of_each() -> None:
    entries = [
        {**HTTP, "contents": {}, "type": kind}
        for kind in ("Synchronous/HTTP", "Asynchronous/Messages", "Synchronous/Messages")
    ]
    found = list(interactions({**PARTIES, "interactions": entries}, "a.json"))
    assert [each.kind for each in found] == ["http", "message", "other"]
    assert all(each.pact["interactions"] == [entry] for each, entry in zip(found, entries, strict=True))


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "a pact is an object"),
        ({"provider": {"name": "erp"}, "interactions": []}, "a pact names its consumer"),
        ({**PARTIES}, "a pact has `interactions`"),
        ({**PARTIES, "interactions": {}}, "`interactions` of a pact is a list"),
        ({**PARTIES, "interactions": [{"request": {}}]}, "interaction 1 has no `description`"),
        ({**PARTIES, "interactions": [{**HTTP, "providerStates": ["x"]}]}, "a provider state has a `name`"),
        ({**PARTIES, "interactions": [{**HTTP, "providerStates": "x"}]}, "`providerStates` is a list"),
        ({**PARTIES, "interactions": [{**HTTP, "providerState": 7}]}, "a provider state has a `name`"),
        ({**PARTIES, "interactions": [{**HTTP, "providerStates": [{"name": "s", "params": [1]}]}]}, "`params` of the"),
        ({**PARTIES, "interactions": [{"description": "x"}]}, "interaction 1 has no `request`"),
        ({**PARTIES, "interactions": [{**HTTP, "response": None}]}, "interaction 1 has no `response`"),
        ({**PARTIES, "interactions": [{**HTTP, "response": {"status": "200"}}]}, "`status` is a number"),
        ({**PARTIES, "interactions": [{**HTTP, "request": {"method": "GET"}}]}, "`request` has no `path`"),
        ({**PARTIES, "interactions": [{**HTTP, "request": {"method": "FETCH", "path": "/"}}]}, "no method `FETCH`"),
        ({**PARTIES, "interactions": [{**HTTP, "request": {"method": "GET", "path": "x"}}]}, "begins with /"),
        ({**PARTIES, "interactions": [{**HTTP, "type": "Synchronous/Http"}]}, "did you mean `Synchronous/HTTP`"),
        ({**PARTIES, "messages": [{"description": "x"}]}, "interaction 1 has no `contents`"),
        ({**PARTIES, "metadata": {"pactSpecification": {"version": "9.0"}}, "interactions": [HTTP]}, "version 9.0"),
        ({**PARTIES, "metadata": {"pact-specification": {"version": "9.0"}}, "interactions": [HTTP]}, "version 9.0"),
    ],
)
def test_what_is_no_pact_is_said(document: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        list(interactions(document, "a.json"))


def test_everything_that_is_wrong_in_a_folder_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    (tmp_path / "c.json").write_bytes(msgspec.json.encode({"consumer": 7}))
    (tmp_path / "d.json").write_bytes(msgspec.json.encode({**PARTIES, "interactions": [HTTP]}))
    with pytest.raises(DocumentError) as caught:
        read_folder(tmp_path)
    assert [Path(problem.path).name for problem in caught.value.problems] == ["a.json", "b.json", "c.json"]
