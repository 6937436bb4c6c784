"""What the reference middleware expects of the WMS of a site."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pact import match

from pilotplant.reference.calls import Call
from pilotplant.reference.purchasing import ExpectedLine, ExpectReceipt, HeldExpectation, ReceiptConfirmed
from tests.contract.consumers import CLOUDEVENTS, JSON, Expectations, envelope, refusal, refused

PLANT, ITEM, ASN = "DE01", "ITM-HUB-1", "ASN-HUB-1"


@pytest.fixture(scope="module")
def wms(repository: Path) -> Iterator[Expectations]:
    expectations = Expectations("wms")
    yield expectations
    expectations.compare(repository)


def expected(plant: str = PLANT) -> ExpectReceipt:
    lines = (ExpectedLine(ITEM, "B-1", "PO-1", 12.0, "EA"),)
    return ExpectReceipt(plant, ASN, 2, "SUP-1", "2026-01-31T08:00:00Z", lines)


def test_goods_are_expected(wms: Expectations) -> None:
    with wms.answering("goods are expected") as (interaction, call):
        interaction.given("items of the site", plant=PLANT, items=[ITEM]).with_request("PUT", "/expected-receipts")
        interaction.with_body(msgspec.to_builtins(expected()), JSON)
        interaction.will_respond_with(200).with_body({"asn": ASN, "version": 2}, JSON)
        told = call(Call("PUT", "/expected-receipts", msgspec.json.encode(expected())), HeldExpectation)
        assert told.version == 2


def test_goods_for_another_site_are_refused_for_good(wms: Expectations) -> None:
    with wms.answering("goods are expected at the wrong site") as (interaction, call):
        interaction.given("items of the site", plant=PLANT, items=[ITEM]).with_request("PUT", "/expected-receipts")
        interaction.with_body(msgspec.to_builtins(expected("US01")), JSON)
        refused(interaction, 422, "wrong-site")
        sent = Call("PUT", "/expected-receipts", msgspec.json.encode(expected("US01")))
        assert refusal(lambda: call(sent, HeldExpectation)) == "wrong-site"


def test_what_is_expected_is_looked_up(wms: Expectations) -> None:
    with wms.answering("what is expected is read") as (interaction, call):
        interaction.given("an expected receipt", plant=PLANT, asn=ASN, version=3)
        interaction.with_request("GET", f"/expected-receipts/{ASN}")
        interaction.will_respond_with(200).with_body({"asn": ASN, "version": match.int(3)}, JSON)
        assert call(Call("GET", f"/expected-receipts/{ASN}"), HeldExpectation).version == 3


def test_what_nobody_expects_is_refused_for_good(wms: Expectations) -> None:
    with wms.answering("what nobody expects is read") as (interaction, call):
        interaction.given("no such expected receipt", plant=PLANT, asn="ASN-NOWHERE")
        interaction.with_request("GET", "/expected-receipts/ASN-NOWHERE")
        refused(interaction, 404, "unknown-receipt")
        sent = Call("GET", "/expected-receipts/ASN-NOWHERE")
        assert refusal(lambda: call(sent, HeldExpectation)) == "unknown-receipt"


def test_older_stock_is_given_a_rule(wms: Expectations) -> None:
    rule = {"plant": PLANT, "item": ITEM, "revision": "B", "disposition": "quarantine", "change": "ECO-1"}
    with wms.answering("older stock is given a rule") as (interaction, call):
        interaction.given("an item of the site", plant=PLANT, item=ITEM).with_request("PUT", "/dispositions")
        interaction.with_body(rule, JSON).will_respond_with(200).with_body(rule, JSON)
        call(Call("PUT", "/dispositions", msgspec.json.encode(rule)), msgspec.Raw)


def test_a_receipt_says_what_came_and_for_which_order(wms: Expectations) -> None:
    line = {
        "po": match.str("PO-1"),
        "item": match.str(ITEM),
        "lot": match.str("B-1"),
        "quantity": match.number(12.0),
        "unit": match.str("EA"),
    }
    data = {
        "plant": PLANT,
        "receipt": match.str("REC-1"),
        "asn": ASN,
        "lines": match.each_like(line),
        "posting_date": match.regex("2026-01-31", regex=r"\d{4}-\d\d-\d\d"),
    }
    read = wms.event(
        "a receipt is confirmed",
        ReceiptConfirmed,
        lambda event: event.given("a confirmed receipt", plant=PLANT, asn=ASN, item=ITEM).with_body(
            envelope("wms.receipt.confirmed", data), CLOUDEVENTS
        ),
    )
    assert read.lines[0].po == "PO-1"
