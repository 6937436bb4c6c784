"""What-if: a business day against the real clock, its kernel against bare SimPy events, and sweeps on two processes.

The kernel is what remains of the simulation when all that systems, exchanges, ledger and model do is taken away: the
clock is stopped around every callback, and what stopping it costs is not counted. The baseline is as many SimPy
time-outs in the same process, after the run.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import simpy

from pilotplant.drive.whatif.host import WhatIfHost
from pilotplant.kernel.world import World
from pilotplant.resources import find_project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run as run_scenario
from pilotplant.scenario.loading import load_run
from pilotplant.sweep.cache import Cache
from pilotplant.sweep.campaign import explore
from pilotplant.sweep.document import SweepSpec
from pilotplant.sweep.executors import crew
from pilotplant.sweep.planning import Plan

ROOT = Path(__file__).resolve().parents[1]
DAY_S = 86_400.0


class _Watch:
    """Adds up the time that is spent in callbacks, nested ones once."""

    def __init__(self) -> None:
        self.inside_s = 0.0
        self.events = 0
        self._depth = 0

    def timed(self, action: Callable[..., Any]) -> Callable[..., Any]:
        """The action, measured."""

        def call(*arguments: Any) -> Any:
            self.events += 1
            if self._depth:
                return action(*arguments)
            self._depth += 1
            begin = process_time()
            try:
                return action(*arguments)
            finally:
                self.inside_s += process_time() - begin
                self._depth -= 1

        return call


def _day(directory: Path, *overrides: str) -> float:
    """Simulate and judge a business day; the seconds of processor time that it took."""
    project = find_project(str(ROOT), {}, ROOT)
    (setup,), target = load_run(project, ["business-day"], overrides, "reference")
    begin = process_time()
    finished = run_scenario(RunRequest(project, setup, target, 1, only_null_target, "whatif", directory=directory))
    took_s = process_time() - begin
    assert finished.result.exit == 0, finished.result.summary
    return took_s


def _kernel(directory: Path, *overrides: str) -> tuple[int, float, float]:
    """Events, seconds in the kernel alone, and seconds for as many bare SimPy events."""
    watch = _Watch()
    later, call = WhatIfHost.later, World._call
    runs: list[float] = []
    step = simpy.Environment.run

    def run_timed(env: simpy.Environment, until: Any = None) -> Any:
        begin = process_time()
        try:
            return step(env, until)
        finally:
            runs.append(process_time() - begin)

    with (
        patch.object(WhatIfHost, "later", lambda host, delay, action: later(host, delay, watch.timed(action))),
        patch.object(World, "_call", lambda world, delay, action: call(world, delay, watch.timed(action))),
        patch.object(simpy.Environment, "run", run_timed),
    ):
        _day(directory, *overrides)
    kernel_s = sum(runs) - watch.inside_s - watch.events * _watching_s()
    return watch.events, kernel_s, _bare(watch.events)


def _watching_s() -> float:
    """Seconds that the watch itself takes for each callback, beside what it counts as the callback's; the least."""
    costs: list[float] = []
    for _ in range(3):
        watch, times = _Watch(), 50_000
        act = watch.timed(lambda: None)
        begin = process_time()
        for _ in range(times):
            act()
        costs.append((process_time() - begin - watch.inside_s) / times)
    return min(costs)


def _bare(events: int) -> float:
    """Seconds for as many time-outs and nothing else, undisturbed by what is left of the run; the best of three."""
    gc.collect()
    gc.disable()
    try:
        return min(_timeouts(events) for _ in range(3))
    finally:
        gc.enable()


def _timeouts(events: int) -> float:
    env, seen = simpy.Environment(), 0

    def count(_event: Any) -> None:
        nonlocal seen
        seen += 1

    begin = process_time()
    for number in range(events):
        callbacks = env.timeout(number * 0.5).callbacks
        assert callbacks is not None
        callbacks.append(count)
    env.run()
    assert seen == events
    return process_time() - begin


def _sweep(jobs: int, points: int) -> float:
    """Seconds for so many points with ten replications each, on so many processes."""
    project = find_project(str(ROOT), {}, ROOT)
    spec = SweepSpec.model_validate(
        {
            "sweep": "benchmark",
            "scenario": "plant-offline",
            "metrics": ["confirmation_to_stock_p95"],
            "vary": {"model.mapping": [f"{number + 1}ms" for number in range(points)]},
            "replications": {"min": 10, "max": 10},
        }
    )
    plan = Plan.of(project, spec)
    with TemporaryDirectory(prefix="pilotplant-bench-") as folder:
        cache = Cache(Path(folder) / "cache.jsonl")
        with crew(jobs) as workers:
            list(workers.executor.map(abs, range(jobs)))
            begin = perf_counter()
            explore(plan, cache, workers.executor, jobs, lambda _progress: None)
            took_s = perf_counter() - begin
        cache.close()
    return took_s


def run(quick: bool) -> Iterator[str]:
    """What `python -m benchmarks` shows."""
    shorter = ("stimuli.0.count=1000", "stimuli.1.count=20") if quick else ()
    with TemporaryDirectory(prefix="pilotplant-bench-") as folder:
        took_s = _day(Path(folder), *shorter)
        yield f"business day simulated and judged in {took_s:.2f} s of one core: {DAY_S / took_s:,.0f} times real time"
        events, kernel_s, bare_s = _kernel(Path(folder), *shorter)
        rates = f"{events / kernel_s:,.0f}/s; as many bare SimPy events {events / bare_s:,.0f}/s"
        yield f"kernel: {events:,} events, {rates} (ratio {kernel_s / bare_s:.2f})"
    points = 20 if quick else 200
    one_s, two_s = _sweep(1, points), _sweep(2, points)
    yield f"{points} points x 10 replications: {one_s:.1f} s on one process, {two_s:.1f} s on two"
    yield f"speed-up {one_s / two_s:.2f}"


if __name__ == "__main__":
    for line in run("--quick" in sys.argv):
        print(line, flush=True)
