"""Small values that everything else leans on: moments, revisions, versions, identities of effects, pages."""

from collections.abc import Callable

import pytest

from pilotplant.model.instants import BusinessInstant, Instant, WireSeconds, from_iso, iso, seconds
from pilotplant.model.operation import effect_id, version_number
from pilotplant.model.outcome import Found, Refused
from pilotplant.model.paging import PAGE_MAX, Page, paged
from pilotplant.model.revisions import following, letters, ordinal
from pilotplant.model.script import NORMAL, Commit, Delay, Drop, Reset, Respond, before, carries_out, replaced

NOW = Instant(WireSeconds(0.0), BusinessInstant(0.0))


@pytest.mark.parametrize(
    ("text", "expected"), [("250ms", 0.25), ("30s", 30), ("1h30m", 5400), ("2d", 172_800), (" 1 m ", 60)]
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "-3s", "3s3", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


def test_moments_there_and_back() -> None:
    assert iso(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"
    assert from_iso("2023-11-15T06:13:20.250+08:00") == 1_700_000_000.25


@pytest.mark.parametrize(("moment", "shown"), [(1e18, "9999-12-31"), (-1e18, "0001-01-01"), (float("inf"), "9999-")])
def test_moments_outside_the_calendar(moment: float, shown: str) -> None:
    assert iso(moment).startswith(shown)


def test_revisions_are_in_order() -> None:
    assert [ordinal(revision) for revision in ("A", "Z", "AA", "AZ", "BA")] == [1, 26, 27, 52, 53]
    assert [letters(number) for number in (1, 26, 27, 52, 53)] == ["A", "Z", "AA", "AZ", "BA"]
    assert (following("Z"), following("AZ")) == ("AA", "BA")


@pytest.mark.parametrize("revision", ["", "a", "Ä", "A1", "-", "ß", "Z" * 40, "²"])
def test_what_is_no_revision_has_no_place(revision: str) -> None:
    assert ordinal(revision) == 0
    assert version_number(revision) == 0


@pytest.mark.parametrize(("value", "expected"), [("0003", 3), (7, 7), ("C", 3), ("²", 0), ("9" * 5000, 0), ("٣", 0)])
def test_versions_fit_into_a_record(value: object, expected: int) -> None:
    assert version_number(value) == expected


def test_an_identity_has_as_many_parts_as_it_has_keys() -> None:
    assert effect_id("erp.stock.post", ("DE01", "CNF-1")) == "erp.stock.post|DE01|CNF-1"
    assert effect_id("erp.stock.post", ("DE01", "a|b", "")).count("|") == 3


def _page(keys: list[str], limit: int, cursor: str) -> tuple[list[str], str]:
    outcome = paged(keys, limit, cursor, lambda key: key)
    assert isinstance(outcome, Found) and isinstance(outcome.result, Page)
    return outcome.result.items, outcome.result.next


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_pages_are_complete_and_end(limit: int) -> None:
    keys = ["b", "a", "ä|/ ", "c", "日本"]
    seen: list[str] = []
    cursor = ""
    for _ in range(len(keys) + 1):
        items, cursor = _page(keys, limit, cursor)
        seen += items
        if not cursor:
            break
    assert seen == sorted(keys)


def _insert_before(keys: list[str], at: str) -> None:
    keys.insert(0, at + "0")


def _insert_after(keys: list[str], at: str) -> None:
    keys.append("zz" + at)


def _remove_the_last_shown(keys: list[str], at: str) -> None:
    keys.remove(at)


@pytest.mark.parametrize("change", [_insert_before, _insert_after, _remove_the_last_shown])
def test_a_page_skips_and_repeats_nothing_while_data_change(change: Callable[[list[str], str], None]) -> None:
    keys = [f"k{number:02d}" for number in range(20)]
    before_all = list(keys)
    seen: list[str] = []
    items, cursor = _page(keys, 3, "")
    while True:
        seen += items
        if not cursor:
            break
        change(keys, items[-1])
        items, cursor = _page(keys, 3, cursor)
    assert len(seen) == len(set(seen))
    assert set(before_all) <= set(seen)


@pytest.mark.parametrize("limit", [-1, 0, PAGE_MAX + 1, 2**70])
def test_a_limit_that_cannot_be(limit: int) -> None:
    outcome = paged(["a"], limit, "", lambda key: key)
    assert isinstance(outcome, Refused) and outcome.rejection.code == "bad-cursor"


@pytest.mark.parametrize("cursor", ["garbage", "!!!!", "YQ", "YQ==x", "é", "/w==", "Y Q==", "YR=="])
def test_a_cursor_that_nobody_gave_out(cursor: str) -> None:
    outcome = paged(["a"], 10, cursor, lambda key: key)
    assert isinstance(outcome, Refused) and outcome.rejection.code == "bad-cursor"


def test_scripts_are_bent_step_by_step() -> None:
    assert before(NORMAL, Commit, Delay("slow", 2.0)) == (Delay("slow", 2.0), Commit(), Respond())
    assert replaced(NORMAL, Respond, Reset("lost", 3)) == (Commit(), Reset("lost", 3))
    assert carries_out(NORMAL) and not carries_out((Drop(),))
