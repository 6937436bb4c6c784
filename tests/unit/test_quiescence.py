"""Rest is time in which nothing moved, and in which something could have moved."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pilotplant.drive.host import Host
from pilotplant.run.quiescence import until_quiet
from pilotplant.run.stage import Stage
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


def still_stage() -> Stage:
    """A stage whose target lives, and is no process."""
    return cast("Stage", SimpleNamespace(died=lambda: "", target_processes=()))


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
    rest = asyncio.run(until_quiet(still_host(), spec, Declares(), still_stage()))
    assert rest.settled
    assert rested_s <= clock.now < rested_s + 0.2


@pytest.mark.parametrize(("worked_s", "settled"), [(1.0, True), (100.0, False)])
def test_a_target_that_works_unseen_does_not_rest(
    monkeypatch: pytest.MonkeyPatch, worked_s: float, settled: bool
) -> None:
    clock = SimpleNamespace(now=0.0)

    class Works:
        def since_last(self, leaders: Any, elapsed_s: float) -> float:
            assert leaders == ()
            return elapsed_s if clock.now <= worked_s else 0.0

    async def sleep(for_s: float) -> None:
        clock.now += for_s

    monkeypatch.setattr("pilotplant.run.quiescence.asyncio.sleep", sleep)
    monkeypatch.setattr("pilotplant.run.quiescence.Effort", Works)
    loop = SimpleNamespace(time=lambda: clock.now)
    monkeypatch.setattr("pilotplant.run.quiescence.asyncio.get_running_loop", lambda: loop)
    spec = QuiescenceSpec.model_validate({"quiet": "300ms", "give_up": "10s"})
    rest = asyncio.run(until_quiet(still_host(), spec, Declares(), still_stage()))
    assert rest.settled is settled
    if settled:
        assert 1.2 <= clock.now <= 1.5
    else:
        assert "something moved or worked" in rest.note and clock.now == pytest.approx(10.0, abs=0.1)
