"""The ERP: every rule that refuses, activation by a job, stock that is booked, looked up and reversed, orders."""

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pilotplant.ledger.records import Commit, Read, Reject
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems.erp.events import ProductionOrderChanged, StockPosted, VersionActivated, VersionRejected
from pilotplant.systems.erp.operations import (
    activate_version,
    change_order,
    find_documents,
    get_balance,
    get_bom,
    get_item,
    get_job,
    get_order,
    get_version,
    list_items,
    list_open,
    post_stock,
    release_bom,
    reverse_document,
    upsert_item,
    upsert_routing,
)
from tests.estates import EPOCH, PLANTS, Bench, at_plant, bench, bought_item, dataset, made_item, posting

DAY_S = 86_400.0
PART, PRODUCT = bought_item().number, made_item().number
UNIT = at_plant(bought_item()).unit
FROM = "2023-12-01T00:00:00Z"


@pytest.fixture
def erp(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def call(erp: Bench, operation: Any, **fields: Any) -> Any:
    return erp.apply("erp", operation, **fields)


def line(**changed: Any) -> dict[str, Any]:
    return {"movement": "receipt", "item": PART, "quantity": 4.0, "unit": UNIT, "lot": "L1", **changed}


def post(erp: Bench, source: str = "CNF-1", **changed: Any) -> Any:
    return call(erp, post_stock, **{**posting(source), **changed})


def balance(erp: Bench, item: str = PART) -> float:
    outcome = call(erp, get_balance, plant="DE01", item=item)
    return float(sum(lot.quantity for lot in outcome.result.lots))


def bom_lines(quantity: float = 1.0, **changed: Any) -> list[dict[str, Any]]:
    return [{"component": PART, "quantity": quantity, "unit": UNIT, **changed}]


def release(erp: Bench, revision: str, **changed: Any) -> Any:
    fields = {"plant": "DE01", "item": PRODUCT, "revision": revision, "effective_from": FROM, "lines": bom_lines()}
    return call(erp, release_bom, **{**fields, **changed})


def steps(*centres: str) -> list[dict[str, Any]]:
    return [
        {"number": 10 * n, "work_centre": centre, "text": "", "setup_s": 1.0, "cycle_s": 1.0}
        for n, centre in enumerate(centres or (centre_of(active=True),), start=1)
    ]


def centre_of(*, active: bool, plant: str = "DE01") -> str:
    return next(c.code for c in dataset().work_centres.values() if c.plant == plant and c.active is active)


def route(erp: Bench, revision: str, *centres: str) -> Any:
    return call(erp, upsert_routing, plant="DE01", item=PRODUCT, revision=revision, steps=steps(*centres))


def activate(erp: Bench, revision: str) -> Any:
    return call(erp, activate_version, plant="DE01", item=PRODUCT, revision=revision, change="ECO-1")


def order_of(plant: str = "DE01") -> str:
    return next(order.order for order in dataset().production_orders if order.plant == plant)


REFUSALS: list[tuple[Any, dict[str, Any], str]] = [
    (post_stock, {**posting(), "plant": "XX01"}, "unknown-plant"),
    (post_stock, {**posting(), "lines": []}, "empty-document"),
    (post_stock, {**posting(), "lines": [line(item="nothing")]}, "item-not-at-plant"),
    (post_stock, {**posting(), "lines": [line(unit="furlong")]}, "unit-not-convertible"),
    (post_stock, {**posting(), "lines": [line(quantity=0.0)]}, "quantity-not-positive"),
    (post_stock, {**posting(), "lines": [line(quantity=-1.0)]}, "quantity-not-positive"),
    (post_stock, {**posting(), "lines": [line(quantity=1e300)]}, "quantity-not-positive"),
    (post_stock, {**posting(), "lines": [line(), line(item="nothing")]}, "item-not-at-plant"),
    (post_stock, {**posting(), "posting_date": "0001-01-01"}, "period-closed"),
    (post_stock, {**posting(), "posting_date": "9999-12-31"}, "period-closed"),
    (reverse_document, {"document": "4900000001"}, "unknown-document"),
    (reverse_document, {"document": "4900000000"}, "unknown-document"),
    (reverse_document, {"document": "-1"}, "unknown-document"),
    (reverse_document, {"document": "٤٩"}, "unknown-document"),
    (reverse_document, {"document": "9" * 5000}, "unknown-document"),
    (get_balance, {"plant": "DE01", "item": "nothing"}, "item-not-at-plant"),
    (upsert_item, {"plant": "XX01", "item": "N", "description": "", "unit": "EA", "revision": "A"}, "unknown-plant"),
    (
        upsert_item,
        {"plant": "DE01", "item": PART, "description": "", "unit": "furlong", "revision": "A"},
        "unit-not-convertible",
    ),
    (get_item, {"plant": "DE01", "item": "nothing"}, "item-not-at-plant"),
    (get_item, {"plant": "XX01", "item": PART}, "item-not-at-plant"),
    (list_items, {"plant": "XX01"}, "unknown-plant"),
    (list_items, {"plant": "DE01", "limit": 0}, "bad-cursor"),
    (get_bom, {"plant": "DE01", "item": PRODUCT, "revision": "ZZ"}, "not-held"),
    (get_version, {"plant": "DE01", "item": PART}, "not-held"),
    (get_job, {"job": "JOB-1"}, "unknown-job"),
    (activate_version, {"plant": "DE01", "item": "nothing", "revision": "B"}, "item-not-at-plant"),
    (activate_version, {"plant": "DE01", "item": PRODUCT, "revision": "ZZ"}, "nothing-to-activate"),
    (list_open, {"plant": "XX01"}, "unknown-plant"),
    (list_open, {"plant": "DE01", "cursor": "garbage"}, "bad-cursor"),
    (get_order, {"order": "nothing"}, "unknown-order"),
    (change_order, {"order": "nothing", "quantity": 1.0}, "unknown-order"),
    (change_order, {"order": order_of(), "quantity": 0.0}, "quantity-not-positive"),
    (change_order, {"order": order_of(), "quantity": -5.0}, "quantity-not-positive"),
]


@pytest.mark.parametrize(("operation", "fields", "code"), REFUSALS, ids=lambda value: getattr(value, "name", None))
def test_a_rule_that_refuses_changes_nothing(erp: Bench, operation: Any, fields: dict[str, Any], code: str) -> None:
    before = erp.digest()
    outcome = call(erp, operation, **fields)
    assert isinstance(outcome, Refused) and outcome.rejection.code == code
    assert type(outcome.rejection) in operation.rejects, "the contract promises it"
    assert erp.digest() == before
    rejects = erp.records(Reject)
    assert rejects and {record.code for record in rejects} == {code}
    assert not erp.records(Commit)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"item": "nothing"}, "item-not-at-plant"),
        ({"lines": bom_lines(component="nothing")}, "unknown-component"),
        ({"lines": bom_lines(unit="furlong")}, "unit-not-convertible"),
        ({"lines": bom_lines(0.0)}, "quantity-not-positive"),
        ({"effective_from": FROM, "revision": "Y"}, "effectivity-overlap"),
    ],
)
def test_a_structure_that_is_refused(erp: Bench, changed: dict[str, Any], code: str) -> None:
    release(erp, "X")
    before = erp.digest()
    outcome = release(erp, **{"revision": "Y", "effective_from": "2024-01-01T00:00:00Z", **changed})
    assert isinstance(outcome, Refused) and outcome.rejection.code == code
    assert erp.digest() == before


def test_a_structure_refused_for_an_item_that_had_none_leaves_nothing_behind(erp: Bench) -> None:
    before = erp.digest()
    release(erp, "X", lines=bom_lines(0.0))
    assert erp.digest() == before


@pytest.mark.parametrize(
    ("centre", "code"), [("nowhere", "unknown-work-centre"), (centre_of(active=False), "inactive-work-centre")]
)
def test_a_routing_that_is_refused(erp: Bench, centre: str, code: str) -> None:
    before = erp.digest()
    outcome = route(erp, "X", centre_of(active=True), centre)
    assert isinstance(outcome, Refused) and outcome.rejection.code == code
    assert erp.digest() == before


def test_effectivity_may_follow_and_the_same_revision_may_come_again(erp: Bench) -> None:
    assert isinstance(release(erp, "X"), Committed)
    first = release(erp, "X", lines=bom_lines(2.0))
    assert first.result.version == release(erp, "X").result.version
    second = release(erp, "Y", effective_from="2023-12-02T01:00:00+01:00")
    assert int(second.result.version) == int(first.result.version) + 1
    assert isinstance(release(erp, "Z", effective_from="2023-12-02T00:00:00Z"), Refused), "the same moment"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_moments_at_the_ends_of_the_calendar_are_shown(erp: Bench, moment: str) -> None:
    release(erp, "X", effective_from=moment)
    found = call(erp, get_bom, plant="DE01", item=PRODUCT, revision="X")
    assert found.result.effective_from[:4] in ("0001", "9999")


@pytest.mark.parametrize("revision", ["²", "9" * 5000, "Z" * 300, "", "é|\0"])
def test_a_strange_revision_breaks_nothing(erp: Bench, revision: str) -> None:
    assert isinstance(release(erp, revision), Committed)
    assert isinstance(call(erp, get_bom, plant="DE01", item=PRODUCT, revision=revision), Found)
    assert erp.records(Commit)[-1].version == 0


def test_an_item_that_is_new_to_the_plant_has_its_own_unit(erp: Bench) -> None:
    call(erp, upsert_item, plant="DE01", item="NEW-1", description="", unit="PAL", revision="A")
    assert isinstance(post(erp, lines=[line(item="NEW-1", unit="PAL")]), Committed)
    assert isinstance(release(erp, "X", lines=bom_lines(component="NEW-1", unit="PAL")), Committed)
    assert balance(erp, "NEW-1") == 4.0


def test_a_quantity_in_the_engineering_unit_is_converted(erp: Bench) -> None:
    data = dataset()
    held = next(h for h in data.plant_items.values() if h.plant == "DE01" and data.items[h.item].unit != h.unit)
    before = balance(erp, held.item)
    post(erp, lines=[line(item=held.item, unit=data.items[held.item].unit, quantity=2.0)])
    assert balance(erp, held.item) - before == pytest.approx(2.0 * held.per_base)


def test_activation_is_accepted_and_then_done_by_a_job(erp: Bench) -> None:
    release(erp, "X")
    route(erp, "X")
    assert activate_version.status == 202
    accepted = activate(erp, "X")
    assert accepted.result.status == "queued"
    assert erp.estate.jobs_open == 1
    assert not [event for event in erp.events if isinstance(event, VersionActivated)]
    revealing = call(erp, get_job, job=accepted.result.job)
    assert revealing.reveals == ()
    erp.pass_time(30)
    assert erp.estate.jobs_open == 0
    (activated,) = [event for event in erp.events if isinstance(event, VersionActivated)]
    assert (activated.revision, activated.job, activated.change) == ("X", accepted.result.job, "ECO-1")
    assert call(erp, get_version, plant="DE01", item=PRODUCT).result.revision == "X"
    done = call(erp, get_job, job=accepted.result.job)
    assert done.result.status == "done" and done.reveals == ((f"erp.version.activated|DE01|{PRODUCT}", 24),)


def test_an_activation_that_is_asked_for_again_is_the_same_job(erp: Bench) -> None:
    release(erp, "X")
    route(erp, "X")
    first = activate(erp, "X").result.job
    assert activate(erp, "X").result.job == first
    erp.pass_time(30)
    assert activate(erp, "X").result.job == first
    erp.pass_time(30)
    assert len([event for event in erp.events if isinstance(event, VersionActivated)]) == 1


def test_a_routing_that_became_inactive_is_rejected_by_an_event_and_may_be_mended(
    erp: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(erp, "X")
    centre = centre_of(active=True)
    route(erp, "X", centre)
    activate(erp, "X")
    kept = dataset().work_centres["DE01", centre]
    closed = type(kept)(kept.plant, kept.code, kept.capacity, active=False)
    monkeypatch.setitem(dataset().work_centres, ("DE01", centre), closed)
    erp.pass_time(30)
    (rejected,) = [event for event in erp.events if isinstance(event, VersionRejected)]
    assert rejected.reason == f"work centre {centre} is inactive"
    assert call(erp, get_job, job=rejected.job).result.status == "failed"
    assert call(erp, get_version, plant="DE01", item=PRODUCT).result.revision != "X"
    monkeypatch.setitem(dataset().work_centres, ("DE01", centre), kept)
    assert activate(erp, "X").result.job != rejected.job
    erp.pass_time(30)
    assert call(erp, get_version, plant="DE01", item=PRODUCT).result.revision == "X"


def test_jobs_wait_for_a_worker(tmp_path: Path) -> None:
    quick = {"activation_workers": 1, "activation_median_s": 1.0, "activation_p95_s": 1.0, "activation_per_line_s": 0.0}
    erp = bench(tmp_path, erp={"behaviour": quick})
    for moment, revision in enumerate("XYZ", start=1):
        release(erp, revision, effective_from=f"2024-01-0{moment}T00:00:00Z")
        route(erp, revision)
        activate(erp, revision)
    done = []
    for _ in range(3):
        erp.pass_time(1.01)
        done.append(len([event for event in erp.events if isinstance(event, VersionActivated)]))
    assert done == [1, 2, 3]


def _day(moment: float, zone: str) -> date:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).date()


@pytest.mark.parametrize("plant", [plant.code for plant in PLANTS])
@pytest.mark.parametrize(
    "now",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-30T23:59:59Z",
        "2024-02-29T16:00:01Z",
        "2023-12-31T17:30:00Z",
        "2024-03-31T00:30:00Z",
    ],
)
def test_today_is_open_at_every_plant_also_at_the_end_of_a_month(tmp_path: Path, plant: str, now: str) -> None:
    erp = bench(tmp_path)
    moment = datetime.fromisoformat(now).timestamp()
    erp.world.epoch = moment
    zone = dataset().plants[plant].time_zone
    assert isinstance(call(erp, post_stock, **posting(plant=plant, date=str(_day(moment, zone)))), Committed)


@pytest.mark.parametrize(
    ("days", "open_"), [(-36, False), (-35, False), (-34, True), (-1, True), (0, True), (1, True), (3, False)]
)
def test_posting_periods_close(erp: Bench, days: int, open_: bool) -> None:
    outcome = post(erp, posting_date=str(_day(EPOCH + days * DAY_S, "UTC")))
    assert isinstance(outcome, Committed if open_ else Refused)


def test_a_period_closes_while_business_time_passes(tmp_path: Path) -> None:
    erp = bench(tmp_path, speed=3600.0)
    assert isinstance(post(erp, posting_date="2023-11-14"), Committed)
    erp.pass_time(36 * 24)
    assert isinstance(post(erp, posting_date="2023-11-14"), Refused)


def test_a_posting_moves_stock_says_so_and_can_be_looked_up(erp: Bench) -> None:
    before = balance(erp)
    document = post(erp).result.document
    assert balance(erp) == before + 4
    assert [event.document for event in erp.events if isinstance(event, StockPosted)] == [document]
    found = call(erp, find_documents, plant="DE01", source_document="CNF-1")
    (view,) = found.result.items
    assert (view.document, view.reversed, view.posted_at) == (document, False, "2023-11-14T22:13:20.000Z")
    assert found.reveals == ((f"erp.stock.post|DE01|CNF-1|receipt|{PART}|L1", 0),)
    assert not call(erp, find_documents, plant="US01", source_document="CNF-1").result.items
    assert not call(erp, find_documents, plant="DE01", source_document="").result.items


def test_movements_go_their_way(erp: Bench) -> None:
    before = balance(erp)
    post(erp, lines=[line(movement="issue", quantity=1.5), line(movement="scrap", quantity=100)])
    assert balance(erp) == before - 1.5


def test_posting_twice_books_twice_and_the_ledger_says_so(erp: Bench) -> None:
    before = balance(erp)
    post(erp)
    post(erp)
    assert balance(erp) == before + 8
    first, second = erp.records(Commit)
    assert (first.repeat_of, second.repeat_of) == (0, first.seq)


def test_reversed_is_not_posted_and_may_be_posted_again(erp: Bench) -> None:
    before = balance(erp)
    document = post(erp).result.document
    reversal = call(erp, reverse_document, document=document, reason="wrong lot")
    assert reversal.undoes == (f"erp.stock.post|DE01|CNF-1|receipt|{PART}|L1",)
    assert balance(erp) == before
    assert call(erp, find_documents, plant="DE01", source_document="CNF-1").result.items[0].reversed
    again = call(erp, reverse_document, document=document)
    assert isinstance(again, Refused) and again.rejection.code == "already-reversed"
    post(erp)
    assert balance(erp) == before + 4
    assert erp.records(Commit)[-1].repeat_of == 0


def test_reversing_one_of_two_equal_postings_leaves_one_standing(erp: Bench) -> None:
    """Also where lines of a document are the same fact twice over."""
    lines = [line(), line()]
    post(erp, lines=lines)
    second = post(erp, lines=lines).result.document
    call(erp, reverse_document, document=second)
    post(erp, lines=lines)
    assert erp.records(Commit)[-1].repeat_of == erp.records(Commit)[0].seq


def test_without_a_source_document_each_posting_is_a_fact_of_its_own(erp: Bench) -> None:
    numbers = [post(erp, "").result.document for _ in range(2)]
    first, second = erp.records(Commit)
    assert first.effect == f"erp.stock.post|DE01|?{numbers[0]}|receipt|{PART}|L1"
    assert first.effect != second.effect and second.repeat_of == 0
    reversal = call(erp, reverse_document, document=numbers[0])
    assert reversal.undoes == (first.effect,)


def test_a_bar_in_a_source_document_is_no_separator(erp: Bench) -> None:
    post(erp, "a|b")
    (commit,) = erp.records(Commit)
    assert commit.effect.count("|") == 5
    assert call(erp, find_documents, plant="DE01", source_document="a|b").result.items


def test_a_look_up_lags_behind(tmp_path: Path) -> None:
    erp = bench(tmp_path, erp={"behaviour": {"read_lag_s": 2.0}})
    post(erp)
    erp.pass_time(1.9)
    hidden = call(erp, find_documents, plant="DE01", source_document="CNF-1")
    assert not hidden.result.items and hidden.reveals == ()
    erp.pass_time(0.2)
    assert call(erp, find_documents, plant="DE01", source_document="CNF-1").result.items
    assert [len(record.revealed) for record in erp.records(Read)] == [1]


def test_a_change_of_an_order_gives_it_a_new_row(erp: Bench) -> None:
    order = order_of()
    read = call(erp, get_order, order=order)
    changed = call(erp, change_order, order=order, quantity=7.0, revision="X")
    assert (changed.result.row, changed.result.quantity, changed.result.revision) == (2, 7.0, "X")
    assert changed.etag != read.etag
    assert [event.row for event in erp.events if isinstance(event, ProductionOrderChanged)] == [2]
    assert call(erp, get_order, order=order).etag == changed.etag


def test_an_order_that_a_clerk_has_open_is_locked_for_a_while(tmp_path: Path) -> None:
    erp = bench(tmp_path, erp={"behaviour": {"clerk_edits_per_min": 60.0, "clerk_edit_s": 1.5}})
    erp["erp"].behaviour.start()
    locked = ""
    for _ in range(100):
        erp.pass_time(0.5)
        held = erp["erp"].state.orders.values()
        locked = next((o.order.order for o in held if o.locked_until > erp.world.env.now + 0.1), "")
        if locked:
            break
    assert locked
    refused = call(erp, change_order, order=locked, quantity=3.0)
    assert isinstance(refused, Refused) and refused.rejection.code == "document-locked"
    until = erp["erp"].state.orders[locked].locked_until
    erp["erp"].parameters = erp["erp"].parameters.model_copy(update={"clerk_edit_s": 1e-9})
    erp.pass_time(until - erp.world.env.now + 0.001)
    assert isinstance(call(erp, change_order, order=locked, quantity=3.0), Committed)


def test_lists_page_through_everything_once(erp: Bench) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = call(erp, list_items, plant="DE01", limit=7, cursor=cursor).result
        seen += [item.item for item in page.items]
        cursor = page.next
        if not cursor:
            break
        new = f"N-{len(seen):04d}"
        call(erp, upsert_item, plant="DE01", item=new, description="", unit="EA", revision="A")
    expected = {item for plant, item in dataset().plant_items if plant == "DE01"}
    assert len(seen) == len(set(seen)) and expected <= set(seen)


def test_every_declared_refusal_has_a_test() -> None:
    declared = {
        rejection.code
        for operation in (
            activate_version, change_order, find_documents, get_balance, get_bom, get_item, get_job, get_order,
            get_version, list_items, list_open, post_stock, release_bom, reverse_document, upsert_item, upsert_routing,
        )
        for rejection in operation.rejects
    }  # fmt: skip
    elsewhere = {
        "already-reversed", "document-locked", "effectivity-gap", "effectivity-overlap", "effectivity-unsupported",
        "inactive-work-centre", "owned-here", "transfer-to-nowhere", "unknown-component", "unknown-work-centre",
    }  # fmt: skip
    assert declared == {code for _operation, _fields, code in REFUSALS} | elsewhere


# --- Transfers and differences of counts ------------------------------------------------------------------------------


def lot_of(erp: Bench, lot: str = "L1") -> Any:
    """The balance of a lot, with what of it is set aside."""
    return next(each for each in call(erp, get_balance, plant="DE01", item=PART).result.lots if each.lot == lot)


def test_a_transfer_changes_what_may_be_done_with_stock_and_not_how_much_there_is(erp: Bench) -> None:
    post(erp)
    there = {"movement": "transfer", "quantity": 3.0, "to_status": "quality"}
    number = post(erp, "MOV-1", lines=[line(**there)]).result.document
    assert (lot_of(erp).quantity, lot_of(erp).quality, lot_of(erp).blocked) == (4.0, 3.0, 0.0)
    post(erp, "MOV-2", lines=[line(movement="transfer", quantity=1.0, status="quality", to_status="blocked")])
    assert (lot_of(erp).quality, lot_of(erp).blocked) == (2.0, 1.0)
    call(erp, reverse_document, document=number)
    assert (lot_of(erp).quantity, lot_of(erp).quality) == (4.0, -1.0)


def test_what_a_count_found_moves_the_balance_and_what_is_set_aside(erp: Bench) -> None:
    post(erp)
    post(erp, "CNT-1", lines=[line(movement="surplus", quantity=2.0)])
    post(erp, "CNT-2", lines=[line(movement="shortage", quantity=1.0)])
    assert (lot_of(erp).quantity, lot_of(erp).quality) == (5.0, 0.0)
    post(erp, "CNT-3", lines=[line(movement="surplus", quantity=1.0, status="quality")])
    assert (lot_of(erp).quantity, lot_of(erp).quality) == (6.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"movement": "transfer"},
        {"movement": "transfer", "to_status": "unrestricted"},
        {"movement": "surplus", "to_status": "quality"},
        {"movement": "receipt", "to_status": "blocked"},
    ],
)
def test_a_transfer_goes_from_one_status_to_another_and_nothing_else_does(erp: Bench, wrong: dict[str, Any]) -> None:
    outcome = post(erp, lines=[line(**wrong)])
    assert isinstance(outcome, Refused)
    assert outcome.rejection.code == "transfer-to-nowhere"


def test_a_document_shows_what_may_be_done_with_the_stock(erp: Bench) -> None:
    post(erp, "MOV-1", lines=[line(movement="transfer", status="blocked", to_status="unrestricted")])
    (shown,) = call(erp, find_documents, plant="DE01", source_document="MOV-1").result.items
    assert (shown.lines[0].status, shown.lines[0].to_status) == ("blocked", "unrestricted")
