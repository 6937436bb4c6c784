"""A real system and its simulator are asked the same: differences are told, likeness is silent, nothing is written."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pilotplant.conformance.binding import Bindings, read_bindings
from pilotplant.conformance.fidelity import RealSystem, compare
from pilotplant.conformance.stage import Scenery
from pilotplant.conformance.verification import Verification
from pilotplant.contracts.pacts import Interaction, read_folder
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


def test_a_system_that_does_not_answer_is_said(repository: Path) -> None:
    with serving(System().handle) as url:
        pass
    real = RealSystem(url, {}, BINDINGS)
    with pytest.raises(TargetError, match="does not answer"):
        asyncio.run(compare(pacts(repository), real, lambda _each: scenery(repository), {}, lambda _progress: None))


def test_bindings_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "states.yaml"
    path.write_text("states:\n  an item at a plant: {plant: '1000', item: MAT-4711}\n", encoding="utf-8")
    assert read_bindings(path) == {"an item at a plant": {"plant": "1000", "item": "MAT-4711"}}
    path.write_text("states: [1]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="does not bind states"):
        read_bindings(path)
    path.write_text("states: [1\n", encoding="utf-8")
    with pytest.raises(DocumentError):
        read_bindings(path)
