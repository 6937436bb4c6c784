"""Targets as documents, and what a target is told."""

import pytest
from pydantic import ValidationError

from pilotplant.exchange.authentication import Credentials
from pilotplant.target.addresses import Address, environment
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.model import Ready, Start, TargetSpec
from pilotplant.target.words import PLACEHOLDERS, filled


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/events",
        "{estate}/_pilotplant/null",
        "https://host.example/path?x=1",
        "http://[::1]:{port}/",
    ],
)
def test_addresses_with_placeholders(url: str) -> None:
    assert DeliverSpec(url=url).url == url
    assert Ready(url=url).url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not an address"),
        ("127.0.0.1:80", "not an address"),
        ("ftp://host/", "not an address"),
        ("http://127.0.0.1:{prot}/", "did you mean `port`"),
        ("http://127.0.0.1:{port}{port}/", "not an address"),
        ("{work}/events", "not an address"),
        ("http://user:pw@host/", "password"),
        ("http://host/\r\nx: y", "not an address"),
    ],
)
def test_addresses_that_cannot_be_delivered_to(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DeliverSpec(url=url)


def test_placeholders_are_replaced_once() -> None:
    values = {name: f"<{name}>" for name in PLACEHOLDERS} | {"work": "{port}"}
    assert filled("{python} -p {port} {work} {other} {}", values) == "<python> -p <port> {port} {other} {}"


@pytest.mark.parametrize(
    "start",
    [
        {"command": []},
        {"command": ["a\0b"]},
        {"command": ["a"], "environment": {"A=B": "c"}},
        {"command": ["a"], "environment": {"": "c"}},
        {"command": ["a"], "environment": {"A": "\0"}},
        {"command": ["a"], "directory": "\0"},
        {"command": "a b"},
        {"command": ["a"], "stop": {"signal": "HUP"}},
    ],
)
def test_commands_that_no_system_could_start(start: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Start.model_validate(start)


def test_a_target_is_what_it_says_and_no_more() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        TargetSpec.model_validate({"target": "x", "delivers": {}})


def test_the_environment_names_each_system_and_each_plant() -> None:
    addresses = [
        Address(
            "erp", "erp", ("DE01", "US01"), "cloud", "http://e", "http://e/token", Credentials("oauth2", "me", "s3")
        ),
        Address("mes@DE01", "mes", ("DE01",), "standard", "http://m", "", Credentials("api-key", api_key="k")),
        Address("desk", "desk", ("DE01", "US01"), "open", "http://d", "", Credentials("none")),
    ]
    told = environment(addresses, "signing", ["DE01", "US01"])
    assert told["PILOTPLANT_EVENTS_SECRET"] == "signing" and told["PILOTPLANT_PLANTS"] == "DE01,US01"
    for name in ("ERP", "ERP_DE01", "ERP_US01"):
        assert told[f"PILOTPLANT_{name}_URL"] == "http://e"
        assert told[f"PILOTPLANT_{name}_TOKEN_URL"] == "http://e/token"
        assert (told[f"PILOTPLANT_{name}_CLIENT_ID"], told[f"PILOTPLANT_{name}_CLIENT_SECRET"]) == ("me", "s3")
    assert told["PILOTPLANT_MES_DE01_API_KEY"] == "k"
    assert "PILOTPLANT_MES_URL" not in told, "there is one for each plant"
    assert told["PILOTPLANT_DESK_URL"] == "http://d" and "PILOTPLANT_DESK_API_KEY" not in told
