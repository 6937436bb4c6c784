"""What has changed since: every list of every system, in the form of its profile, with nothing noted by hand."""

from pathlib import Path
from random import Random
from typing import Any, get_origin

import msgspec
import pytest

from pilotplant.model.instants import from_iso, iso
from pilotplant.model.operation import Operation
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.model.paging import Page, PageQuery
from pilotplant.systems import catalog
from pilotplant.systems.erp.items import list_items as list_erp_items
from pilotplant.systems.plm.operations import list_changes, list_items
from pilotplant.systems.rows import ListSpec, Rows
from pilotplant.systems.system import System
from tests.estates import EPOCH, Bench, bench

LISTS = [operation for operation in catalog.operations().values() if get_origin(operation.returns) is Page]


def listed(system: System, operation: Operation, **query: Any) -> Page[Any]:
    """A page, as the system answers it."""
    needed = {"plant": system.plants[0]} if "plant" in operation.command.__struct_fields__ else {}
    outcome = system.apply(operation, msgspec.convert({"limit": 1000, **needed, **query}, operation.command))
    assert isinstance(outcome, Found), outcome
    page: Page[Any] = outcome.result
    return page


def everything(system: System, operation: Operation, **query: Any) -> dict[str, Any]:
    """All rows, by what identifies them."""
    rows: dict[str, Any] = {}
    cursor = ""
    while True:
        page = listed(system, operation, cursor=cursor, **query)
        for item in page.items:
            rows[getattr(item, operation.rows[-1])] = item
        cursor = page.next
        if not cursor:
            return rows


def happen(built: Bench, chance: Random, times: int) -> None:
    """Whatever scenarios can make happen, happens."""
    for name, stimulus in catalog.stimuli().items():
        for _ in range(times):
            for system in built.estate.of_kind(name.partition(".")[0]):
                for operation, command in stimulus.plan(system.behaviour, stimulus.parameters(), chance):
                    if not isinstance(system.apply(operation, command), Committed):
                        break
        built.pass_time(0.5)


def with_lists(built: Bench, kind: str, **spec: Any) -> System:
    """A system whose lists tell in this way."""
    system = built.estate.of_kind(kind)[0]
    system._rows = Rows(system.name, system.kind.operations, ListSpec(**spec), built.world)
    return system


def release(built: Bench, times: int = 1, seed: int = 3) -> None:
    """Changes are released."""
    chance = Random(seed)
    system, stimulus = built["plm"], catalog.stimuli()["plm.change.release"]
    for _ in range(times):
        for operation, command in stimulus.plan(system.behaviour, stimulus.parameters(), chance):
            assert isinstance(system.apply(operation, command), Committed)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_every_list_offers_changes(operation: Operation) -> None:
    assert issubclass(operation.command, PageQuery), f"{operation.name}: let its query be a PageQuery"
    assert operation.rows, f"{operation.name}: say with `rows` what identifies a row"
    view = operation.returns.__args__[0]
    assert operation.rows[-1] in view.__struct_fields__, f"{operation.name}: a row does not show what identifies it"


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_what_is_different_is_told_as_changed(operation: Operation, tmp_path: Path) -> None:
    built = bench(tmp_path)
    chance = Random(7)
    happen(built, chance, 4)
    systems = built.estate.of_kind(operation.system)
    before = {system.name: everything(system, operation) for system in systems}
    as_of = {system.name: listed(system, operation).as_of for system in systems}
    built.pass_time(0.01)
    happen(built, chance, 6)
    for system in systems:
        now = everything(system, operation)
        told = everything(system, operation, changed_since=as_of[system.name])
        different = {key for key, row in now.items() if before[system.name].get(key) != row}
        assert different <= told.keys(), f"{operation.name}: rows changed and were not told; see Committed.touches"
        assert all(told[key] == now[key] for key in told)


def test_nothing_has_changed_since_nothing_happened(tmp_path: Path) -> None:
    built = bench(tmp_path)
    release(built)
    built.pass_time(0.01)
    page = listed(built["plm"], list_changes)
    assert (page.changed, page.removed) == ([], [])
    assert listed(built["plm"], list_changes, changed_since=page.as_of).items == []


@pytest.mark.parametrize(("resolution", "shown"), [("second", ".000Z"), ("millisecond", ".250Z")])
def test_a_moment_is_as_exact_as_the_profile_and_counts_inclusive(tmp_path: Path, resolution: str, shown: str) -> None:
    built = bench(tmp_path)
    plm = with_lists(built, "plm", resolution=resolution)
    built.pass_time(1.25)
    release(built)
    page = listed(plm, list_changes, changed_since=iso(EPOCH))
    assert page.changed == [page.as_of]
    assert page.as_of.endswith(shown)
    assert len(listed(plm, list_changes, changed_since=page.changed[0]).items) == 1, (
        "from then on, that moment included"
    )
    later = iso(from_iso(page.changed[0]) + (1.0 if resolution == "second" else 0.001))
    assert listed(plm, list_changes, changed_since=later).items == []


def test_a_cursor_waits_for_what_becomes_visible_late(tmp_path: Path) -> None:
    built = bench(tmp_path)
    plm = with_lists(built, "plm", resolution="cursor", late_share=0.5, late_s=3.0)
    seen: set[str] = set()
    since = listed(plm, list_changes).as_of
    for number in range(30):
        release(built, seed=number)
        page = listed(plm, list_changes, changed_since=since)
        since, seen = page.as_of, seen | {row.change for row in page.items}
        built.pass_time(0.4)
    built.pass_time(3.0)
    seen |= {row.change for row in listed(plm, list_changes, changed_since=since).items}
    assert seen == set(everything(plm, list_changes))


def test_whoever_goes_on_where_the_last_answer_ended_misses_what_was_late(tmp_path: Path) -> None:
    built = bench(tmp_path)
    plm = with_lists(built, "plm", late_share=0.5, late_s=3.0)
    exact: set[str] = set()
    careful: set[str] = set()
    since = iso(EPOCH)
    for number in range(31):
        if number < 30:
            release(built, seed=number)
        else:
            built.pass_time(3.0)
        back = iso(from_iso(since) - 4.0)
        careful |= {row.change for row in listed(plm, list_changes, changed_since=back).items}
        page = listed(plm, list_changes, changed_since=since)
        since, exact = page.as_of, exact | {row.change for row in page.items}
        built.pass_time(0.4)
    assert careful == set(everything(plm, list_changes))
    assert exact < careful


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    built = bench(tmp_path)
    release(built, 2)
    plm = built["plm"]
    since = listed(plm, list_changes).as_of
    gone = next(iter(plm.state.changes))
    plm._rows.touch("plm.change.list", gone)
    del plm.state.changes[gone]
    page = listed(plm, list_changes, changed_since=since)
    assert gone in page.removed and gone not in {row.change for row in page.items}


def test_changes_of_another_plant_are_none_of_this_list(tmp_path: Path) -> None:
    built = bench(tmp_path)
    erp = built["erp"]
    item = next(iter(erp.state.dataset.items.values()))
    erp._rows.touch("erp.item.list", "DE01", item.number)
    since = iso(EPOCH)
    there = listed(erp, list_erp_items, plant="DE01", changed_since=since)
    elsewhere = listed(erp, list_erp_items, plant="CN01", changed_since=since)
    assert len(there.items) + len(there.removed) == 1
    assert (elsewhere.items, elsewhere.removed) == ([], [])


def test_pages_may_be_shorter_than_asked_for(tmp_path: Path) -> None:
    built = bench(tmp_path)
    plm = with_lists(built, "plm", page_max=2)
    release(built, 5)
    page = listed(plm, list_changes, limit=100)
    assert len(page.items) == 2 and page.next
    assert len(everything(plm, list_changes)) == 5
    assert len(everything(plm, list_changes, changed_since=iso(EPOCH))) == 5
    here = [number for number, item in plm.state.dataset.items.items() if "DE01" in item.plants]
    assert sorted(everything(plm, list_items)) == sorted(here)


@pytest.mark.parametrize(
    "since", ["yesterday", "2026-03-02T06:00:00", "bm9uc2Vuc2U=", "9" * 40, "2026-13-01T00:00:00Z", "\0"]
)
@pytest.mark.parametrize("resolution", ["second", "cursor"])
def test_what_is_no_point_in_time_is_refused(tmp_path: Path, since: str, resolution: str) -> None:
    built = bench(tmp_path)
    plm = with_lists(built, "plm", resolution=resolution)
    release(built)
    outcome = plm.apply(list_changes, msgspec.convert({"changed_since": since}, list_changes.command))
    assert isinstance(outcome, Refused) and outcome.rejection.code == "bad-cursor"
