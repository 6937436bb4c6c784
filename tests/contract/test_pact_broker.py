"""Pacts come from a broker over its HTTP API, whichever of its two ways it offers."""

from typing import Any

import pytest

from pilotplant.conformance.broker import BrokerError, fetch
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit
from tests.contract.stand_ins import broker, serving

ENTRY: dict[str, Any] = {
    "description": "an item is read",
    "request": {"method": "GET", "path": "/items/1"},
    "response": {},
}
PACT: dict[str, Any] = {"consumer": {"name": "hub"}, "provider": {"name": "erp"}, "interactions": [ENTRY]}


@pytest.mark.parametrize("selectors", [True, False])
def test_pacts_are_fetched_for_the_providers_that_are_asked_for(selectors: bool) -> None:
    with serving(broker({"erp": [PACT, PACT], "S 4": [PACT]}, selectors=selectors)) as url:
        found = fetch(url, ["erp", "plm"], {})
        assert [(each.consumer, each.description) for each in found] == [("hub", "an item is read")] * 2
        assert found[0].source.startswith(url)


def test_credentials_come_from_the_environment() -> None:
    with serving(broker({"erp": [PACT]}, token="s3cr3t")) as url:
        assert len(fetch(url, ["erp"], {"PACT_BROKER_TOKEN": "s3cr3t"})) == 1
        with pytest.raises(UsageError, match="does not let us in"):
            fetch(url, ["erp"], {})


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b'{"_links": {}}', b'{"_links": {"pb:latest-provider-pacts": 7}}']
)
def test_what_is_no_broker_is_said(answer: bytes) -> None:
    with serving(lambda *_: (200, {}, answer)) as url, pytest.raises(BrokerError) as caught:
        fetch(url, ["erp"], {})
    assert caught.value.exit is Exit.UNREACHABLE


def test_a_broker_that_is_not_there_is_said() -> None:
    with serving(lambda *_: (200, {}, {})) as url:
        pass
    with pytest.raises(BrokerError, match="does not answer"):
        fetch(url, ["erp"], {})
