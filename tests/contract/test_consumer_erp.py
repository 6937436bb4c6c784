"""What the reference middleware expects of an ERP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pact import generate, match

from pilotplant.reference.calls import Call
from pilotplant.reference.messages import (
    ActivateVersion,
    BomLine,
    BomReleased,
    ErpItem,
    Job,
    PostStock,
    ReleaseBom,
    StockDocument,
    StockDocuments,
    StockLine,
    VersionOutcome,
)
from tests.contract.consumers import CLOUDEVENTS, JSON, Expectations, envelope, refusal, refused

PLANT, ITEM, COMPONENT, CONFIRMATION = "DE01", "ITM-HUB-1", "ITM-HUB-2", "CNF-HUB-1"
HERE = {"plant": PLANT, "item": ITEM}


@pytest.fixture(scope="module")
def erp(repository: Path) -> Iterator[Expectations]:
    expectations = Expectations("erp")
    yield expectations
    expectations.compare(repository)


def body_of(message: msgspec.Struct) -> Any:
    return msgspec.to_builtins(message)


def test_an_item_at_a_plant_is_read(erp: Expectations) -> None:
    path = f"/plants/{PLANT}/items/{ITEM}"
    held = {**HERE, "description": match.str("Housing"), "unit": match.str("EA"), "revision": match.str("A")}
    with erp.answering("an item at a plant is read") as (interaction, call):
        interaction.given("an item at a plant", **HERE).with_request("GET", path)
        interaction.will_respond_with(200).with_body(held, JSON)
        assert call(Call("GET", path), ErpItem) == ErpItem(PLANT, ITEM, "Housing", "EA", "A")


def test_an_item_that_the_plant_does_not_know_is_refused_for_good(erp: Expectations) -> None:
    path = f"/plants/{PLANT}/items/{ITEM}"
    with erp.answering("an item that the plant does not know is read") as (interaction, call):
        interaction.given("no such item at the plant", **HERE).with_request("GET", path)
        refused(interaction, 422, "item-not-at-plant")
        assert refusal(lambda: call(Call("GET", path), ErpItem)) == "item-not-at-plant"


def test_an_item_is_made_known_to_a_plant(erp: Expectations) -> None:
    item = ErpItem(PLANT, ITEM, "Gehäuse, groß", "EA", "B")
    with erp.answering("an item is made known to a plant") as (interaction, call):
        interaction.given("no such item at the plant", **HERE).with_request("PUT", "/items")
        interaction.with_body(body_of(item), JSON).will_respond_with(200).with_body(body_of(item), JSON)
        assert call(Call("PUT", "/items", msgspec.json.encode(item)), ErpItem) == item


def test_a_unit_that_is_not_the_plants_is_refused_for_good(erp: Expectations) -> None:
    item = ErpItem(PLANT, ITEM, "Housing", "BX", "B")
    with erp.answering("an item is sent in another unit") as (interaction, call):
        interaction.given("an item at a plant", **HERE, unit="EA").with_request("PUT", "/items")
        interaction.with_body(body_of(item), JSON)
        refused(interaction, 422, "unit-not-convertible")
        sent = Call("PUT", "/items", msgspec.json.encode(item))
        assert refusal(lambda: call(sent, msgspec.Raw)) == "unit-not-convertible"


STRUCTURE = ReleaseBom(PLANT, ITEM, "B", "2026-01-31T08:00:00Z", (BomLine(COMPONENT, 2.0, "EA"),), "ECO-1")


def test_a_structure_is_released_and_has_a_number(erp: Expectations) -> None:
    with erp.answering("a structure is released") as (interaction, call):
        interaction.given("an item at a plant", **HERE).given("an item at a plant", plant=PLANT, item=COMPONENT)
        interaction.with_request("POST", "/bill-of-material-releases").with_body(body_of(STRUCTURE), JSON)
        interaction.will_respond_with(201).with_body({"version": match.regex("0001", regex=r"\d{4}")}, JSON)
        sent = Call("POST", "/bill-of-material-releases", msgspec.json.encode(STRUCTURE))
        assert call(sent, BomReleased).version == "0001"


def test_a_component_that_the_plant_does_not_know_is_named(erp: Expectations) -> None:
    with erp.answering("a structure with an unknown component is released") as (interaction, call):
        interaction.given("a component that the plant does not know", **HERE, component=COMPONENT)
        interaction.with_request("POST", "/bill-of-material-releases").with_body(body_of(STRUCTURE), JSON)
        refused(interaction, 422, "unknown-component")
        sent = Call("POST", "/bill-of-material-releases", msgspec.json.encode(STRUCTURE))
        assert refusal(lambda: call(sent, BomReleased)) == "unknown-component"


def test_a_routing_is_set(erp: Expectations) -> None:
    centre = match.type("WC-100", generator=generate.provider_state("${work_centre}"))
    step = {"number": 10, "text": "Mill", "setup_s": 60.0, "cycle_s": 12.5}
    key = {**HERE, "revision": "C"}
    with erp.answering("a routing is set") as (interaction, call):
        interaction.given("a structure at a plant", **HERE).with_request("PUT", "/routings")
        interaction.with_body({**key, "steps": [{**step, "work_centre": centre}]}, JSON)
        interaction.will_respond_with(200).with_body(key, JSON)
        sent = msgspec.json.encode({**key, "steps": [{**step, "work_centre": "WC-100"}]})
        call(Call("PUT", "/routings", sent), msgspec.Raw)


WISH = ActivateVersion(PLANT, ITEM, "B", "ECO-1")


def test_an_activation_is_accepted_and_becomes_a_job(erp: Expectations) -> None:
    with erp.answering("an activation is asked for") as (interaction, call):
        interaction.given("a structure at a plant", **HERE, revision="B")
        interaction.with_request("POST", "/production-version-activations").with_body(body_of(WISH), JSON)
        job = {"job": match.str("JOB-1"), "status": match.regex("queued", regex="queued|done|failed"), "reason": ""}
        interaction.will_respond_with(202).with_body(job, JSON)
        sent = Call("POST", "/production-version-activations", msgspec.json.encode(WISH))
        assert call(sent, Job).status == "queued"


def test_an_activation_without_a_structure_is_refused_for_good(erp: Expectations) -> None:
    with erp.answering("an activation without a structure is asked for") as (interaction, call):
        interaction.given("an item at a plant", **HERE)
        interaction.with_request("POST", "/production-version-activations").with_body(body_of(WISH), JSON)
        refused(interaction, 422, "nothing-to-activate")
        sent = Call("POST", "/production-version-activations", msgspec.json.encode(WISH))
        assert refusal(lambda: call(sent, Job)) == "nothing-to-activate"


def test_a_job_says_how_far_it_is(erp: Expectations) -> None:
    with erp.answering("a job is read") as (interaction, call):
        interaction.given("a job", job="JOB-7", **HERE).with_request("GET", "/jobs/JOB-7")
        job = {"job": "JOB-7", "status": match.regex("queued", regex="queued|done|failed"), "reason": match.str("")}
        interaction.will_respond_with(200).with_body(job, JSON)
        assert call(Call("GET", "/jobs/JOB-7"), Job).job == "JOB-7"


def test_stock_is_posted_under_a_key(erp: Expectations) -> None:
    lines = (StockLine("receipt", ITEM, 9.0, "EA", "LOT-1"),)
    date = match.type("2026-01-31", generator=generate.provider_state("${today}"))
    with erp.answering("stock is posted") as (interaction, call):
        interaction.given("an item at a plant", **HERE, unit="EA").given("an open posting period")
        interaction.with_request("POST", "/stock-documents").with_header("Idempotency-Key", match.str("key-1"))
        interaction.with_body({**body_of(PostStock(PLANT, "", lines, CONFIRMATION)), "posting_date": date}, JSON)
        interaction.will_respond_with(201).with_body({"document": match.str("4900000001")}, JSON)
        sent = msgspec.json.encode(PostStock(PLANT, "2026-01-31", lines, CONFIRMATION))
        call(Call("POST", "/stock-documents", sent, idempotency_key="key-1"), StockDocument)


def test_a_posting_for_an_item_that_the_plant_does_not_know_is_refused_for_good(erp: Expectations) -> None:
    lines = (StockLine("receipt", ITEM, 9.0, "EA", "LOT-1"),)
    date = match.type("2026-01-31", generator=generate.provider_state("${today}"))
    with erp.answering("stock of an unknown item is posted") as (interaction, call):
        interaction.given("no such item at the plant", **HERE).given("an open posting period")
        interaction.with_request("POST", "/stock-documents").with_header("Idempotency-Key", match.str("key-1"))
        interaction.with_body({**body_of(PostStock(PLANT, "", lines, CONFIRMATION)), "posting_date": date}, JSON)
        refused(interaction, 422, "item-not-at-plant")
        sent = msgspec.json.encode(PostStock(PLANT, "2026-01-31", lines, CONFIRMATION))
        posted = Call("POST", "/stock-documents", sent, idempotency_key="key-1")
        assert refusal(lambda: call(posted, StockDocument)) == "item-not-at-plant"


def test_a_posting_is_found_by_its_source_document(erp: Expectations) -> None:
    query = {"plant": PLANT, "source_document": CONFIRMATION}
    with erp.answering("a posting is looked up") as (interaction, call):
        interaction.given("a stock document", plant=PLANT, source_document=CONFIRMATION, item=ITEM)
        interaction.with_request("GET", "/stock-documents").with_query_parameters(query)
        found = {"document": match.str("4900000001"), "reversed": False}
        interaction.will_respond_with(200).with_body({"items": match.each_like(found)}, JSON)
        assert call(Call("GET", "/stock-documents", query=query), StockDocuments).items[0].document == "4900000001"


def test_what_was_not_posted_is_not_found(erp: Expectations) -> None:
    query = {"plant": PLANT, "source_document": "CNF-NEVER"}
    with erp.answering("a posting that never was is looked up") as (interaction, call):
        interaction.with_request("GET", "/stock-documents").with_query_parameters(query)
        interaction.will_respond_with(200).with_body({"items": []}, JSON)
        assert not call(Call("GET", "/stock-documents", query=query), StockDocuments).items


def outcome(**more: Any) -> dict[str, Any]:
    return {**HERE, "revision": "B", "job": match.str("JOB-1"), **more}


def test_an_activation_that_is_done_is_told(erp: Expectations) -> None:
    read = erp.event(
        "a version is active",
        VersionOutcome,
        lambda event: event.given("a production version that is active", **HERE, revision="B").with_body(
            envelope("erp.version.activated", outcome()), CLOUDEVENTS
        ),
    )
    assert read.revision == "B"


def test_an_activation_that_failed_is_told_with_the_reason(erp: Expectations) -> None:
    read = erp.event(
        "a version is rejected",
        VersionOutcome,
        lambda event: event.given("an activation that will be rejected", **HERE, revision="B").with_body(
            envelope("erp.version.rejected", outcome(reason=match.regex("it is gone", regex=".+"))), CLOUDEVENTS
        ),
    )
    assert read.reason == "it is gone"
