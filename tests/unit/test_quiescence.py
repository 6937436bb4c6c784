"""Rest is time in which nothing moved, and in which something could have moved."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pilotplant.drive.host import Host
from pilotplant.run.quiescence import until_quiet
from pilotplant.scenario.model import QuiescenceSpec
from pilotplant.target.model import Declares


class StillEstate:
    """An estate in which nothing moves."""

    jobs_open = 0

    def __iter__(self) -> Any:
        return iter(())


def still_host() -> Host:
    """A host that waits for nothing."""
    still = SimpleNamespace(
        gone="",
        away="",
        busy="",
        ledger=SimpleNamespace(progress=1),
        webhooks=(),
        longest_retry_gap_s=0.0,
        estate=StillEstate(),
        world=SimpleNamespace(env=SimpleNamespace(now=0.0)),
        open_exchanges=0,
        undelivered=0,
        told_to_wait_s=0.0,
    )
    return cast("Host", still)


@pytest.mark.parametrize(("look_s", "rested_s"), [(0.02, 0.3), (0.06, 0.8)])
def test_whoever_looks_late_has_seen_no_rest(monkeypatch: pytest.MonkeyPatch, look_s: float, rested_s: float) -> None:
    """A machine without a free processor holds up the target as it does us."""
    clock = SimpleNamespace(now=0.0)

    async def sleep(_: float) -> None:
        clock.now += look_s

    monkeypatch.setattr("pilotplant.run.quiescence.asyncio.sleep", sleep)
    loop = SimpleNamespace(time=lambda: clock.now)
    monkeypatch.setattr("pilotplant.run.quiescence.asyncio.get_running_loop", lambda: loop)
    spec = QuiescenceSpec.model_validate({"quiet": "300ms", "give_up": "10s"})
    rest = asyncio.run(until_quiet(still_host(), spec, Declares(), lambda: ""))
    assert rest.settled
    assert rested_s <= clock.now < rested_s + 0.2
