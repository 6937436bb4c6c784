"""The ERP's purchasing: orders that are changed and cancelled, goods that are announced and received, each refusal."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.ledger.records import Commit
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems.erp.events import PurchaseOrderChanged, StockPosted
from pilotplant.systems.erp.operations import (
    cancel_delivery,
    cancel_purchase_order,
    change_purchase_order,
    create_delivery,
    find_deliveries,
    find_receipts,
    get_invoice_status,
    get_purchase_order,
    list_open_orders,
    post_receipt,
    replace_delivery,
    reverse_receipt,
)
from pilotplant.systems.erp.purchases import PurchaseOrderState
from tests.estates import Bench, bench

ECO = "ECO-000001"


@pytest.fixture
def erp(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def call(erp: Bench, operation: Any, **fields: Any) -> Any:
    return erp.apply("erp", operation, **fields)


def order(erp: Bench, *, received: bool = False) -> PurchaseOrderState:
    orders: dict[str, PurchaseOrderState] = erp["erp"].state.purchases.orders
    return next(o for o in orders.values() if bool(o.received) is received and o.plant == "DE01")


def line(of: PurchaseOrderState, quantity: float = 4.0, **changed: Any) -> dict[str, Any]:
    return {"po": of.po, "item": of.item, "quantity": quantity, "unit": of.unit, "lot": "B1", **changed}


def announce(erp: Bench, of: PurchaseOrderState, operation: Any = create_delivery, **changed: Any) -> Any:
    fields = {"plant": "DE01", "asn": "ASN-1", "supplier": of.supplier, "arrives_at": "2023-11-15T00:00:00Z"}
    return call(erp, operation, **{**fields, "lines": [line(of)], **changed})


def receive(erp: Bench, of: PurchaseOrderState, **changed: Any) -> Any:
    fields = {"plant": "DE01", "receipt": "RCV-1", "posting_date": "2023-11-14", "asn": "ASN-1", "lines": [line(of)]}
    return call(erp, post_receipt, **{**fields, **changed})


def refused(outcome: Any) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.rejection.code


# --- Orders ----------------------------------------------------------------------------------------------------------


def test_open_orders_are_found_by_item_and_supplier(erp: Bench) -> None:
    held = order(erp)
    for narrowed in ({"item": held.item}, {"supplier": held.supplier}):
        found = call(erp, list_open_orders, plant="DE01", **narrowed)
        assert held.po in [one.po for one in found.result.items]
        assert all(getattr(one, *narrowed) == getattr(held, *narrowed) for one in found.result.items)
    assert refused(call(erp, list_open_orders, plant="XX01")) == "unknown-plant"
    call(erp, cancel_purchase_order, plant="DE01", po=held.po, change=ECO)
    assert held.po not in [one.po for one in call(erp, list_open_orders, plant="DE01").result.items]


def test_an_order_is_changed_with_its_etag_and_tells_so(erp: Bench) -> None:
    held = order(erp, received=True)
    before = call(erp, get_purchase_order, plant="DE01", po=held.po)
    changed = call(erp, change_purchase_order, plant="DE01", po=held.po, quantity=held.received + 1, change=ECO)
    assert isinstance(changed, Committed)
    assert changed.etag != before.etag
    assert erp.events == [
        PurchaseOrderChanged(
            plant="DE01", po=held.po, row=2, quantity=held.received + 1, received=held.received, status="open"
        )
    ]
    after = call(erp, get_purchase_order, plant="DE01", po=held.po)
    assert after.result.quantity == held.received + 1
    assert after.reveals == ((f"erp.po.change|DE01|{held.po}|{ECO}", 0),)
    for wrong in ({"po": "PUR-?"}, {"plant": "US01"}):
        named = {"plant": "DE01", "po": held.po, **wrong}
        assert refused(call(erp, get_purchase_order, **named)) == "unknown-purchase-order"


def test_a_second_word_about_the_same_change_is_no_second_change(erp: Bench) -> None:
    held = order(erp)
    for quantity in (5.0, 6.0):
        call(erp, change_purchase_order, plant="DE01", po=held.po, quantity=quantity, change=ECO)
    assert [record.repeat_of for record in erp.records(Commit)] == [0, 0]
    assert held.quantity == 6.0


def test_what_cannot_be_changed_or_cancelled(erp: Bench) -> None:
    received, fresh = order(erp, received=True), order(erp)
    assert refused(call(erp, cancel_purchase_order, plant="DE01", po=received.po)) == "already-received"
    assert refused(call(erp, cancel_purchase_order, plant="DE01", po="PUR-?")) == "unknown-purchase-order"
    below = {"plant": "DE01", "po": received.po, "quantity": received.received / 2}
    assert refused(call(erp, change_purchase_order, **below)) == "below-received"
    assert refused(call(erp, change_purchase_order, plant="DE01", po=fresh.po, quantity=0.0)) == "quantity-not-positive"
    assert refused(call(erp, change_purchase_order, plant="DE01", po="PUR-?", quantity=1.0)) == "unknown-purchase-order"
    assert isinstance(call(erp, cancel_purchase_order, plant="DE01", po=fresh.po, change=ECO), Committed)
    for operation, fields in ((cancel_purchase_order, {}), (change_purchase_order, {"quantity": 1.0})):
        assert refused(call(erp, operation, plant="DE01", po=fresh.po, **fields)) == "purchase-order-cancelled"


def test_the_invoice_follows_what_was_received(erp: Bench) -> None:
    held = order(erp)
    seen = []
    for quantity in (0.0, held.quantity / 2, held.quantity / 2):
        if quantity:
            assert isinstance(receive(erp, held, lines=[line(held, quantity)]), Committed)
        seen.append(call(erp, get_invoice_status, plant="DE01", po=held.po).result.status)
    assert seen == ["nothing-received", "partly-received", "cleared"]
    assert refused(call(erp, get_invoice_status, plant="DE01", po="PUR-?")) == "unknown-purchase-order"


# --- Announcements ---------------------------------------------------------------------------------------------------


def test_an_announcement_that_is_noted_twice_makes_two_deliveries(erp: Bench) -> None:
    held = order(erp)
    announce(erp, held)
    announce(erp, held)
    first, second = erp.records(Commit)
    assert (first.repeat_of, second.repeat_of) == (0, first.seq)
    found = call(erp, find_deliveries, plant="DE01", asn="ASN-1")
    assert [one.delivery for one in found.result.items] == ["180000001", "180000002"]
    assert found.reveals[0] == ("erp.asn.create|DE01|ASN-1", 1)
    call(erp, cancel_delivery, delivery="180000002")
    assert erp.records(Commit)[-1].undoes == ("erp.asn.create|DE01|ASN-1",)
    assert refused(call(erp, cancel_delivery, delivery="180000002")) == "unknown-delivery"


def test_a_correction_replaces_and_an_older_one_is_stale(erp: Bench) -> None:
    held = order(erp)
    assert refused(announce(erp, held, replace_delivery, version=2)) == "unknown-delivery"
    announce(erp, held)
    for version in (3, 2):
        announce(erp, held, replace_delivery, version=version, lines=[line(held, float(version))])
    assert [bool(record.stale_over) for record in erp.records(Commit)] == [False, False, True]
    (shown,) = call(erp, find_deliveries, plant="DE01", asn="ASN-1").result.items
    assert (shown.version, shown.lines[0].quantity) == (2, 2.0)
    receive(erp, held)
    assert refused(announce(erp, held, replace_delivery, version=4)) == "delivery-received"
    assert refused(call(erp, cancel_delivery, delivery=shown.delivery)) == "delivery-received"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"plant": "XX01"}, "unknown-plant"),
        ({"lines": []}, "empty-document"),
        ({"supplier": "SUP-?"}, "wrong-supplier"),
    ],
)
def test_what_is_announced_has_to_be_expected(erp: Bench, changed: dict[str, Any], code: str) -> None:
    assert refused(announce(erp, order(erp), **changed)) == code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"po": "PUR-?"}, "unknown-purchase-order"),
        ({"item": "ITM-NOWHERE"}, "wrong-item"),
        ({"quantity": 0.0}, "quantity-not-positive"),
        ({"quantity": float("nan")}, "quantity-not-positive"),
        ({"unit": "furlong"}, "unit-not-convertible"),
        ({"quantity": 1e9}, "over-delivery"),
    ],
)
@pytest.mark.parametrize("act", [announce, receive])
def test_every_line_is_checked_against_its_order(erp: Bench, act: Any, changed: dict[str, Any], code: str) -> None:
    held = order(erp)
    assert refused(act(erp, held, lines=[line(held, **changed)])) == code
    assert not erp.records(Commit)


def test_what_is_under_way_counts_against_the_order(erp: Bench) -> None:
    held = order(erp)
    tolerated = held.quantity * 1.1
    announce(erp, held, lines=[line(held, held.quantity)])
    assert refused(announce(erp, held, asn="ASN-2", lines=[line(held, held.quantity * 0.2)])) == "over-delivery"
    replaced = announce(erp, held, replace_delivery, version=2, lines=[line(held, tolerated)])
    assert isinstance(replaced, Committed), "what is replaced does not count besides"


# --- Receipts --------------------------------------------------------------------------------------------------------


def test_goods_are_booked_under_the_receipt_of_the_warehouse(erp: Bench) -> None:
    held = order(erp)
    announce(erp, held)
    booked = receive(erp, held)
    assert isinstance(booked, Committed)
    assert held.received == 4.0
    assert erp["erp"].state.balances["DE01", held.item, "B1"] == 4.0
    assert erp.events == [
        StockPosted(plant="DE01", document="5000000001", source_document="RCV-1"),
        PurchaseOrderChanged(plant="DE01", po=held.po, row=2, quantity=held.quantity, received=4.0, status="open"),
    ]
    again = receive(erp, held)
    commits = [record for record in erp.records(Commit) if record.effect.startswith("erp.inbound")]
    assert [bool(record.repeat_of) for record in commits] == [False, True], again
    found = call(erp, find_receipts, plant="DE01", receipt="RCV-1")
    assert len(found.result.items) == 2
    assert found.reveals == (("erp.inbound.post_receipt|DE01|RCV-1", 0),)


def test_a_receipt_is_taken_back_once(erp: Bench) -> None:
    held = order(erp)
    document = receive(erp, held).result.document
    assert isinstance(call(erp, reverse_receipt, document=document), Committed)
    assert held.received == 0.0
    assert erp["erp"].state.balances["DE01", held.item, "B1"] == 0.0
    assert refused(call(erp, reverse_receipt, document=document)) == "already-reversed"
    assert refused(call(erp, reverse_receipt, document="1")) == "unknown-document"
    assert isinstance(receive(erp, held), Committed)
    assert [r.repeat_of for r in erp.records(Commit) if r.effect.startswith("erp.inbound.post")] == [0, 0]


def test_what_is_refused_of_a_receipt(erp: Bench) -> None:
    held = order(erp)
    assert refused(receive(erp, held, plant="XX01")) == "unknown-plant"
    assert refused(receive(erp, held, receipt="")) == "receipt-unnamed"
    assert refused(receive(erp, held, posting_date="2023-01-01")) == "period-closed"
    call(erp, cancel_purchase_order, plant="DE01", po=held.po)
    assert refused(receive(erp, held)) == "purchase-order-cancelled"


def test_look_ups_lag_as_the_profile_says(tmp_path: Path) -> None:
    erp = bench(tmp_path, erp={"behaviour": {"read_lag_s": 2.0}})
    held = order(erp)
    announce(erp, held)
    receive(erp, held)
    for shown in (0, 1):
        for operation, key in ((find_deliveries, {"asn": "ASN-1"}), (find_receipts, {"receipt": "RCV-1"})):
            found = call(erp, operation, plant="DE01", **key)
            assert isinstance(found, Found)
            assert len(found.result.items) == shown
        erp.pass_time(3)
