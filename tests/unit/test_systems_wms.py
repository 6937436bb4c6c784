"""The WMS: where stock lies, what moves and counts tell, tasks that take time, receipts that come short, rules."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pilotplant.dataset.bins import RACK_ZONES, draw_bins, placed
from pilotplant.dataset.records import StockQuant
from pilotplant.ledger.records import Commit
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems import catalog
from pilotplant.systems.wms.events import CountAdjusted, ReceiptConfirmed, ShipmentConfirmed, StockMoved
from pilotplant.systems.wms.operations import (
    cancel_task,
    confirm_receipt,
    confirm_task,
    count_stock,
    create_task,
    expect_receipt,
    get_disposition,
    get_receipt,
    list_bins,
    list_counts,
    list_movements,
    list_receipts,
    list_tasks,
    move_stock,
    query_stock,
    set_disposition,
    ship_stock,
    task_status,
)
from pilotplant.systems.wms.state import Quant, Wms, build
from tests.estates import Bench, at_plant, bench, bought_item, dataset

ITEM = bought_item().number
UNIT = at_plant(bought_item()).unit


@pytest.fixture
def wms(tmp_path: Path) -> Bench:
    return bench(tmp_path, wms={"behaviour": {"short_share": 0}})


def call(wms: Bench, operation: Any, site: str = "DE01", **fields: Any) -> Any:
    return wms.apply(f"wms@{site}", operation, **fields)


def refused(outcome: Any) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.rejection.code


def state(wms: Bench, site: str = "DE01") -> Wms:
    found: Wms = wms[f"wms@{site}"].state
    return found


def some(wms: Bench, item: str = ITEM) -> Quant:
    """The most of an item that lies anywhere."""
    return max(state(wms).quants(item), key=lambda quant: quant.quantity)


def move(wms: Bench, to: str, quantity: float = 1.0, **changed: Any) -> Any:
    quant = some(wms)
    fields: dict[str, Any] = {"plant": "DE01", "item": ITEM, "lot": quant.lot, "from_bin": quant.bin, "to_bin": to}
    return call(wms, move_stock, **{**fields, "quantity": quantity, **changed})


def told(wms: Bench, kind: type) -> list[Any]:
    return [event for event in wms.events if isinstance(event, kind)]


# --- Where stock lies ------------------------------------------------------------------------------------------------


def test_all_stock_of_the_data_set_lies_in_bins_of_the_site(wms: Bench) -> None:
    site = state(wms)
    for item in site.items:
        lying: dict[str, float] = {}
        for quant in site.quants(item):
            assert site.bins[quant.bin].zone in RACK_ZONES
            lying[quant.lot] = round(lying.get(quant.lot, 0.0) + quant.quantity, 6)
        given: dict[str, float] = {}
        for stock in dataset().stock:
            if (stock.plant, stock.item) == ("DE01", item):
                given[stock.lot] = given.get(stock.lot, 0.0) + stock.quantity
        assert lying == pytest.approx({lot: quantity for lot, quantity in given.items() if quantity})


def test_bins_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    racks = tuple(place for place in draw_bins(3000) if place.zone in RACK_ZONES)
    quants = [StockQuant("DE01", f"ITM-{number}", "", 100.0) for number in range(50)]
    first, again, other = ([placed(seed, quant, racks, "EA") for quant in quants] for seed in (1, 1, 2))
    assert first == again != other
    assert any(len(places) == 2 for places in first), "now and then an item lies in two bins"
    assert all(sum(part for _bin, part in places) == 100.0 for places in first)


def test_a_wms_serves_one_site() -> None:
    with pytest.raises(ValueError, match="serves one site, got plants=DE01, US01"):
        build(dataset(), ("DE01", "US01"), None)


def test_stock_is_listed_a_page_at_a_time(wms: Bench) -> None:
    every, cursor = [], ""
    while True:
        page = call(wms, query_stock, limit=50, cursor=cursor).result
        every += page.items
        if not (cursor := page.next):
            break
    site = state(wms)
    assert len(every) == sum(1 for item in site.items for _ in site.quants(item)) > 50
    assert len({(quant.bin, quant.item, quant.lot) for quant in every}) == len(every)
    quant = some(wms)
    (found,) = call(wms, query_stock, item=ITEM, bin=quant.bin, lot=quant.lot).result.items
    assert (found.quantity, found.unit, found.status) == (quant.quantity, UNIT, "unrestricted")
    assert refused(call(wms, query_stock, cursor="nonsense")) == "bad-cursor"
    assert not call(wms, query_stock, item="ITM-unknown").result.items


def test_bins_are_listed(wms: Bench) -> None:
    shown = call(wms, list_bins, limit=1000).result.items
    assert {"IN", "PR", "OUT", "QA", "RW", "SC"} < {place.code for place in shown}
    assert {place.status for place in shown} == {"unrestricted", "quality", "blocked"}


# --- Moves and counts ------------------------------------------------------------------------------------------------


def test_a_move_between_racks_is_internal_and_one_to_quality_is_a_transfer(wms: Bench) -> None:
    quant = some(wms)
    rack = next(place.code for place in state(wms).racks if place.code != quant.bin)
    before = state(wms).quantity(rack, ITEM, quant.lot)
    assert isinstance(move(wms, rack), Committed)
    assert isinstance(move(wms, "QA", 2.0), Committed)
    internal, transfer = told(wms, StockMoved)
    assert (internal.kind, internal.movement, internal.from_status) == ("internal", "MOV-0000001", "unrestricted")
    assert (transfer.kind, transfer.quantity, transfer.unit) == ("transfer", 2.0, UNIT)
    assert (transfer.from_status, transfer.to_status) == ("unrestricted", "quality")
    assert state(wms).quantity(rack, ITEM, quant.lot) == before + 1.0
    assert state(wms).quantity("QA", ITEM, quant.lot) == 2.0
    assert transfer.posting_date == "2023-11-14", "late in the evening in Leipzig"
    assert [moved.movement for moved in call(wms, list_movements).result.items] == ["MOV-0000001", "MOV-0000002"]


def test_sites_count_their_movements_each_for_itself_and_by_their_own_calendar(wms: Bench) -> None:
    move(wms, "QA")
    item = next(item for item in state(wms, "CN01").items if any(state(wms, "CN01").quants(item)))
    quant = next(state(wms, "CN01").quants(item))
    fields: dict[str, Any] = {
        "item": item,
        "lot": quant.lot,
        "from_bin": quant.bin,
        "to_bin": "QA",
        "quantity": quant.quantity,
    }
    call(wms, move_stock, "CN01", plant="CN01", **fields)
    first, second = told(wms, StockMoved)
    assert (first.movement, second.movement) == ("MOV-0000001", "MOV-0000001")
    assert (first.posting_date, second.posting_date) == ("2023-11-14", "2023-11-15")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"plant": "US01"}, "wrong-site"),
        ({"item": "ITM-unknown"}, "item-not-at-site"),
        ({"from_bin": "Z-99-9"}, "unknown-bin"),
        ({"to_bin": "Z-99-9"}, "unknown-bin"),
        ({"quantity": 0.0}, "quantity-out-of-range"),
        ({"quantity": -1.0}, "quantity-out-of-range"),
        ({"quantity": 1e11}, "not-enough-stock"),
        ({"lot": "another"}, "not-enough-stock"),
    ],
)
def test_a_move_that_cannot_be_is_refused_and_changes_nothing(wms: Bench, changed: dict[str, Any], code: str) -> None:
    some(wms)
    before = wms.digest()
    assert refused(move(wms, **{"to": changed.pop("to_bin", "QA"), **changed})) == code
    assert wms.digest() == before
    assert not wms.events


def test_nothing_is_moved_to_where_it_lies(wms: Bench) -> None:
    assert refused(move(wms, some(wms).bin)) == "unknown-bin"


@pytest.mark.parametrize(("off", "difference"), [(3.0, 3.0), (-2.0, -2.0)])
def test_a_count_tells_the_difference_and_the_stock_follows(wms: Bench, off: float, difference: float) -> None:
    quant = some(wms)
    fields: dict[str, Any] = {
        "plant": "DE01",
        "item": ITEM,
        "lot": quant.lot,
        "bin": quant.bin,
        "counted": quant.quantity + off,
    }
    call(wms, count_stock, **fields)
    call(wms, count_stock, **fields)
    (adjusted,) = told(wms, CountAdjusted)
    assert (adjusted.count, adjusted.difference, adjusted.unit) == ("CNT-0000001", difference, UNIT)
    assert state(wms).quantity(quant.bin, ITEM, quant.lot) == quant.quantity + off
    assert [count.count for count in call(wms, list_counts).result.items] == ["CNT-0000001", "CNT-0000002"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"counted": -1.0}, "quantity-out-of-range"),
        ({"plant": "US01"}, "wrong-site"),
        ({"bin": "Z-99-9"}, "unknown-bin"),
    ],
)
def test_a_count_that_cannot_be_is_refused(wms: Bench, changed: dict[str, Any], code: str) -> None:
    fields: dict[str, Any] = {"plant": "DE01", "item": ITEM, "bin": some(wms).bin, "counted": 1.0}
    assert refused(call(wms, count_stock, **{**fields, **changed})) == code


def test_what_was_shipped_is_gone(wms: Bench) -> None:
    quant = some(wms)
    line: dict[str, Any] = {"item": ITEM, "lot": quant.lot, "bin": quant.bin, "quantity": 2.0}
    fields: dict[str, Any] = {"plant": "DE01", "shipment": "SHP-1", "lines": [line]}
    assert isinstance(call(wms, ship_stock, **fields), Committed)
    (shipped,) = told(wms, ShipmentConfirmed)
    assert shipped.lines[0].quantity == 2.0
    assert state(wms).quantity(quant.bin, ITEM, quant.lot) == quant.quantity - 2.0
    assert refused(call(wms, ship_stock, **fields)) == "shipment-exists"
    assert refused(call(wms, ship_stock, plant="DE01", shipment="SHP-2", lines=[])) == "nothing-expected"
    twice: dict[str, Any] = {**line, "quantity": quant.quantity * 0.6}
    assert refused(call(wms, ship_stock, plant="DE01", shipment="SHP-3", lines=[twice, twice])) == "not-enough-stock"
    move(wms, "QA")
    there: dict[str, Any] = {**line, "bin": "QA", "quantity": 1.0}
    assert refused(call(wms, ship_stock, plant="DE01", shipment="SHP-4", lines=[there])) == "stock-blocked"


# --- Tasks -----------------------------------------------------------------------------------------------------------


def pick(wms: Bench, task: str = "T-1", **changed: Any) -> Any:
    quant = some(wms)
    fields: dict[str, Any] = {
        "plant": "DE01",
        "task": task,
        "kind": "pick",
        "item": ITEM,
        "lot": quant.lot,
        "quantity": 1.0,
    }
    return call(wms, create_task, **{**fields, **changed})


def test_a_pick_takes_time_and_brings_stock_to_production(wms: Bench) -> None:
    assert pick(wms).result.status == "open"
    assert wms.estate.jobs_open == 1
    assert not wms.events
    wms.pass_time(3600)
    found = call(wms, task_status, task="T-1")
    assert isinstance(found, Found)
    assert found.result.status == "done"
    assert found.reveals == (("wms.task.create|DE01|T-1", 0), ("wms.stock.moved|DE01|MOV-0000001", 0))
    (moved,) = told(wms, StockMoved)
    assert (moved.to_bin, moved.kind, moved.task) == ("PR", "internal", "T-1")
    assert wms.estate.jobs_open == 0


def test_there_are_so_many_pickers_and_no_more(tmp_path: Path) -> None:
    slow = {"pickers": 2, "task_median_s": 100.0, "task_p95_s": 100.0}
    wms = bench(tmp_path, wms={"behaviour": slow})
    for number in range(4):
        pick(wms, f"T-{number}")
    wms.pass_time(150)
    assert len(told(wms, StockMoved)) == 2
    wms.pass_time(100)
    assert len(told(wms, StockMoved)) == 4


def test_a_task_that_was_cancelled_is_not_done(wms: Bench) -> None:
    pick(wms)
    assert call(wms, cancel_task, task="T-1").result.status == "cancelled"
    wms.pass_time(3600)
    assert not wms.events
    assert refused(call(wms, cancel_task, task="T-1")) == "task-ended"
    assert wms.estate.jobs_open == 0


def test_a_task_is_done_once(wms: Bench) -> None:
    pick(wms)
    assert call(wms, confirm_task, task="T-1").result.status == "done"
    assert refused(call(wms, confirm_task, task="T-1")) == "task-ended"
    wms.pass_time(3600)
    assert len(told(wms, StockMoved)) == 1


def test_a_task_whose_stock_has_gone_has_failed(wms: Bench) -> None:
    quant = some(wms)
    pick(wms, quantity=quant.quantity, from_bin=quant.bin)
    move(wms, "QA", quant.quantity)
    wms.events.clear()
    wms.pass_time(3600)
    shown = call(wms, task_status, task="T-1").result
    assert (shown.status, shown.reason) == ("failed", "not-enough-stock")
    assert not wms.events


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"plant": "US01"}, "wrong-site"),
        ({"item": "ITM-unknown"}, "item-not-at-site"),
        ({"from_bin": "Z-99-9"}, "unknown-bin"),
        ({"quantity": 1e11}, "not-enough-stock"),
        ({"kind": "putaway"}, "not-enough-stock"),
    ],
)
def test_a_task_that_cannot_be_is_refused(wms: Bench, changed: dict[str, Any], code: str) -> None:
    assert refused(pick(wms, **changed)) == code


def test_a_task_is_created_once_and_listed(wms: Bench) -> None:
    pick(wms)
    assert refused(pick(wms)) == "task-exists"
    assert refused(call(wms, task_status, task="T-2")) == "unknown-task"
    assert [task.task for task in call(wms, list_tasks, status="open").result.items] == ["T-1"]
    assert not call(wms, list_tasks, status="done").result.items


# --- Receipts --------------------------------------------------------------------------------------------------------


def expect(wms: Bench, quantity: float = 12.0, **changed: Any) -> Any:
    line: dict[str, Any] = {"item": ITEM, "quantity": quantity, "unit": UNIT, "lot": "L-new", "po": "PO-1"}
    fields: dict[str, Any] = {"plant": "DE01", "asn": "ASN-1", "supplier": "S-1", "lines": [line]}
    return call(wms, expect_receipt, **{**fields, **changed})


def test_what_is_expected_comes_is_told_and_is_put_away(wms: Bench) -> None:
    assert expect(wms).result.status == "expected"
    wms.pass_time(24 * 3600)
    (received,) = told(wms, ReceiptConfirmed)
    assert (received.receipt, received.asn, received.version) == ("RCP-0000001", "ASN-1", 1)
    assert [(line.po, line.lot, line.quantity, line.expected) for line in received.lines] == [
        ("PO-1", "L-new", 12.0, 12.0)
    ]
    (put_away,) = told(wms, StockMoved)
    assert (put_away.from_bin, put_away.kind) == ("IN", "internal")
    assert state(wms).quantity("IN", ITEM, "L-new") == 0.0
    assert state(wms).quantity(put_away.to_bin, ITEM, "L-new") == 12.0
    found = call(wms, get_receipt, asn="ASN-1")
    assert found.reveals == (("wms.receipt.expect|DE01|ASN-1", 1), ("wms.receipt.confirmed|DE01|RCP-0000001", 0))


def test_less_may_come_than_was_announced(tmp_path: Path) -> None:
    wms = bench(tmp_path, wms={"behaviour": {"short_share": 1.0}})
    expect(wms)
    wms.pass_time(24 * 3600)
    (received,) = told(wms, ReceiptConfirmed)
    assert 0 < received.lines[0].quantity < 12.0


def test_a_correction_holds_and_an_older_one_after_it_is_stale(wms: Bench) -> None:
    expect(wms, version=2)
    expect(wms, 5.0, version=3)
    expect(wms, 12.0, version=2)
    stale = [record.stale_over for record in wms.records(Commit)]
    assert stale[:2] == [0, 0]
    assert stale[2] > 0
    wms.pass_time(24 * 3600)
    assert len(told(wms, ReceiptConfirmed)) == 1, "goods come once, however often they are announced"
    assert refused(expect(wms, version=4)) == "receipt-closed"


def test_goods_do_not_come_before_they_arrive(wms: Bench) -> None:
    expect(wms, arrives_at="2023-11-16T12:00:00Z")
    wms.pass_time(24 * 3600)
    assert not wms.events
    assert wms.estate.jobs_open == 0, "nobody waits for a truck of the day after tomorrow"
    wms.pass_time(24 * 3600)
    assert len(told(wms, ReceiptConfirmed)) == 1


def test_quantities_in_engineering_units_are_converted() -> None:
    data = dataset()
    local = next(here for here in data.plant_items.values() if here.per_base != 1 and here.plant == "DE01")
    site = build(data, ("DE01",), None)
    base = data.items[local.item].unit
    assert site.in_site_unit(local.item, 24.0, base) == pytest.approx(24.0 * local.per_base)
    assert site.in_site_unit(local.item, 24.0, local.unit) == 24.0
    assert site.in_site_unit(local.item, 24.0, "barrels") is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"plant": "US01"}, "wrong-site"),
        ({"lines": []}, "nothing-expected"),
        ({"lines": [{"item": "ITM-unknown", "quantity": 1.0, "unit": UNIT}]}, "item-not-at-site"),
        ({"lines": [{"item": ITEM, "quantity": 0.0, "unit": UNIT}]}, "quantity-out-of-range"),
        ({"lines": [{"item": ITEM, "quantity": 1.0, "unit": "barrels"}]}, "unit-not-kept"),
    ],
)
def test_what_cannot_be_expected_is_refused(wms: Bench, changed: dict[str, Any], code: str) -> None:
    assert refused(expect(wms, **changed)) == code


def test_goods_are_received_once(wms: Bench) -> None:
    assert refused(call(wms, confirm_receipt, asn="ASN-1")) == "unknown-receipt"
    assert refused(call(wms, get_receipt, asn="ASN-1")) == "unknown-receipt"
    expect(wms)
    assert refused(call(wms, confirm_receipt, asn="ASN-1", lines=[{"line": 1, "quantity": 1.0}])) == (
        "quantity-out-of-range"
    )
    assert refused(call(wms, confirm_receipt, asn="ASN-1", lines=[{"line": 0, "quantity": 0.0}])) == "nothing-expected"
    call(wms, confirm_receipt, asn="ASN-1", lines=[{"line": 0, "quantity": 7.0}])
    assert refused(call(wms, confirm_receipt, asn="ASN-1")) == "receipt-closed"
    assert [receipt.receipt for receipt in call(wms, list_receipts, status="received").result.items] == ["RCP-0000001"]
    assert not call(wms, list_receipts, status="expected").result.items


# --- Dispositions ----------------------------------------------------------------------------------------------------


def dispose(wms: Bench, disposition: str, revision: str = "B", **changed: Any) -> Any:
    fields: dict[str, Any] = {
        "plant": "DE01",
        "item": ITEM,
        "revision": revision,
        "disposition": disposition,
        "change": "ECO-1",
    }
    return call(wms, set_disposition, **{**fields, **changed})


@pytest.mark.parametrize("disposition", ["quarantine", "rework", "scrap"])
def test_what_is_set_aside_cannot_be_picked(wms: Bench, disposition: str) -> None:
    assert isinstance(dispose(wms, disposition), Committed)
    assert refused(pick(wms)) == "stock-blocked"
    assert call(wms, query_stock, item=ITEM).result.items[0].disposition == disposition


def test_what_is_used_up_can_be_picked(wms: Bench) -> None:
    dispose(wms, "use-up")
    assert isinstance(pick(wms), Committed)


def test_a_pick_that_was_created_before_the_rule_fails(wms: Bench) -> None:
    pick(wms)
    dispose(wms, "quarantine")
    wms.pass_time(3600)
    assert call(wms, task_status, task="T-1").result.reason == "stock-blocked"


def test_the_same_rule_may_be_set_again_and_a_newer_one_replaces_it(wms: Bench) -> None:
    assert refused(call(wms, get_disposition, item=ITEM)) == "no-rule"
    for _ in range(2):
        assert isinstance(dispose(wms, "quarantine"), Committed)
    assert refused(dispose(wms, "scrap")) == "disposition-conflict"
    assert isinstance(dispose(wms, "rework", "C"), Committed)
    assert refused(dispose(wms, "quarantine")) == "newer-rule-stands"
    found = call(wms, get_disposition, item=ITEM)
    assert (found.result.revision, found.result.disposition) == ("C", "rework")
    assert found.reveals == ((f"wms.disposition.set|DE01|{ITEM}", 3),)


@pytest.mark.parametrize(
    ("changed", "code"), [({"plant": "US01"}, "wrong-site"), ({"item": "ITM-unknown"}, "item-not-at-site")]
)
def test_a_rule_that_cannot_be_is_refused(wms: Bench, changed: dict[str, Any], code: str) -> None:
    assert refused(dispose(wms, "quarantine", **changed)) == code


# --- What a scenario can make happen ----------------------------------------------------------------------------------


def happen(wms: Bench, name: str, times: int = 40, **given: Any) -> list[Any]:
    """A stimulus, often: what came of it."""
    stimulus = catalog.stimuli()[name]
    system, chance = wms["wms@DE01"], Random(5)
    parameters = stimulus.parameters(**given)
    outcomes = []
    for _ in range(times):
        for operation, command in stimulus.plan(system.behaviour, parameters, chance):
            outcomes.append(system.apply(operation, command))
    return outcomes


@pytest.mark.parametrize(("transfer", "kinds"), [(0.0, {"internal"}), (1.0, {"transfer"})])
def test_moves_are_as_often_transfers_as_a_scenario_says(wms: Bench, transfer: float, kinds: set[str]) -> None:
    outcomes = happen(wms, "wms.stock.move", transfer=transfer)
    assert outcomes
    assert all(isinstance(outcome, Committed) for outcome in outcomes), "nobody carries what is not there"
    assert {moved.kind for moved in told(wms, StockMoved)} == kinds


def test_stock_that_was_set_aside_is_set_free_again_now_and_then(wms: Bench) -> None:
    happen(wms, "wms.stock.move", times=2000, transfer=1.0)
    assert {(moved.from_status, moved.to_status) for moved in told(wms, StockMoved)} == {
        ("unrestricted", "quality"),
        ("unrestricted", "blocked"),
        ("quality", "unrestricted"),
    }


def test_counts_find_as_often_a_difference_as_a_scenario_says(wms: Bench) -> None:
    assert happen(wms, "wms.stock.count", difference=0.0)
    assert not told(wms, CountAdjusted)
    happen(wms, "wms.stock.count", times=60, difference=1.0)
    differences = [count.difference for count in told(wms, CountAdjusted)]
    assert len(differences) > 40
    assert any(difference > 0 for difference in differences)
    assert any(difference < 0 for difference in differences)


def test_goods_come_and_trucks_leave_when_a_scenario_says(wms: Bench) -> None:
    assert not happen(wms, "wms.receipt.confirm", times=1), "nothing is expected"
    expect(wms, arrives_at="2023-11-20T12:00:00Z")
    happen(wms, "wms.receipt.confirm", times=2)
    assert len(told(wms, ReceiptConfirmed)) == 1
    happen(wms, "wms.shipment.ship", times=3)
    assert [shipped.shipment for shipped in told(wms, ShipmentConfirmed)] == [f"SHP-{n:07d}" for n in (1, 2, 3)]
