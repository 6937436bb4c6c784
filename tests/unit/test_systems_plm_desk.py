"""The PLM's life of a change and the desk's life of an exception: every rule that refuses, every event."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pilotplant.ledger.records import Commit, Read
from pilotplant.model.operation import Command
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems import catalog
from pilotplant.systems.desk.events import ExceptionResolved
from pilotplant.systems.desk.operations import list_exceptions, raise_exception, resolve_exception
from pilotplant.systems.plm.behaviour import ReleaseParameters
from pilotplant.systems.plm.events import ChangeApproved, ChangeCancelled, ChangeReleased
from pilotplant.systems.plm.operations import (
    ReleaseChange,
    ReviseItem,
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    get_bom,
    get_change,
    get_item,
    get_routing,
    list_items,
    release_change,
    report_result,
    revise_item,
)
from tests.estates import EPOCH, Bench, bench, bought_item, dataset, made_item

ITEM = made_item().number
PART = bought_item().number
RAISED = {
    "flow": "engineering-change",
    "subject": "ECO-1",
    "plant": "DE01",
    "owner": "planning",
    "reason": "inactive-work-centre",
}


@pytest.fixture
def plm(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def call(plm: Bench, operation: Any, **fields: Any) -> Any:
    return plm.apply(operation.system, operation, **fields)


LINES = [{"component": PART, "quantity": 2.0, "unit": "EA"}]
STEPS = [{"number": 10, "work_centre": "WC-110", "text": "turn", "setup_s": 60.0, "cycle_s": 5.0}]


def revise(plm: Bench, item: str = ITEM) -> str:
    revision: str = call(plm, revise_item, item=item, lines=LINES, steps=STEPS).result.revision
    return revision


def drafted(plm: Bench, change: str = "ECO-1") -> Bench:
    revise(plm)
    call(plm, create_change, change=change, title="Lighter")
    call(plm, add_affected, change=change, item=ITEM, plants=["DE01", "XX01"])
    return plm


def approved(plm: Bench, change: str = "ECO-1") -> Bench:
    call(drafted(plm, change), approve_change, change=change)
    return plm


def released(plm: Bench, change: str = "ECO-1") -> Bench:
    call(approved(plm, change), release_change, change=change)
    return plm


def nothing(plm: Bench) -> Bench:
    return plm


def revised(plm: Bench) -> Bench:
    revise(plm)
    call(plm, create_change, change="ECO-1", title="Empty")
    return plm


def cancelled(plm: Bench) -> Bench:
    call(released(plm), cancel_change, change="ECO-1")
    return plm


ADD = {"change": "ECO-1", "item": ITEM, "plants": ["DE01"]}


@pytest.mark.parametrize(
    ("given", "operation", "fields", "code"),
    [
        (nothing, get_item, {"item": "no"}, "unknown-item"),
        (nothing, list_items, {"limit": 5000}, "bad-cursor"),
        (nothing, get_bom, {"item": ITEM, "revision": "ZZ"}, "unknown-revision"),
        (nothing, get_routing, {"item": ITEM, "revision": "ZZ"}, "unknown-revision"),
        (nothing, revise_item, {"item": "no", "lines": LINES, "steps": STEPS}, "unknown-item"),
        (nothing, revise_item, {"item": ITEM, "lines": [], "steps": STEPS}, "incomplete-definition"),
        (nothing, revise_item, {"item": ITEM, "lines": LINES, "steps": []}, "incomplete-definition"),
        (
            nothing,
            revise_item,
            {"item": ITEM, "lines": [{"component": "no", "quantity": 1.0, "unit": "EA"}], "steps": STEPS},
            "unknown-item",
        ),
        (drafted, create_change, {"change": "ECO-1", "title": ""}, "change-exists"),
        (nothing, add_affected, ADD, "unknown-change"),
        (revised, add_affected, {**ADD, "item": "no"}, "unknown-item"),
        (revised, add_affected, {**ADD, "item": PART}, "unknown-revision"),
        (drafted, add_affected, ADD, "change-status"),
        (approved, add_affected, ADD, "change-status"),
        (nothing, approve_change, {"change": "ECO-1"}, "unknown-change"),
        (revised, approve_change, {"change": "ECO-1"}, "change-status"),
        (approved, approve_change, {"change": "ECO-1"}, "change-status"),
        (nothing, release_change, {"change": "ECO-1"}, "unknown-change"),
        (drafted, release_change, {"change": "ECO-1"}, "change-status"),
        (released, release_change, {"change": "ECO-1"}, "change-status"),
        (nothing, cancel_change, {"change": "ECO-1"}, "unknown-change"),
        (cancelled, cancel_change, {"change": "ECO-1"}, "change-status"),
        (nothing, get_change, {"change": "ECO-1"}, "unknown-change"),
        (
            nothing,
            report_result,
            {"change": "ECO-1", "plant": "DE01", "system": "erp", "status": "accepted"},
            "unknown-change",
        ),
        (nothing, resolve_exception, {"exception": "no", "resolution": "mended"}, "unknown-exception"),
        (nothing, list_exceptions, {"cursor": "garbage"}, "bad-cursor"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_rule_that_refuses_changes_nothing(
    plm: Bench, given: Any, operation: Any, fields: dict[str, Any], code: str
) -> None:
    given(plm)
    before, events = plm.digest(), len(plm.events)
    outcome = call(plm, operation, **fields)
    assert isinstance(outcome, Refused) and outcome.rejection.code == code
    assert type(outcome.rejection) in operation.rejects, "the contract promises it"
    assert (plm.digest(), len(plm.events)) == (before, events)


def test_the_life_of_a_change(plm: Bench) -> None:
    before = call(plm, get_item, item=ITEM).result.revision
    released(plm)
    first, second = plm.events
    assert isinstance(first, ChangeApproved) and isinstance(second, ChangeReleased)
    (affected,) = second.affected
    assert (affected.from_revision, affected.plants) == (before, ("DE01",)), "only plants that have the item"
    assert (second.effectivity.kind, second.effectivity.at) == ("immediate", "2023-11-14T22:13:20.000Z")
    assert call(plm, get_item, item=ITEM).result.revision == affected.to_revision
    assert call(plm, get_bom, item=ITEM, revision=affected.to_revision).result.lines[0].component == PART
    call(plm, cancel_change, change="ECO-1", reason="test")
    assert isinstance(plm.events[-1], ChangeCancelled)
    assert call(plm, get_item, item=ITEM).result.revision == before
    assert call(plm, get_change, change="ECO-1").result.status == "cancelled"


def test_a_change_with_a_date(plm: Bench) -> None:
    approved(plm)
    call(plm, release_change, change="ECO-1", effectivity="date", effective_at="2024-01-01T00:00:00+08:00")
    event = plm.events[-1]
    assert isinstance(event, ChangeReleased) and event.effectivity.at == "2023-12-31T16:00:00.000Z"


def test_nothing_has_come_to_rest_before_a_released_change_takes_effect(plm: Bench) -> None:
    approved(plm)
    call(plm, release_change, change="ECO-1", effectivity="date", effective_at="2023-11-14T22:13:25Z")
    plm.pass_time(4.9)
    assert plm.estate.jobs_open == 1
    plm.pass_time(0.2)
    assert plm.estate.jobs_open == 0


def release(plm: Bench, **parameters: Any) -> list[Command]:
    """The commands of the stimulus `plm.change.release`."""
    chosen = ReleaseParameters(affected_median=1, affected_p95=1, cascade=0, **parameters)
    acts = catalog.stimuli()["plm.change.release"].plan(plm["plm"].behaviour, chosen, Random(3))
    return [command for _operation, command in acts]


def test_a_stimulus_releases_a_change_that_takes_effect_later(plm: Bench) -> None:
    plm.pass_time(2)
    dated, at_once = release(plm, effective_in="1m")[-1], release(plm)[-1]
    assert isinstance(dated, ReleaseChange) and dated.effective_at is not None
    assert (dated.effectivity, dated.effective_at.timestamp()) == ("date", EPOCH + 62)
    assert isinstance(at_once, ReleaseChange) and at_once.effective_at is None


def test_a_stimulus_uses_a_component_that_a_plant_does_not_know(plm: Bench) -> None:
    plain, revised = release(plm)[0], release(plm, new_component=1)[0]
    assert isinstance(plain, ReviseItem) and isinstance(revised, ReviseItem)
    where = dataset().items[revised.item].plants
    erp = plm["erp"].state
    unknown = [line for line in revised.lines if any(erp.item(plant, line.component) is None for plant in where)]
    assert unknown == [revised.lines[-1]], "one, and nothing else of the structure"
    assert all(erp.item(plant, line.component) for line in plain.lines for plant in dataset().items[plain.item].plants)


def test_cancelling_does_not_undo_a_later_change(plm: Bench) -> None:
    released(plm)
    released(plm, "ECO-2")
    newest = call(plm, get_item, item=ITEM).result.revision
    call(plm, cancel_change, change="ECO-1")
    assert call(plm, get_item, item=ITEM).result.revision == newest


def test_a_later_report_replaces_the_earlier_one(plm: Bench) -> None:
    released(plm)
    fields = {"change": "ECO-1", "plant": "DE01", "system": "erp"}
    call(plm, report_result, **fields, status="rejected")
    results = call(plm, report_result, **fields, status="accepted").result.results
    assert [result.status for result in results] == ["accepted"]


def test_items_are_listed_by_plant(plm: Bench) -> None:
    found = call(plm, list_items, plant="CN01", limit=1000).result.items
    assert {item.item for item in found} == {n for n, item in dataset().items.items() if "CN01" in item.plants}


def test_what_is_open_at_the_desk_is_not_opened_again(plm: Bench) -> None:
    first = call(plm, raise_exception, **RAISED)
    again = call(plm, raise_exception, **RAISED)
    assert isinstance(first, Committed) and isinstance(again, Found)
    assert again.result.exception == first.result.exception
    assert len(plm.records(Commit)) == 1 and len(plm.records(Read)) == 1


def test_the_life_of_an_exception(plm: Bench) -> None:
    number = call(plm, raise_exception, **RAISED).result.exception
    call(plm, resolve_exception, exception=number, resolution="mended")
    (event,) = plm.events
    assert isinstance(event, ExceptionResolved) and event.resolution == "mended"
    again = call(plm, resolve_exception, exception=number, resolution="mended")
    assert isinstance(again, Refused) and again.rejection.code == "exception-resolved"
    assert isinstance(call(plm, raise_exception, **RAISED), Committed), "it may happen again"
    raised = [commit for commit in plm.records(Commit) if commit.effect.startswith("desk.exception.raise")]
    assert [commit.repeat_of for commit in raised] == [0, 0]
    listed = call(plm, list_exceptions).result.items
    assert [exception.status for exception in listed] == ["resolved", "open"]
