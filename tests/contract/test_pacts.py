"""Pacts are verified against the simulators: those that are committed are kept, and what is wrong in one is named."""

import asyncio
import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pilotplant.conformance.stage import Scenery
from pilotplant.conformance.verification import Checked, Verification
from pilotplant.conformance.verifying import verify
from pilotplant.contracts.pacts import Interaction, interactions, read_folder
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.resources import find_project
from pilotplant.scenario.loading import load_estate
from pilotplant.systems import catalog, provider_states
from pilotplant.systems.provider_states import Given, ProviderState, states_of
from tests.estates import EPOCH

WITH_STATES = [kind for kind in catalog.kinds() if states_of(kind)]


@cache
def scenery(repository: Path) -> Scenery:
    return Scenery(load_estate(find_project(str(repository), {}, repository), "whole"), 0, EPOCH)


def verified(repository: Path, pacts: list[Interaction], **aliases: str) -> Verification:
    return asyncio.run(
        verify(pacts, lambda _each: scenery(repository), "the simulators", aliases, lambda _progress: None)
    )


def test_the_committed_pacts_are_kept(repository: Path) -> None:
    pacts = read_folder(repository / "contracts" / "pacts")
    assert {pact.provider for pact in pacts} == set(WITH_STATES)
    found = verified(repository, pacts)
    assert [checked for checked in found.checked if checked.verdict is not Verdict.PASS] == []
    assert found.exit is Exit.PASS and len(found.checked) == len(pacts)


ITEM: dict[str, Any] = {
    "description": "an item is read",
    "providerStates": [{"name": "an item at a plant", "params": {"plant": "DE01", "item": "ITM-1"}}],
    "request": {"method": "GET", "path": "/plants/DE01/items/ITM-1"},
    "response": {
        "status": 200,
        "headers": {"Content-Type": ["application/json"]},
        "body": {"content": {"item": "ITM-1", "unit": "EA"}, "contentType": "application/json", "encoded": False},
        "matchingRules": {"body": {"$.unit": {"combine": "AND", "matchers": [{"match": "type"}]}}},
    },
    "type": "Synchronous/HTTP",
}
EVENT: dict[str, Any] = {
    "description": "a version is active",
    "providerStates": [{"name": "a production version that is active", "params": {"item": "ITM-1"}}],
    "contents": {
        "content": {"type": "erp.version.activated", "data": {"item": "ITM-1"}},
        "contentType": "application/cloudevents+json",
        "encoded": False,
    },
    "type": "Asynchronous/Messages",
}


def pact_of(*entries: dict[str, Any], provider: str = "erp") -> list[Interaction]:
    parties = {"consumer": {"name": "hub"}, "provider": {"name": provider}}
    metadata = {"pactSpecification": {"version": "4.0"}}
    return list(interactions({**parties, "metadata": metadata, "interactions": list(entries)}, "test.json"))


def broken(entry: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    changed = copy.deepcopy(entry)
    change(changed)
    return changed


def only(repository: Path, entry: dict[str, Any], provider: str = "erp") -> Checked:
    (checked,) = verified(repository, pact_of(entry, provider=provider)).checked
    return checked


def test_what_is_kept_is_silent(repository: Path) -> None:
    found = verified(repository, pact_of(ITEM, EVENT))
    assert [checked.verdict for checked in found.checked] == [Verdict.PASS, Verdict.PASS]


@pytest.mark.parametrize(
    ("change", "place", "expected", "got"),
    [
        pytest.param(
            lambda e: e["response"]["body"]["content"].update(colour="red"), "$", "colour", "unit", id="field"
        ),
        pytest.param(lambda e: e["response"]["body"]["content"].update(unit=7), "$.unit", "7", '"EA"', id="type"),
        pytest.param(lambda e: e["response"].update(status=201), "status", "201", "200", id="status"),
        pytest.param(
            lambda e: e["response"]["headers"].update({"X-Version": ["3"]}), "header X-Version", "3", "", id="header"
        ),
    ],
)
def test_one_wrong_thing_is_named_with_what_was_expected_and_what_came(
    repository: Path, change: Callable[[dict[str, Any]], object], place: str, expected: str, got: str
) -> None:
    checked = only(repository, broken(ITEM, change))
    assert checked.verdict is Verdict.FAIL and checked.description == "an item is read"
    (mismatch,) = checked.mismatches
    assert mismatch.place == place
    assert expected in mismatch.expected and got in mismatch.got


def test_a_wrong_field_of_an_event_is_named(repository: Path) -> None:
    checked = only(repository, broken(EVENT, lambda e: e["contents"]["content"]["data"].update(colour="red")))
    assert checked.verdict is Verdict.FAIL and checked.mismatches[0].place == "$.data"


def test_a_state_that_nobody_knows_is_an_error_that_lists_the_known_ones(repository: Path) -> None:
    checked = only(repository, broken(ITEM, lambda e: e["providerStates"][0].update(name="an item at the plant")))
    assert checked.verdict is Verdict.FAIL
    assert checked.sentence.startswith("erp knows no state `an item at the plant`; it knows `a component")
    assert checked.sentence.endswith("; did you mean `an item at a plant`?")
    assert all(f"`{name}`" in checked.sentence for name in states_of("erp"))


def test_a_parameter_that_a_state_does_not_have_is_an_error(repository: Path) -> None:
    checked = only(repository, broken(ITEM, lambda e: e["providerStates"][0]["params"].update(site="DE01")))
    assert checked.verdict is Verdict.FAIL and "has no parameter `site`; it takes" in checked.sentence


def test_a_parameter_of_another_type_is_an_error(repository: Path) -> None:
    checked = only(repository, broken(ITEM, lambda e: e["providerStates"][0]["params"].update(item=["a", "b"])))
    assert checked.verdict is Verdict.FAIL and "was given a parameter of another type" in checked.sentence


def test_a_state_that_the_rules_forbid_says_what_refuses_it(repository: Path) -> None:
    checked = only(repository, broken(ITEM, lambda e: e["providerStates"][0]["params"].update(plant="XX99")))
    assert checked.verdict is Verdict.FAIL and "erp serves no plant XX99" in checked.sentence


def test_an_event_that_the_system_does_not_have_is_an_error(repository: Path) -> None:
    checked = only(repository, broken(EVENT, lambda e: e["contents"]["content"].update(type="erp.version.active")))
    assert checked.verdict is Verdict.FAIL
    assert "erp has no event `erp.version.active`; it states `erp.item.changed`" in checked.sentence
    assert checked.sentence.endswith("did you mean `erp.version.activated`?")


def test_an_event_that_nothing_states_is_an_error(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotplant.conformance.stage.PATIENCE_S", 0.05)
    checked = only(
        repository, broken(EVENT, lambda e: e["providerStates"][0].update(name="an open posting period", params={}))
    )
    assert checked.verdict is Verdict.FAIL
    assert checked.sentence == "erp did not state erp.version.activated in this state"


def test_a_state_that_takes_time_is_waited_for(repository: Path) -> None:
    """A handler that is not awaited would do nothing, and the interaction would be verified without its state."""
    ran: list[str] = []

    async def set_up(given: Given, *, item: str = "") -> None:
        await given.until(lambda: given.estate.world.env.now > 0.02, "some time")
        ran.append(item)

    states = {**states_of("erp"), "in a while": ProviderState("in a while", ("item",), set_up, "")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pilotplant.conformance.stage.states_of", lambda _kind: states)
        entry = broken(ITEM, lambda e: e["providerStates"].append({"name": "in a while", "params": {"item": "ITM-1"}}))
        checked = only(repository, entry)
    assert checked.verdict is Verdict.PASS and ran == ["ITM-1"]


def test_a_state_that_never_comes_about_is_given_up(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_states, "PATIENCE_S", 0.05)

    async def set_up(given: Given) -> None:
        await given.until(lambda: False, "the impossible")

    monkeypatch.setattr(
        "pilotplant.conformance.stage.states_of", lambda _kind: {"never": ProviderState("never", (), set_up, "")}
    )
    checked = only(repository, broken(ITEM, lambda e: e.update(providerStates=[{"name": "never"}])))
    assert checked.sentence == "the impossible did not come about within 0.05 s"


def test_a_system_that_the_estate_does_not_have_is_a_usage_error(repository: Path) -> None:
    with pytest.raises(UsageError, match="the estate has no system `erb`; did you mean `erp`"):
        verified(repository, pact_of(ITEM, provider="erb"))


def test_a_pact_may_call_a_system_by_another_name(repository: Path) -> None:
    assert verified(repository, pact_of(ITEM, provider="SAP"), SAP="erp").exit is Exit.PASS


@pytest.mark.parametrize("kind", ["crm", "no kind", "", "a.b"])
def test_what_is_no_system_of_ours_knows_no_states(kind: str) -> None:
    assert states_of(kind) == {}


def test_nothing_to_verify_is_unknown() -> None:
    assert Verification("nobody", ()).exit is Exit.UNKNOWN


@pytest.mark.parametrize("kind", WITH_STATES)
def test_every_state_of_a_system_comes_about(repository: Path, kind: str) -> None:
    """By itself, with what it is given if a contract says nothing."""

    async def bring_about(name: str) -> None:
        async with scenery(repository).stage() as stage:
            stage.choose(kind, "")
            await stage.bring_about(name, {})

    async def all_of_them() -> None:
        for name in states_of(kind):
            await bring_about(name)

    asyncio.run(all_of_them())


def test_every_committed_interaction_is_expected_by_a_consumer_test(repository: Path) -> None:
    for path in (repository / "contracts" / "pacts").glob("reference-*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        provider = document["provider"]["name"]
        tests = (repository / "tests" / "contract" / f"test_consumer_{provider}.py").read_text(encoding="utf-8")
        assert path.stem == f"{document['consumer']['name']}-{provider}"
        assert not [each for each in document["interactions"] if f'"{each["description"]}"' not in tests]
