"""Faults: what each does to a script, and whom the plan of a run strikes."""

from typing import Any

import pytest
from pydantic import ValidationError

from pilotplant.faults.fault import Fault, fault_kinds
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.draws import Draws
from pilotplant.model.script import DELIVERY, NORMAL, Commit, Delay, Drop, Hold, Reset, Respond, Script, Trickle

POST, KEYS = "erp.stock.post", ("DE01", "CNF-1")


def fault(kind: str, **settings: Any) -> Fault:
    return fault_kinds()[kind].model_validate({"fault": kind, **settings})


def plan(*faults: Fault, seed: int = 1) -> FaultPlan:
    return FaultPlan(faults, Draws(seed))


def strikes(given: FaultPlan, times: int, keys: tuple[str, ...] = KEYS) -> list[int]:
    return [n for n in range(1, times + 1) if given.bend(NORMAL, POST, "erp", keys, 0.0) != NORMAL]


@pytest.mark.parametrize(
    ("given", "request_script", "delivery_script"),
    [
        (fault("latency", delay_s=2), (Delay("latency", 2.0), Commit(), Respond()), (Delay("latency", 2.0), Respond())),
        (fault("response-lost", at_byte=9), (Commit(), Reset("response-lost", 9)), DELIVERY),
        (fault("request-dropped"), (Drop("request-dropped"),), DELIVERY),
        (fault("slow-body", bytes_each=4, pause_s=1), (Commit(), Trickle("slow-body", 4, 1.0)), DELIVERY),
        (
            fault("answer-held", until_s=6),
            (Commit(), Hold("answer-held", 6.0), Respond()),
            (Hold("answer-held", 6.0), Respond()),
        ),
    ],
    ids=lambda value: value.KIND if isinstance(value, Fault) else "",
)
def test_what_each_does_to_a_request_and_to_a_delivery(
    given: Fault, request_script: Script, delivery_script: Script
) -> None:
    assert plan(given).bend(NORMAL, POST, "erp", KEYS, 0.0) == request_script
    assert plan(given).bend(DELIVERY, "erp.version.activated", "erp", KEYS, 0.0) == delivery_script


def test_the_folder_holds_exactly_what_is_tested_above() -> None:
    assert set(fault_kinds()) == {"latency", "response-lost", "request-dropped", "slow-body", "answer-held"}


def test_they_compose() -> None:
    bent = plan(fault("latency", delay_s=1), fault("response-lost")).bend(NORMAL, POST, "erp", KEYS, 0.0)
    assert bent == (Delay("latency", 1.0), Commit(), Reset("response-lost", 0))


@pytest.mark.parametrize(
    ("match", "operation", "system", "struck"),
    [
        ({}, POST, "erp", True),
        ({"operation": POST}, POST, "erp", True),
        ({"operation": POST}, "erp.stock.reverse", "erp", False),
        ({"system": "mes"}, "mes.order.hold", "mes@DE01", True),
        ({"system": "mes@US01"}, "mes.order.hold", "mes@DE01", False),
        ({"system": "erp", "operation": POST}, POST, "plm", False),
    ],
)
def test_match(match: dict[str, str], operation: str, system: str, struck: bool) -> None:
    given = plan(fault("request-dropped", match=match))
    assert (given.bend(NORMAL, operation, system, KEYS, 0.0) != NORMAL) is struck


@pytest.mark.parametrize(("now", "struck"), [(0.9, False), (1.0, True), (1.9, True), (2.0, False)])
def test_window(now: float, struck: bool) -> None:
    given = plan(fault("request-dropped", window={"from_s": 1, "to_s": 2}))
    assert (given.bend(NORMAL, POST, "erp", KEYS, now) != NORMAL) is struck


def test_nth_and_max_count() -> None:
    assert strikes(plan(fault("request-dropped", nth=3)), 10) == [3]
    assert strikes(plan(fault("request-dropped", max_count=2)), 10) == [1, 2]


def test_what_cannot_be_struck_uses_up_no_count() -> None:
    given = plan(fault("response-lost", max_count=1, nth=1))
    assert given.bend(DELIVERY, "erp.stock.posted", "erp", KEYS, 0.0) == DELIVERY
    assert strikes(given, 2) == [1]
    both = plan(fault("request-dropped", nth=1), fault("response-lost", max_count=1))
    assert both.bend(NORMAL, POST, "erp", KEYS, 0.0) == (Drop("request-dropped"),)
    assert both.bend(NORMAL, POST, "erp", KEYS, 0.0) == (Commit(), Reset("response-lost", 0))


def test_chance_is_keyed_and_not_sequential() -> None:
    asked = [("DE01", f"CNF-{number}") for number in range(200)]

    def struck(order: list[tuple[str, str]]) -> set[tuple[str, str]]:
        given = plan(fault("request-dropped", probability=0.2))
        return {keys for keys in order if given.bend(NORMAL, POST, "erp", keys, 0.0) != NORMAL}

    found = struck(asked)
    assert struck(asked[::-1]) == found
    assert struck(asked[::2]) == found & set(asked[::2])
    assert 20 <= len(found) <= 60


def test_each_attempt_is_drawn_anew_and_each_plant_for_itself() -> None:
    given = plan(fault("request-dropped", probability=0.5))
    assert 10 <= len(strikes(given, 40)) <= 30
    shares = [
        [given.bend(NORMAL, "mes.order.hold", system, ("000001",), 0.0) != NORMAL for _ in range(40)]
        for system in ("mes@DE01", "mes@US01")
    ]
    assert shares[0] != shares[1]


def test_labels_tell_two_of_a_kind_apart() -> None:
    given = plan(
        fault("response-lost", match={"operation": "x"}), fault("latency", delay_s=1), fault("response-lost", at_byte=5)
    )
    assert list(given.bitten) == ["response-lost", "latency", "response-lost#2"]
    bent = given.bend(NORMAL, POST, "erp", KEYS, 0.0)
    assert bent == (Delay("latency", 1.0), Commit(), Reset("response-lost#2", 5))


def test_after_healing_nothing_strikes() -> None:
    given = plan(fault("latency", delay_s=1))
    assert given.active
    given.healed = True
    assert not given.active
    assert not plan().active


@pytest.mark.parametrize(
    "settings",
    [
        {"probability": 0},
        {"probability": 1.1},
        {"nth": 0},
        {"max_count": 0},
        {"delay_s": 0},
        {"delay_s": 1e9},
        {"x": 1},
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        fault("latency", **{"delay_s": 1, **settings})
