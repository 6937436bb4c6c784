"""What the reference middleware expects of a PLM."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pact import match

from pilotplant.reference.calls import Call
from pilotplant.reference.messages import (
    ChangeCancelled,
    ChangeReleased,
    PlmBom,
    PlmItem,
    PlmRouting,
    ReportResult,
)
from tests.contract.consumers import CLOUDEVENTS, JSON, Expectations, envelope, refusal, refused

ITEM = "000000000000012345"
CHANGE = "ECO-000042"


@pytest.fixture(scope="module")
def plm(repository: Path) -> Iterator[Expectations]:
    expectations = Expectations("plm")
    yield expectations
    expectations.compare(repository)


def test_an_item_is_read_with_its_leading_zeros(plm: Expectations) -> None:
    with plm.answering("an item is read") as (interaction, call):
        interaction.given("an item", item=ITEM).with_request("GET", f"/items/{ITEM}").will_respond_with(200).with_body(
            {"item": ITEM, "description": match.str("Gehäuse"), "unit": match.str("EA"), "revision": match.str("A")},
            JSON,
        )
        assert call(Call("GET", f"/items/{ITEM}"), PlmItem) == PlmItem(ITEM, "Gehäuse", "EA", "A")


def test_an_item_that_nobody_knows_is_refused_for_good(plm: Expectations) -> None:
    with plm.answering("an unknown item is read") as (interaction, call):
        interaction.given("no such item", item="ITM-NOWHERE").with_request("GET", "/items/ITM-NOWHERE")
        refused(interaction, 404, "unknown-item")
        assert refusal(lambda: call(Call("GET", "/items/ITM-NOWHERE"), PlmItem)) == "unknown-item"


def test_the_structure_of_a_drafted_revision_is_read(plm: Expectations) -> None:
    path = f"/items/{ITEM}/revisions/B/bom"
    line = {"component": match.str("ITM-1"), "quantity": match.number(2.5), "unit": match.str("kg")}
    with plm.answering("a structure is read") as (interaction, call):
        interaction.given("a drafted revision", item=ITEM).with_request("GET", path)
        interaction.will_respond_with(200).with_body({"lines": match.each_like(line)}, JSON)
        assert call(Call("GET", path), PlmBom).lines[0].quantity == 2.5


def test_a_revision_that_is_not_defined_is_refused_for_good(plm: Expectations) -> None:
    path = f"/items/{ITEM}/revisions/ZZ/bom"
    with plm.answering("a structure of an unknown revision is read") as (interaction, call):
        interaction.given("an item", item=ITEM).with_request("GET", path)
        refused(interaction, 404, "unknown-revision")
        assert refusal(lambda: call(Call("GET", path), PlmBom)) == "unknown-revision"


def test_the_routing_of_a_drafted_revision_is_read(plm: Expectations) -> None:
    path = f"/items/{ITEM}/revisions/B/routing"
    step = {
        "number": match.int(10),
        "work_centre": match.str("WC-100"),
        "text": match.str("Fräsen"),
        "setup_s": match.number(60.0),
        "cycle_s": match.number(12.5),
    }
    with plm.answering("a routing is read") as (interaction, call):
        interaction.given("a drafted revision", item=ITEM).with_request("GET", path)
        interaction.will_respond_with(200).with_body({"steps": match.each_like(step)}, JSON)
        assert call(Call("GET", path), PlmRouting).steps[0].work_centre == "WC-100"


def test_what_became_of_a_change_is_reported(plm: Expectations) -> None:
    report = ReportResult("DE01", "erp", "accepted", "")
    with plm.answering("a result is reported") as (interaction, call):
        interaction.given("a released change", change=CHANGE, item=ITEM, plant="DE01")
        interaction.with_request("POST", f"/changes/{CHANGE}/results").with_body(msgspec.to_builtins(report), JSON)
        told = {"system": "erp", "plant": "DE01", "status": "accepted"}
        interaction.will_respond_with(201).with_body({"change": CHANGE, "results": [told]}, JSON)
        call(Call("POST", f"/changes/{CHANGE}/results", msgspec.json.encode(report)), msgspec.Raw)


def test_a_result_for_no_change_is_refused_for_good(plm: Expectations) -> None:
    report = ReportResult("DE01", "erp", "accepted", "")
    path = "/changes/ECO-NOWHERE/results"
    with plm.answering("a result is reported for an unknown change") as (interaction, call):
        interaction.given("no such change", change="ECO-NOWHERE").with_request("POST", path)
        interaction.with_body(msgspec.to_builtins(report), JSON)
        refused(interaction, 404, "unknown-change")
        assert refusal(lambda: call(Call("POST", path, msgspec.json.encode(report)), msgspec.Raw)) == "unknown-change"


def test_a_release_says_what_goes_where_and_from_when(plm: Expectations) -> None:
    affected = {
        "item": match.str(ITEM),
        "to_revision": match.regex("B", regex="[A-Z]+"),
        "plants": match.each_like(match.str("DE01")),
    }
    data = {
        "change": CHANGE,
        "priority": match.regex("urgent", regex="urgent|normal|low"),
        "effectivity": {
            "kind": match.regex("immediate", regex="immediate|date"),
            "at": match.regex("2026-01-31T08:00:00.000Z", regex=r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
        },
        "affected": match.each_like(affected),
    }
    read = plm.event(
        "a change is released",
        ChangeReleased,
        lambda event: event.given("a released change", change=CHANGE, item=ITEM, plant="DE01").with_body(
            envelope("plm.change.released", data), CLOUDEVENTS
        ),
    )
    assert read.affected[0].plants == ("DE01",)


def test_a_withdrawal_names_the_change(plm: Expectations) -> None:
    read = plm.event(
        "a change is withdrawn",
        ChangeCancelled,
        lambda event: event.given("a cancelled change", change=CHANGE, item=ITEM, plant="DE01").with_body(
            envelope("plm.change.cancelled", {"change": CHANGE}), CLOUDEVENTS
        ),
    )
    assert read.change == CHANGE
