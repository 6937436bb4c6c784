"""`data` names what kind of defect spoilt the data, and says nothing of what tells nothing."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.checks.folds.telling import Kind, likely, telling_text, tellings
from pilotplant.dataset.records import BomLine
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.definitions import release_bom
from pilotplant.systems.erp.stock import PostStock, post_stock
from tests.unit.histories import (
    CN,
    CONFIRMATION,
    DE,
    US,
    History,
    convicting,
    family,
    kinds,
    revised_parent,
    shipped_flow,
)

PARENT, *_ = family()
THIS = revised_parent()


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the shipped flows in which one confirmation was booked."""
    history = History(tmp_path)
    history.book(history.finish_order(DE))
    return history


# --- what a value tells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "intended", "kind"),
    [
        ("60.0", "5.0", Kind.UNIT),
        ("0.4167", "5.0", Kind.UNIT),
        ("5000.0", "5.0", Kind.UNIT),
        ("0.05", "5.0", Kind.UNIT),
        ("125.0", "12.5", Kind.SEPARATOR),
        ("12.0", "12.5", Kind.SEPARATOR),
        ("1275.0", "12.75", Kind.SEPARATOR),
        ("2026-03-01", "2026-03-02", Kind.ZONE),
        ("2026-03-02T07:00:00Z", "2026-03-02T08:00:00Z", Kind.ZONE),
        ("2026-03-02T08:00:00Z", "2026-03-02T08:00:00+05:30", Kind.ZONE),
        ("MILL", "MILLING-07", Kind.TEXT),
        ("FrÃ¤sen", "Fräsen", Kind.TEXT),
        ("Fr?sen", "Fräsen", Kind.TEXT),
        ("L25", "L00025", Kind.TEXT),
        ("12354", "000000000000012354", Kind.TEXT),
        ("None", "L1", Kind.NULL),
        ("null", "L1", Kind.NULL),
    ],
)
def test_what_a_value_tells(held: str, intended: str, kind: Kind) -> None:
    ((found, words),) = tellings([("quantity", held, intended)])
    assert found == {kind}
    assert words == f"quantity is {held}, {intended} is meant"


@pytest.mark.parametrize(
    ("held", "intended"),
    [
        ("6.0", "5.0"),
        ("10.0", "5.0"),
        ("-5.0", "5.0"),
        ("0.0", "5.0"),
        ("2026-03-05", "2026-03-02"),
        ("2026-03-02T08:07:00Z", "2026-03-02T08:00:00Z"),
        ("C", "D"),
        ("MI", "MILLING-07"),
        ("LATHE-01", "MILLING-07"),
        ("", "5.0"),
        ("5.0", ""),
    ],
)
def test_what_a_value_does_not_tell(held: str, intended: str) -> None:
    assert tellings([("quantity", held, intended)]) == []


def test_a_missing_key_is_no_value() -> None:
    assert telling_text("", "L1") is Kind.NULL
    assert telling_text("L1", "") is Kind.NULL
    assert telling_text("L2", "L1") is None


def test_what_could_mean_two_things_means_what_the_others_mean() -> None:
    ((both, _words),) = tellings([("quantity", "125.0", "0.125")])
    assert both == {Kind.UNIT, Kind.SEPARATOR}
    assert likely(both, Counter()) is Kind.UNIT
    assert likely(both, Counter({Kind.SEPARATOR: 2, Kind.UNIT: 1})) is Kind.SEPARATOR


# --- units and separators --------------------------------------------------------------------------------------------


def book(history: History, spoil: Callable[[PostStock], PostStock], plant: str = DE, **made: Any) -> None:
    """A confirmation is booked, spoilt in some way."""
    event = history.finish_order(plant, **made)
    history.deliver(event)
    response = history.call("erp", post_stock, spoil(history.posting(event)))
    assert response.status == 201, response.body


def each_line(**changed: Callable[[Any], Any]) -> Callable[[PostStock], PostStock]:
    def spoil(posting: PostStock) -> PostStock:
        lines = [
            msgspec.structs.replace(line, **{name: change(getattr(line, name)) for name, change in changed.items()})
            for line in posting.lines
        ]
        return msgspec.structs.replace(posting, lines=tuple(lines))

    return spoil


def test_grams_for_kilograms(history: History) -> None:
    book(history, each_line(quantity=lambda quantity: quantity * 1000))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"convergence", "data"}
    assert kinds(judgement, "data") == {"unit"}
    (finding,) = (finding for finding in judgement.findings if finding.check == "data")
    assert finding.sentence.startswith("Unit or scale: ERP holds for ")


def test_the_separator_is_dropped(history: History) -> None:
    book(history, each_line(quantity=lambda q: float(str(q).replace(".", ""))), good=12.25)
    assert kinds(history.judge(), "data") == {"decimal"}


def test_a_wrong_quantity_that_tells_nothing(history: History) -> None:
    book(history, each_line(quantity=lambda quantity: quantity + 1))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"convergence"}


def test_a_structure_in_other_units(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.bom(*THIS, factor=1000)
    history.routing(*THIS)
    history.activate(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)
    judgement = history.judge()
    assert kinds(judgement, "data") == {"unit"}
    assert "lines " in next(finding.sentence for finding in judgement.findings if finding.check == "data")


# --- time ------------------------------------------------------------------------------------------------------------


def in_the_evening(tmp_path: Path, hours: float) -> History:
    """A run of the flow for confirmations; business time has gone on by so much."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    history.wait(hours * 3600)
    return history


@pytest.mark.parametrize(
    ("plant", "hours", "days"),
    [
        pytest.param(CN, 12, -1, id="Suzhou has tomorrow, UTC today"),
        pytest.param(US, 18, +1, id="Grand Rapids has today, UTC tomorrow"),
    ],
)
def test_posted_on_the_day_of_another_zone(tmp_path: Path, plant: str, hours: float, days: int) -> None:
    history = in_the_evening(tmp_path, hours)

    def in_utc(posting: PostStock) -> PostStock:
        utc = datetime.fromtimestamp(history.world.now().business).astimezone().date()
        assert utc - posting.posting_date == timedelta(days=days)
        return msgspec.structs.replace(posting, posting_date=utc)

    book(history, in_utc, plant)
    judgement = history.judge()
    assert set(convicting(judgement)) == {"data"}
    assert kinds(judgement, "data") == {"time-zone"}


def test_posted_on_the_day_on_which_it_is_posted(tmp_path: Path) -> None:
    """Who comes late may post on the day on which it comes."""
    history = in_the_evening(tmp_path, 1)
    event = history.finish_order(DE)
    history.wait(24 * 3600)
    history.deliver(event)
    late = msgspec.structs.replace(history.posting(event), posting_date=date(2026, 3, 3))
    history.post(late)
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.PASS


@pytest.mark.parametrize(("shift_s", "kind"), [(0.0, set()), (0.4, set()), (3600.0, {"time-zone"})])
def test_effective_in_another_zone(history: History, shift_s: float, kind: set[str]) -> None:
    history.deliver(history.release("ECO-1", PARENT, effective_in_s=7200))
    history.wait(7300)
    bom = history.release_bom_command(*THIS, lines=history.estate.systems["plm"].state.bom(PARENT, THIS[2]).lines)
    moved = msgspec.structs.replace(bom, effective_from=bom.effective_from + timedelta(seconds=shift_s))
    assert history.call("erp", release_bom, moved).status == 201
    history.routing(*THIS)
    history.activate(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)
    judgement = history.judge()
    assert kinds(judgement, "data") == kind
    assert set(convicting(judgement)) == ({"data"} if kind else set())


def test_what_is_immediate_may_be_effective_from_any_moment(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.wait(3600)
    lines = history.estate.systems["plm"].state.bom(PARENT, THIS[2]).lines
    bom = history.release_bom_command(*THIS, lines=lines)
    moved = msgspec.structs.replace(bom, effective_from=bom.effective_from + timedelta(hours=1))
    assert history.call("erp", release_bom, moved).status == 201
    history.routing(*THIS)
    history.activate(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)
    assert history.judge().findings == ()


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        pytest.param(lambda lot: lot[:-2], "text", id="cut"),
        pytest.param(lambda lot: lot.replace("L00", "L"), "text", id="zeros"),
        pytest.param(lambda lot: "None", "null", id="none"),
        pytest.param(lambda lot: "", "null", id="dropped"),
    ],
)
def test_a_lot_is_spoilt(history: History, spoil: Callable[[str], str], kind: str) -> None:
    book(history, each_line(lot=lambda lot: spoil(lot) if lot else lot))
    judgement = history.judge()
    assert {"completeness", "data"} <= set(convicting(judgement))
    assert kinds(judgement, "data") == {kind}


def test_another_lot_altogether_tells_nothing(history: History) -> None:
    book(history, each_line(lot=lambda lot: "WRONG" if lot else lot))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"completeness"}
    missing = next(finding.sentence for finding in judgement.findings if "Missing in" in finding.sentence)
    assert "a request came that almost matched (#" in missing
    assert "`lot` was `WRONG`, `DE01-" in missing


def test_the_confirmation_number_without_its_zeros(history: History) -> None:
    book(history, lambda posting: msgspec.structs.replace(posting, source_document="CNF-2"))
    assert kinds(history.judge(), "data") == {"text"}


def dedupe_by(history: History, key: Callable[[Any], object], times: int = 3) -> None:
    """A middleware that remembers by this key what it has booked."""
    seen: set[object] = set()
    for _time in range(times):
        for plant in (DE, US, CN):
            event = history.finish_order(plant)
            history.deliver(event)
            if key(event.event) not in seen:
                seen.add(key(event.event))
                history.post(history.posting(event))


def test_equal_numbers_of_two_plants_are_taken_for_one(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    dedupe_by(history, lambda done: done.confirmation)
    judgement = history.judge()
    assert kinds(judgement, "data") == {"key-collision"}
    (finding,) = (finding for finding in judgement.findings if finding.check == "data")
    assert "only the first plant's was carried out" in finding.sentence


def test_equal_numbers_of_two_plants_are_two_things(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    dedupe_by(history, lambda done: (done.plant, done.confirmation))
    assert history.judge().findings == ()


def test_a_plant_that_is_out_of_reach_is_no_mix_up(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    for _number in range(4):
        for plant in (DE, US):
            event = history.finish_order(plant)
            history.deliver(event)
            if plant != US:
                history.post(history.posting(event))
    assert set(convicting(history.judge())) == {"completeness"}


def test_what_is_lost_at_random_is_no_mix_up(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    for number in range(6):
        for plant in (DE, US, CN):
            event = history.finish_order(plant)
            history.deliver(event)
            if (number, plant) not in ((2, US), (4, CN)):
                history.post(history.posting(event))
    judgement = history.judge()
    assert convicting(judgement) == {"completeness": 2}


def test_one_idempotency_key_for_two_plants(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION), idempotency="stripe")
    here, there = history.finish_order(DE), history.finish_order(US)
    history.deliver(here, there)
    history.post(history.posting(here), key="CNF-0000001")
    assert history.call("erp", post_stock, history.posting(there), key="CNF-0000001").status == 422
    judgement = history.judge()
    assert kinds(judgement, "data") == {"key-collision"}
    assert kinds(judgement, "once") == {"key-reused"}


# --- schemas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carried_out", [True, False])
def test_an_event_with_a_field_more(history: History, carried_out: bool) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent="new-field")
    history.acknowledge(event)
    if carried_out:
        history.post(history.posting(event))
    assert kinds(history.judge(), "data") == (set() if carried_out else {"schema"})


@pytest.mark.parametrize("mended", [True, False])
def test_a_request_that_does_not_fit(history: History, mended: bool) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    posting = history.posting(event)
    assert history.call("erp", post_stock, each_line(movement=lambda _movement: "gift")(posting)).status == 422
    if mended:
        history.post(posting)
    judgement = history.judge()
    assert kinds(judgement, "data") == {"schema"}
    assert convicting(judgement).get("data", 0) == (0 if mended else 1)


def test_lines_in_another_order_and_split(history: History) -> None:
    """A projection of its own: the structure in another order, one line in two halves."""
    history.deliver(history.release("ECO-1", PARENT))
    lines = list(reversed(history.estate.systems["plm"].state.bom(PARENT, THIS[2]).lines))
    half = BomLine(lines[0].component, lines[0].quantity / 2, lines[0].unit)
    history.send_bom(*THIS, (half, half, *lines[1:]))
    history.routing(*THIS)
    history.activate(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)
    assert history.judge().findings == ()
