"""What a load says while it waits, and how it puts what it measured."""

import socket
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pilotplant.checks import thresholds
from pilotplant.checks.load_result import Used
from pilotplant.load import drivers
from pilotplant.load.drivers import await_master
from pilotplant.model.errors import UsageError
from pilotplant.model.threshold import read
from pilotplant.model.verdict import Exit
from pilotplant.reporting.wording import shares
from tests.unit.test_load_capacity import under_load


@pytest.mark.parametrize("comes_after_s", [0.0, 3.0, 90.0])
def test_a_worker_waits_for_its_master_and_not_for_ever(
    comes_after_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]

    def connect(_address: Any, **_more: Any) -> Any:
        if now[0] < comes_after_s:
            raise ConnectionRefusedError(111, "Connection refused")
        return SimpleNamespace(close=lambda: None)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(drivers, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(socket, "create_connection", connect)
    if comes_after_s > 60:
        with pytest.raises(UsageError, match=r"no master at 10\.0\.0\.1:5557 within 60 s: Connection refused") as error:
            await_master(("10.0.0.1", 5557), 60)
        assert error.value.exit == Exit.UNREACHABLE
    else:
        await_master(("10.0.0.1", 5557), 60)
    said = capsys.readouterr().err
    assert said.count("waiting for the master at 10.0.0.1:5557") == (comes_after_s > 0)


def test_processors_are_told_with_what_they_belong_to() -> None:
    used = (
        Used("drivers", 1, 0.01, 1, 1, waited=0.02),
        Used("drivers/0", 1, 0.01, 1, 1),
        Used("harness", 1, 1.5, 1, 1),
        Used("harness/estate", 1, 1.1, 1, 1, waited=0.01),
        Used("harness/erp", 1, 0.4, 1, 1),
        Used("target", 1, -1.0, 1, 1),
    )
    assert shares(msgspec.structs.replace(under_load(), used=used)) == [
        "drivers 1 % (waited for one for 2 % of the run; no. 0 1 %)",
        "harness 150 % (estate 110 %, erp 40 %)",
    ]


@pytest.mark.parametrize(
    ("threshold", "value", "told"),
    [
        ("confirmation_to_stock p99 < 5ms", 0.08, "confirmation_to_stock p99 is 80 ms"),
        ("confirmation_to_stock max < 5s", 6.25, "confirmation_to_stock max is 6.250 s"),
    ],
)
def test_what_was_measured_is_told_in_the_unit_of_its_limit(threshold: str, value: float, told: str) -> None:
    figures: Any = SimpleNamespace(seconds=lambda *_: value)
    assert thresholds.judge(read(threshold), figures, {}).sentence == told
