"""What the reference middleware expects of the suppliers' portal."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pact import match

from pilotplant.reference.calls import Call
from pilotplant.reference.purchasing import AsnSent, Notice
from tests.contract.consumers import CLOUDEVENTS, JSON, Expectations, envelope, refusal, refused

PO, CHANGE, ITEM, ASN = "PO-HUB-1", "ECO-HUB-1", "ITM-HUB-1", "ASN-HUB-1"
NOTICE = Notice(PO, CHANGE, ITEM, "ITM-HUB-2")


@pytest.fixture(scope="module")
def supplier(repository: Path) -> Iterator[Expectations]:
    expectations = Expectations("supplier")
    yield expectations
    expectations.compare(repository)


def test_a_supplier_is_told_of_a_change(supplier: Expectations) -> None:
    with supplier.answering("a change is told") as (interaction, call):
        interaction.given("an order that a supplier has", po=PO, item=ITEM).with_request("POST", "/change-notices")
        interaction.with_body(msgspec.to_builtins(NOTICE), JSON)
        told = {"po": PO, "change": CHANGE, "status": "received"}
        interaction.will_respond_with(201).with_body(told, JSON)
        call(Call("POST", "/change-notices", msgspec.json.encode(NOTICE)), msgspec.Raw)


def test_an_order_that_no_supplier_has_is_refused_for_good(supplier: Expectations) -> None:
    other = Notice("PO-NOWHERE", CHANGE, ITEM, "")
    with supplier.answering("a change of an unknown order is told") as (interaction, call):
        interaction.with_request("POST", "/change-notices").with_body(msgspec.to_builtins(other), JSON)
        refused(interaction, 422, "unknown-supplier-order")
        sent = Call("POST", "/change-notices", msgspec.json.encode(other))
        assert refusal(lambda: call(sent, msgspec.Raw)) == "unknown-supplier-order"


def test_an_announcement_says_what_comes_and_when(supplier: Expectations) -> None:
    line = {
        "po": PO,
        "item": match.str(ITEM),
        "lot": match.str("B-1"),
        "quantity": match.number(10.0),
        "unit": match.str("EA"),
    }
    data = {
        "plant": match.str("DE01"),
        "asn": ASN,
        "version": match.int(1),
        "supplier": match.str("SUP-1"),
        "arrives_at": match.regex("2026-01-31T08:00:00.000Z", regex=r"\d{4}-\d\d-\d\dT.*Z"),
        "lines": match.each_like(line),
    }
    read = supplier.event(
        "goods are announced",
        AsnSent,
        lambda event: event.given("goods that were announced", asn=ASN, po=PO, item=ITEM).with_body(
            envelope("supplier.asn.sent", data), CLOUDEVENTS
        ),
    )
    assert read.lines[0].po == PO
