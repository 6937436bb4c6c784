"""A real system and its simulator are asked the same: differences are told, likeness is silent, nothing is written."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotplant.conformance.binding import EVERYWHERE, Bindings, Unbound, bound, read_bindings
from pilotplant.conformance.fidelity import RealSystem, compare, differences
from pilotplant.conformance.stage import Scenery
from pilotplant.conformance.verification import Verification
from pilotplant.contracts.pacts import Interaction, interactions, read_folder
from pilotplant.model.errors import DocumentError, TargetError, UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.resources import find_project
from pilotplant.scenario.loading import load_estate
from tests.contract.stand_ins import Answer, Handle, serving
from tests.estates import EPOCH

BINDINGS: Bindings = {
    "an item at a plant": {"plant": "1000", "item": "MAT 4711"},
    "no such item at the plant": {"plant": "1000", "item": "MAT-NONE"},
}
WANTED = {
    "an item at a plant is read": "GET",
    "an item that the plant does not know is read": "GET",
    "an item is made known to a plant": "PUT",
}
ITEM: dict[str, Any] = {
    "plant": "1000",
    "item": "MAT 4711",
    "description": "Gehäuse",
    "unit": "ST",
    "revision": "02",
    "base_unit": "ST",
    "per_base": 1.0,
    "lot_size": 1.0,
    "row": 7,
    "colour": "what only this system has",
}
PROBLEM: dict[str, Any] = {
    "type": "urn:x",
    "title": "no",
    "status": 422,
    "code": "item-not-at-plant",
    "definite": True,
    "items": ["MAT-NONE"],
}


@cache
def scenery(repository: Path) -> Scenery:
    return Scenery(load_estate(find_project(str(repository), {}, repository), "three-plants"), 0, EPOCH)


def pacts(repository: Path) -> list[Interaction]:
    found = read_folder(repository / "contracts" / "pacts" / "reference-erp.json")
    return [each for each in found if each.description in WANTED]


class System:
    """A stand-in for an ERP; a test says how it differs."""

    def __init__(self, item: Mapping[str, Any] = ITEM, problem: Mapping[str, Any] = PROBLEM, status: int = 422) -> None:
        self.asked: list[tuple[str, str]] = []
        self._item, self._problem, self._status = item, problem, status
        self.handle: Handle = self._handle

    def _handle(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        self.asked.append((method, path))
        if headers.get("authorization") != "Bearer t":
            return 401, {}, {}
        if method == "PUT":
            return 200, {}, {**self._item, **body}
        if path == "/api/plants/1000/items/MAT%204711":
            return 200, {"content-type": "application/json; charset=utf-8"}, self._item
        return self._status, {"content-type": "application/problem+json"}, self._problem


def compared(
    repository: Path, system: System, *, bindings: Bindings = BINDINGS, allow_writes: bool = False
) -> Verification:
    with serving(system.handle) as url:
        real = RealSystem(f"{url}/api", {"authorization": "Bearer t"}, bindings, allow_writes)
        wanted = pacts(repository)
        return asyncio.run(compare(wanted, real, lambda _each: scenery(repository), {}, lambda _progress: None))


def of(found: Verification, description: str) -> Any:
    return next(each for each in found.checked if each.description == description)


def test_a_system_that_is_like_its_simulator_is_not_accused(repository: Path) -> None:
    system = System()
    found = compared(repository, system)
    assert of(found, "an item at a plant is read").verdict is Verdict.PASS, of(found, "an item at a plant is read")
    assert of(found, "an item that the plant does not know is read").verdict is Verdict.PASS
    written = of(found, "an item is made known to a plant")
    assert written.verdict is Verdict.UNKNOWN and "--allow-writes is not given" in written.sentence
    assert found.exit is Exit.UNKNOWN, "what was not asked is not known"
    assert {method for method, _path in system.asked} == {"GET"}, "nothing is written without leave"


def test_what_may_be_written_is_written_once(repository: Path) -> None:
    system = System()
    found = compared(repository, system, allow_writes=True)
    assert found.exit is Exit.PASS
    assert [method for method, _path in system.asked].count("PUT") == 1


@pytest.mark.parametrize(
    ("system", "description", "place", "ours", "theirs"),
    [
        (System({**ITEM, "unit": 7}), "an item at a plant is read", "$.unit", "text", "number"),
        (System({k: v for k, v in ITEM.items() if k != "row"}), "an item at a plant is read", "$.row", "number", ""),
        (System(status=404), "an item that the plant does not know is read", "status", "422", "404"),
        (
            System(problem={"error": {"code": "x"}}),
            "an item that the plant does not know is read",
            "$.code",
            "text",
            "",
        ),
    ],
)
def test_a_system_that_differs_is_told_where(
    repository: Path, system: System, description: str, place: str, ours: str, theirs: str
) -> None:
    checked = of(compared(repository, system), description)
    assert checked.verdict is Verdict.FAIL
    told = [(each.expected, each.got) for each in checked.mismatches if each.place == place]
    assert (ours, theirs) in told


def test_a_state_that_no_record_is_bound_to_is_not_asked_about(repository: Path) -> None:
    system = System()
    checked = of(compared(repository, system, bindings={}), "an item at a plant is read")
    assert checked.verdict is Verdict.UNKNOWN and "is bound to nothing" in checked.sentence
    assert system.asked == []


def asked(entry: dict[str, Any], bindings: Bindings = BINDINGS, *, version: str = "3.0.0") -> Interaction:
    parties = {"consumer": {"name": "hub"}, "provider": {"name": "erp"}}
    metadata = {"pactSpecification": {"version": version}}
    (found,) = interactions({**parties, "metadata": metadata, "interactions": [entry]}, "a.json")
    return bound(found, bindings)


def reading(path: str, *states: dict[str, Any], **request: Any) -> dict[str, Any]:
    asks = {"method": "GET", "path": path, **request}
    return {"description": "x", "providerStates": list(states), "request": asks, "response": {"status": 200}}


def state(name: str = "an item at a plant", **params: Any) -> dict[str, Any]:
    return {"name": name, "params": params}


def test_records_are_bound_by_their_place_not_by_what_they_hold() -> None:
    """A plant and an item of the same number are two things, and so is a text that happens to be equal."""
    given = state(plant="1", item="1")
    entry = reading("/plants/1/items/1", given, method="PATCH", body={"item": "1", "description": "1", "unit": "1"})
    same = {"description": "1", "unit": "1"}
    found = asked(entry, {"an item at a plant": {"plant": "1000", "item": "MAT-1", **same}})
    assert found.path == "/plants/1000/items/MAT-1"
    assert found.content["request"]["body"] == {"item": "MAT-1", "description": "1", "unit": "1"}


def test_a_record_that_no_parameter_names_is_bound_by_its_place() -> None:
    found = asked(reading("/plants/DE01/items/ITM-CONTRACT", state()))
    assert found.path == "/plants/1000/items/MAT%204711"


@pytest.mark.parametrize(
    ("entry", "missing"),
    [
        (reading("/plants/DE01/items/ITM-1", state(plant="DE01", item="ITM-1", unit="EA")), ""),
        (reading("/plants/DE01/items/ITM-1", state("a job", item="ITM-1")), "`a job` is about the item ITM-1"),
        (reading("/plants/DE01/items/ITM-2", state(item="ITM-1")), "the item ITM-2"),
        (reading("/plants/DE01/items/ITM-1"), "the plant DE01"),
        (reading("/nowhere/ITM-1", state()), "no operation of the simulator has the path"),
        (reading("/stock-documents", query="plant=DE01&source_document=CNF-1"), "the plant DE01"),
        (
            reading("/stock-documents", state(), method="POST", body={"plant": "DE01", "source_document": "CNF-1"}),
            "the source_document CNF-1",
        ),
    ],
)
def test_what_is_about_a_record_of_the_simulator_is_not_sent(entry: dict[str, Any], missing: str) -> None:
    bindings: Bindings = {**BINDINGS, "a job": {"job": "J", "plant": "1000"}}
    if not missing:
        assert asked(entry, bindings).path == "/plants/1000/items/MAT%204711"
        return
    with pytest.raises(Unbound, match=missing):
        asked(entry, bindings)


def test_a_write_names_no_record_of_the_simulator_in_whatever_field() -> None:
    body = {"plant": "DE01", "item": "ITM-1", "lines": [{"component": "ITM-2"}]}
    states = (state(plant="DE01", item="ITM-1"), state(plant="DE01", item="ITM-2"))
    entry = reading("/bill-of-material-releases", *states, method="POST", body=body)
    two = [{"plant": "1000", "item": "M-1"}, {"plant": "1000", "item": "M-2"}]
    with pytest.raises(Unbound, match="is named 2 times, and bound to 1"):
        asked(entry, {"an item at a plant": two[0]})
    with pytest.raises(Unbound, match="no state binds the component ITM-2"):
        asked(entry, {"an item at a plant": two})
    two[1]["component"] = "M-2"
    found = asked(entry, {"an item at a plant": two}).content["request"]["body"]
    assert found == {"plant": "1000", "item": "M-1", "lines": [{"component": "M-2"}]}


def test_lists_of_records_are_bound_one_by_one() -> None:
    given = state("items at a plant", plant="DE01", items=["A", "B"])
    body = {"plant": "DE01", "source_document": "CNF-1", "lines": [{"item": "B"}, {"item": "A"}]}
    bindings: Bindings = {
        "items at a plant": {"plant": "1000", "items": ["M-A", "M-B"]},
        EVERYWHERE: {"source_document": "4711"},
    }
    found = asked(reading("/stock-documents", given, method="POST", body=body), bindings)
    assert found.content["request"]["body"] == {
        "plant": "1000",
        "source_document": "4711",
        "lines": [{"item": "M-B"}, {"item": "M-A"}],
    }


def test_a_query_that_is_a_text_stays_one() -> None:
    """As the first versions of the specification write it."""
    entry = reading("/stock-documents", state(plant="DE01"), query="plant=DE01&source_document=CNF%201")
    found = asked(entry, {"an item at a plant": {"plant": "10 0", "source_document": "7"}}, version="2.0.0")
    assert found.content["request"]["query"] == "plant=10+0&source_document=7"


def test_messages_are_said_not_to_be_compared(repository: Path) -> None:
    system = System()
    with serving(system.handle) as url:
        wanted = read_folder(repository / "contracts" / "pacts" / "reference-erp.json")
        wanted = [each for each in wanted if each.kind == "message"][:1]
        real = RealSystem(url, {}, BINDINGS)
        found = asyncio.run(compare(wanted, real, lambda _each: scenery(repository), {}, lambda _progress: None))
    assert [each.verdict for each in found.checked] == [Verdict.UNKNOWN] and system.asked == []
    assert "not compared" in found.checked[0].sentence


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({"a": "x"}, {"a": None}, [("$.a", "text", "null")]),
        ({"a": None}, {"a": "x"}, [("$.a", "null", "text")]),
        ({"a": [{"b": 1}, {"b": None}]}, {"a": [{"b": None}]}, []),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {}]}, [("$.a[*].b", "number", "nothing or number")]),
        ({"a": [{"b": 1}, {}]}, {"a": [{"b": 1}]}, []),
        ({"a": [1]}, {"a": []}, []),
        ({"a": {"b": {"c": 1}}}, {"a": {}}, [("$.a.b", "object", "")]),
        ({"a": {"b": 1}}, {"a": "x"}, [("$.a", "object", "text")]),
        ({"a": 1}, {"a": 2, "b": 3}, []),
    ],
)
def test_bodies_are_compared_by_shape(ours: Any, theirs: Any, told: list[tuple[str, str, str]]) -> None:
    answers = (httpx.Response(200, json=ours), httpx.Response(200, json=theirs))
    assert [(each.place, each.expected, each.got) for each in differences(*answers)] == told


def test_a_system_that_does_not_answer_is_said(repository: Path) -> None:
    with serving(System().handle) as url:
        pass
    real = RealSystem(url, {}, BINDINGS)
    with pytest.raises(TargetError, match="does not answer"):
        asyncio.run(compare(pacts(repository), real, lambda _each: scenery(repository), {}, lambda _progress: None))


def test_bindings_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "states.yaml"
    path.write_text("states:\n  an item at a plant: {plant: '1000', item: MAT-4711}\n", encoding="utf-8")
    read = read_bindings(path)
    assert read == {"an item at a plant": {"plant": "1000", "item": "MAT-4711"}, EVERYWHERE: {}}
    with pytest.raises(DocumentError) as caught:
        read_bindings(path, {"an item of a plant", "a job"})
    (problem,) = caught.value.problems
    assert problem.line == 2 and problem.message.endswith("did you mean `an item of a plant`?")
    assert problem.help == "There are `a job`, `an item of a plant`."
    path.write_text("states: [1]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="does not bind states"):
        read_bindings(path)
    path.write_text("states: [1\n", encoding="utf-8")
    with pytest.raises(DocumentError):
        read_bindings(path)
