"""Targets as documents, and what a target is told."""

import asyncio
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from pilotplant.exchange.authentication import Credentials
from pilotplant.target.addresses import Address, environment
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.model import Ready, Start, TargetSpec
from pilotplant.target.process import TargetProcess
from pilotplant.target.words import PLACEHOLDERS, filled


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/events",
        "{estate}/_pilotplant/null",
        "https://host.example/path?x=1",
        "http://[::1]:{port}/",
        "http://127.0.0.1:{port}?port={port}",
        "{estate}",
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
        ("http://127.0.0.1:{port}{port}/", "for its whole port"),
        ("{work}/events", "not an address"),
        ("http://xn--a/", "not an address"),
        ("http://127.0.0.1:1{port}/", "for its whole port"),
        ("http://{port}/", "for its whole port"),
        ("http://{estate}/events", "the start of an address"),
        ("{estate}events", "not an address|the start of an address"),
        ("{estate}:80/events", "not an address|the start of an address"),
        ("http://{python}/", "for its whole port"),
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


@pytest.mark.parametrize("path", ["class", "lines.__init__", "__struct_fields__", "lines.def", "a__b"])
def test_custom_fields_have_names_that_a_command_can_have(path: str) -> None:
    with pytest.raises(ValidationError, match="cannot be the name of a field"):
        TargetSpec.model_validate({"target": "x", "extensions": {"erp.stock.post": {path: "text"}}})


def test_the_log_keeps_no_secret_however_the_target_ends(tmp_path: Path) -> None:
    async def said(kills: bool) -> str:
        log = tmp_path / f"{kills}.log"
        code = "import os, time; print(*(os.environ[n] for n in ('A_PASSWORD', 'B_TOKEN', 'PLACE')), flush=True)"
        start = Start(
            command=[sys.executable, "-c", f"{code}; open('said', 'w').close(); time.sleep(60)"],
            environment={"B_TOKEN": "geheim-and-more", "PLACE": "src/app"},
        )
        process = TargetProcess(start, {}, {"A_PASSWORD": "geheim"}, folder=tmp_path, log=log)
        await process.start()
        async with asyncio.timeout(20):
            while not (tmp_path / "said").exists():
                await asyncio.sleep(0.01)
        (tmp_path / "said").unlink()
        await (process.kill() if kills else process.stop())
        return log.read_text("utf-8")

    for kills in (True, False):
        assert asyncio.run(said(kills)) == "*** *** src/app\n"
