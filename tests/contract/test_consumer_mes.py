"""What the reference middleware expects of the MES of a plant."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pact import generate, match

from pilotplant.reference.calls import Call
from pilotplant.reference.messages import OrderCompleted, PublishRouting
from tests.contract.consumers import CLOUDEVENTS, JSON, Expectations, envelope, refusal, refused

PLANT, ITEM = "US01", "ITM-HUB-1"
STEP = {"number": 10, "text": "Mill", "setup_s": 60.0, "cycle_s": 12.5}
INSTRUCTIONS = {"plant": PLANT, "item": ITEM, "revision": "B", "stage": "executable", "version": "0002"}


@pytest.fixture(scope="module")
def mes(repository: Path) -> Iterator[Expectations]:
    expectations = Expectations("mes")
    yield expectations
    expectations.compare(repository)


def test_work_instructions_are_published(mes: Expectations) -> None:
    centre = match.type("WC-100", generator=generate.provider_state("${work_centre}"))
    with mes.answering("work instructions are published") as (interaction, call):
        interaction.given("an item of the plant", plant=PLANT, item=ITEM).with_request("PUT", "/work-instructions")
        interaction.with_body({**INSTRUCTIONS, "steps": [{**STEP, "work_centre": centre}]}, JSON)
        interaction.will_respond_with(200).with_body(INSTRUCTIONS, JSON)
        sent = msgspec.json.encode({**INSTRUCTIONS, "steps": [{**STEP, "work_centre": "WC-100"}]})
        told = call(Call("PUT", "/work-instructions", sent), dict[str, object])
        assert told["stage"] == "executable"


def test_instructions_for_a_work_centre_that_the_plant_does_not_have_are_refused_for_good(mes: Expectations) -> None:
    steps = [{**STEP, "work_centre": "WC-NOWHERE"}]
    with mes.answering("work instructions for an unknown work centre are published") as (interaction, call):
        interaction.given("an item of the plant", plant=PLANT, item=ITEM).with_request("PUT", "/work-instructions")
        interaction.with_body({**INSTRUCTIONS, "steps": steps}, JSON)
        refused(interaction, 422, "unknown-at-shop-floor")
        sent = Call("PUT", "/work-instructions", msgspec.json.encode({**INSTRUCTIONS, "steps": steps}))
        assert refusal(lambda: call(sent, PublishRouting)) == "unknown-at-shop-floor"


def test_instructions_of_another_plant_are_refused_for_good(mes: Expectations) -> None:
    other = {**INSTRUCTIONS, "plant": "DE01", "steps": []}
    with mes.answering("work instructions of another plant are published") as (interaction, call):
        interaction.given("an item of the plant", plant=PLANT, item=ITEM).with_request("PUT", "/work-instructions")
        interaction.with_body(other, JSON)
        refused(interaction, 422, "wrong-plant")
        sent = Call("PUT", "/work-instructions", msgspec.json.encode(other))
        assert refusal(lambda: call(sent, PublishRouting)) == "wrong-plant"


def test_a_completed_order_says_what_was_made_and_used(mes: Expectations) -> None:
    used = {
        "item": match.str("ITM-1"),
        "lot": match.str(""),
        "quantity": match.number(2.5),
        "unit": match.str("EA"),
    }
    data = {
        "plant": PLANT,
        "confirmation": match.regex("CNF-0000001", regex=r"CNF-\d+"),
        "item": ITEM,
        "lot": match.str("LOT-1"),
        "good": match.number(9.0),
        "scrap": match.number(1.0),
        "unit": match.str("EA"),
        "posting_date": match.regex("2026-01-31", regex=r"\d{4}-\d\d-\d\d"),
        "consumption": match.each_like(used),
    }
    read = mes.event(
        "an order is completed",
        OrderCompleted,
        lambda event: event.given("a completed order", plant=PLANT, item=ITEM).with_body(
            envelope("mes.order.completed", data), CLOUDEVENTS
        ),
    )
    assert read.consumption[0].quantity == 2.5
