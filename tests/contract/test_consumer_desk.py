"""What the reference middleware expects of the exception desk."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pact import match

from pilotplant.reference.calls import Call
from pilotplant.reference.messages import ExceptionResolved, RaiseException
from tests.contract.consumers import CLOUDEVENTS, JSON, Expectations, envelope


@pytest.fixture(scope="module")
def desk(repository: Path) -> Iterator[Expectations]:
    expectations = Expectations("desk")
    yield expectations
    expectations.compare(repository)


RAISED = RaiseException("engineering-change", "ECO-1", "DE01", "engineering", "unknown-component", "ITM-1 is missing")


def test_an_exception_is_raised(desk: Expectations) -> None:
    with desk.answering("an exception is raised") as (interaction, call):
        interaction.with_request("POST", "/exceptions").with_body(msgspec.to_builtins(RAISED), JSON)
        interaction.will_respond_with(201).with_body({"subject": "ECO-1", "status": "open"}, JSON)
        call(Call("POST", "/exceptions", msgspec.json.encode(RAISED)), msgspec.Raw)


def test_what_was_raised_before_is_taken_again(desk: Expectations) -> None:
    again = RaiseException("engineering-change", "ECO-1", "DE01", "engineering", "contract", "once more")
    with desk.answering("an exception is raised again") as (interaction, call):
        interaction.given("an open exception", subject="ECO-1", plant="DE01")
        interaction.with_request("POST", "/exceptions").with_body(msgspec.to_builtins(again), JSON)
        interaction.will_respond_with(200).with_body({"subject": "ECO-1", "status": "open"}, JSON)
        call(Call("POST", "/exceptions", msgspec.json.encode(again)), msgspec.Raw)


def test_a_resolution_names_the_instance_and_says_what_to_do(desk: Expectations) -> None:
    data = {
        "flow": "engineering-change",
        "plant": "DE01",
        "subject": "ECO-1",
        "resolution": match.regex("mended", regex="mended|dropped"),
    }
    read = desk.event(
        "an exception is resolved",
        ExceptionResolved,
        lambda event: event.given("a resolved exception", subject="ECO-1", plant="DE01").with_body(
            envelope("desk.exception.resolved", data), CLOUDEVENTS
        ),
    )
    assert read.resolution == "mended"
