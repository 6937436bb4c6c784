"""Runs of an experiment: each once, kept at once, repeated until it is certain enough; and what they say."""

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from pilotplant.model.errors import UsageError
from pilotplant.reporting import sweep as report
from pilotplant.run import running
from pilotplant.sweep import campaign, measuring, tables
from pilotplant.sweep.analysis import charts, comparisons, tornado
from pilotplant.sweep.cache import Cache
from pilotplant.sweep.campaign import Explored, explore
from pilotplant.sweep.document import SweepSpec
from pilotplant.sweep.measuring import Measurement, Task, measure
from pilotplant.sweep.planning import Plan
from tests.unit.whatif_runs import project


class Here(Executor):
    """Does it at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def simulated(task: Task) -> Measurement:
    """A run that needs no simulation: workers help, up to four; the seed decides the rest."""
    model = task.setup.scenario.model
    workers = model.workers if model is not None else 16
    noise = Random(task.seed).gauss(0, 1)
    throttled = 10.0 if workers >= 5 else 0.0
    metrics = {"wait": max(0.0, 40 - 10.0 * workers) + 5 + noise, "calls_throttled_share": throttled}
    return Measurement(
        task.key, task.seed, metrics, "pass" if workers > 2 else "fail", () if workers > 2 else ("wait < 9",)
    )


def plan(**fields: Any) -> Plan:
    """A small experiment."""
    content = {"sweep": "s", "scenario": "plant-offline", "metrics": ["wait"], "vary": {"model.workers": "1:6:1"}}
    return Plan.of(project(), SweepSpec.model_validate({**content, **fields}))


def made(planned: Plan, path: Path, monkeypatch: pytest.MonkeyPatch) -> Explored:
    """What it comes to."""
    monkeypatch.setattr(campaign, "measure", simulated)
    cache = Cache(path / "cache.jsonl")
    try:
        return explore(planned, cache, Here(), 2, lambda _progress: None)
    finally:
        cache.close()


def test_what_was_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(plan(), tmp_path, monkeypatch)
    assert (first.made, first.cached) == (30, 0)
    more = made(plan(vary={"model.workers": "1:7:1"}), tmp_path, monkeypatch)
    assert (more.made, more.cached) == (5, 30)
    assert more.runs[0] == first.runs[0]


def test_a_torn_line_costs_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(plan(), tmp_path, monkeypatch)
    content = (tmp_path / "cache.jsonl").read_bytes()
    (tmp_path / "cache.jsonl").write_bytes(content[:-20])
    again = made(plan(), tmp_path, monkeypatch)
    assert (again.made, again.cached) == (1, 29)
    assert made(plan(), tmp_path, monkeypatch).cached == 30


def test_a_damaged_line_costs_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(plan(), tmp_path, monkeypatch)
    content = (tmp_path / "cache.jsonl").read_bytes()
    (tmp_path / "cache.jsonl").write_bytes(content.replace(b'"verdict":"pass"', b'"verdict":"p\xff\xfes"', 1))
    again = made(plan(), tmp_path, monkeypatch)
    assert (again.made, again.cached) == (1, 29)


def test_a_write_that_a_disk_takes_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:50]))
    assert made(plan(), tmp_path, monkeypatch).made == 30
    assert made(plan(), tmp_path, monkeypatch).cached == 30


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_came_back_along_with_a_failure_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Several come back at once, one of them fails, or somebody interrupts while they are put away."""
    tasks: list[Task] = []

    def failing(task: Task) -> Measurement:
        tasks.append(task)
        if len(tasks) == 3 and error is RuntimeError:
            raise error
        return simulated(task)

    put = Cache.put

    def interrupted(cache: Cache, measurement: Measurement) -> None:
        put(cache, measurement)
        if len(cache._known) == 2 and error is KeyboardInterrupt:
            raise error

    monkeypatch.setattr(campaign, "measure", failing)
    monkeypatch.setattr(Cache, "put", interrupted)
    cache = Cache(tmp_path / "cache.jsonl")
    with pytest.raises(error):
        explore(plan(), cache, Here(), 2, lambda _progress: None)
    cache.close()
    kept = {measurement.key for measurement in Cache(tmp_path / "cache.jsonl")._known.values()}
    assert kept == {task.key for number, task in enumerate(tasks) if error is KeyboardInterrupt or number != 2}
    assert len(kept) >= 5


def test_it_goes_on_until_it_is_certain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(replications={"min": 3, "max": 60, "until_rel_error": 0.06})
    explored = made(planned, tmp_path, monkeypatch)
    lengths = {number: len(runs) for number, runs in explored.runs.items()}
    assert lengths[0] < lengths[4], "a mean of 35 is sooner certain to 6 % than one of 5"
    assert not explored.uncertain and lengths[0] == campaign.TRUSTED
    assert "Who stops when an interval looks narrow enough" in report.page(explored, "pilotplant sweep s")
    for number in lengths:
        found = explored.estimate(number, "wait")
        assert found is not None and found.relative <= 0.06


def test_two_that_are_alike_are_not_certain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What seldom happens did not happen in the first two runs."""

    def seldom(task: Task) -> Measurement:
        return Measurement(task.key, task.seed, {"wait": 1.0 if task.seed < 2 else 10.0 * task.seed}, "pass")

    monkeypatch.setattr(f"{__name__}.simulated", seldom)
    explored = made(plan(vary={}, replications={"min": 2, "max": 12, "until_rel_error": 0.1}), tmp_path, monkeypatch)
    assert len(explored.runs[0]) == 12 and explored.uncertain == [0]


def test_it_says_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(replications={"min": 2, "max": 3, "until_rel_error": 0.0001})
    explored = made(planned, tmp_path, monkeypatch)
    assert explored.uncertain == [0, 1, 2, 3, 4, 5]
    assert "less certain than was asked for" in report.text(explored)


def test_a_metric_that_nobody_measures_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean `wait`"):
        made(plan(metrics=["wiat"], replications={"min": 50, "max": 50}), tmp_path, monkeypatch)
    runs = (tmp_path / "cache.jsonl").read_bytes().count(b"\n")
    assert runs < 6 + 2 * campaign.AHEAD, "it is told when each point was run once"
    with pytest.raises(UsageError, match="did you mean `wait`"):
        made(plan(metrics=["wiat"], replications={"min": 2, "max": 2}), tmp_path, monkeypatch)


def test_a_metric_that_the_first_point_has_not_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulated

    def partly(task: Task) -> Measurement:
        found = whole(task)
        model = task.setup.scenario.model
        if model is not None and model.workers == 6:
            found.metrics["late"] = 1.0
        return found

    monkeypatch.setattr(f"{__name__}.simulated", partly)
    explored = made(plan(metrics=["late"]), tmp_path, monkeypatch)
    assert [row["point"] for row in tables.points(explored)] == [5]


def test_points_share_their_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(), tmp_path, monkeypatch)
    seeds = {tuple(run.seed for run in runs) for runs in explored.runs.values()}
    assert seeds == {(0, 1, 2, 3, 4)}


def test_the_knee_and_the_limit_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chart,) = charts(made(plan(), tmp_path, monkeypatch))
    (curve,) = chart.curves
    assert curve.bend is not None and curve.spots[curve.bend].label == "4"
    assert curve.binds is not None and curve.spots[curve.binds].label == "5"


def test_a_limit_that_binds_at_every_point_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(vary={"model.workers": "5:8:1"}), tmp_path, monkeypatch)
    (curve,) = charts(explored)[0].curves
    assert curve.bound and curve.binds is None
    assert "a limit binds everywhere" in report.text(explored)


def test_a_limit_that_may_be_chance_does_not_bind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run of five that was refused something is a mean, and no more."""
    explored = made(plan(vary={"model.workers": "1:4:1"}), tmp_path, monkeypatch)
    explored.runs[3][0].metrics["calls_throttled_share"] = 20.0
    (curve,) = charts(explored)[0].curves
    assert curve.binds is None and not curve.bound


def test_alternatives_are_compared_pair_by_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alternatives = {"two": {"model.workers": 2}, "three": {"model.workers": 3}, "same": {"model.workers": 2}}
    explored = made(plan(vary={}, alternatives=alternatives), tmp_path, monkeypatch)
    three, same = comparisons(explored)
    assert three.told == "less" and three.difference.mean == pytest.approx(-10)
    assert same.told == "no difference shown"


def test_points_that_share_their_chance_are_no_evidence_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seeds at six points are two differences, and not twelve."""
    alternatives = {"calm": {"model.at_once": 1}, "hurried": {"model.at_once": 2}}
    explored = made(plan(alternatives=alternatives, replications={"min": 2, "max": 2}), tmp_path, monkeypatch)
    for runs in list(explored.runs.values())[6:]:
        for run in runs:
            run.metrics["wait"] += 1.0 if run.seed else 0.1
    (found,) = comparisons(explored)
    assert found.difference.n == 2 and found.difference.mean == pytest.approx(0.55)
    assert found.told == "no difference shown"


def test_a_threshold_of_which_nothing_was_measured_is_not_told_as_kept_or_missed() -> None:
    runs = [Measurement("", 0, {}, "unknown"), Measurement("", 1, {}, "unknown", (), ("wait < 9",))]
    assert report.kept(["wait < 9"], runs) == "1 of 2 runs; unknown in 1: wait < 9"
    assert report.kept(["wait < 9"], [Measurement("", 0, {}, "fail", ("wait < 9",))]).startswith("0 of 1 run; missed")
    assert report.kept([], runs) == "none are set"


def test_what_was_never_carried_out_stands_beside_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(), tmp_path, monkeypatch)
    assert "warning" not in report.text(explored)
    explored.runs[2][0].metrics["calls_given_up"] = 150.0
    explored.runs[2][1].metrics["facts_lost"] = 50.0
    told = "point 2 does not carry out everything: 10 facts lost per run (in 1 of 5 runs), 30 calls given up per run"
    assert told in report.text(explored) and told in report.page(explored, "pilotplant sweep s")


def test_a_fault_that_would_outlast_the_stimuli_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(set={"faults.0.window.to_s": 7200}), tmp_path, monkeypatch)
    assert "warning: `outage` is meant to last until 7,200 s, but the stimuli are over after" in report.text(explored)


def test_what_matters_most_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(vary={"model.at_once": [1, 2], "model.workers": [1, 4]}), tmp_path, monkeypatch)
    workers, at_once = tornado(explored, "wait")
    assert (workers.path, at_once.path) == ("model.workers", "model.at_once")
    assert workers.high - workers.low == pytest.approx(30)
    assert at_once.high == at_once.low


def test_what_matters_most_is_told_with_its_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(vary={"model.at_once": [1, 2], "model.workers": [1, 4]}), tmp_path, monkeypatch)
    for run in explored.runs[3]:
        run.metrics["wait"] += Random(run.seed).gauss(0, 2)
    workers, at_once = tornado(explored, "wait")
    assert workers.told == "more" and at_once.told == "no difference shown"
    assert "no difference shown" in report.page(explored, "pilotplant sweep s")


def test_what_matters_most_is_a_mean_over_the_same_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a figure is missing at one value it counts at none: the others would stand for other points."""
    explored = made(plan(vary={"model.at_once": [1, 2], "model.workers": [1, 4]}), tmp_path, monkeypatch)
    for run in explored.runs[0]:
        del run.metrics["wait"]
    at_once = next(bar for bar in tornado(explored, "wait") if bar.path == "model.at_once")
    assert at_once.high == at_once.low, "with four workers, once or twice: alike"


def test_durations_in_tables_are_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vary = {"model.mapping": ["500ms", "2s"], "model.queue": "fifo,priority", "model.workers": [3]}
    explored = made(plan(vary=vary, metrics=["wait", "calls_throttled_share"]), tmp_path, monkeypatch)
    rows = tables.points(explored)
    assert {row["model.mapping"] for row in rows} == {0.5, 2.0}
    assert {row["model.queue"] for row in rows} == {"fifo", "priority"}
    assert {(row["metric"], row["unit"]) for row in rows} == {("wait", ""), ("calls_throttled_share", "%")}
    assert all(isinstance(row["model.mapping"], float) for row in tables.runs(explored))


def test_the_page_says_whose_model_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(), tmp_path, monkeypatch)
    for told in (report.text(explored), report.page(explored, "pilotplant sweep s")):
        assert "the default model (reference describes none)" in told


def test_steps_that_were_left_out_and_notes_are_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(vary={})
    left_out = replace(planned.points[0], left_out=("engineering-change: approve (nothing declares it)",))
    explored = made(replace(planned, points=(left_out,)), tmp_path, monkeypatch)
    noted = [msgspec.structs.replace(run, notes=("the model has not finished",)) for run in explored.runs[0][:2]]
    explored.runs[0][:2] = noted
    page = report.page(explored, "pilotplant sweep s")
    assert "not carried out, and in no figure: engineering-change: approve (nothing declares it)" in page
    assert "the model has not finished (in 2 of 5 runs)" in page
    assert "not carried out, and in no figure" in report.text(explored)


def test_tables_and_page_hold_every_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import parquet

    explored = made(plan(), tmp_path, monkeypatch)
    files, missing = tables.write(explored, tmp_path)
    assert not missing and [file.name for file in files] == [
        "runs.csv",
        "runs.parquet",
        "points.csv",
        "points.parquet",
    ]
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 31
    table: Any = parquet.read_table(tmp_path / "points.parquet")
    assert table.num_rows == 6 and table.column("model.workers").to_pylist() == [1, 2, 3, 4, 5, 6]
    page = report.page(explored, "pilotplant sweep s")
    assert "--set model.workers=3" in page and "a limit binds" in page
    assert page.count('<tr class="point"') == 6
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def test_without_pyarrow_there_is_csv_and_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    explored = made(plan(), tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    files, missing = tables.write(explored, tmp_path / "tables")
    assert missing == "pip install 'pilotplant[analysis]'"
    assert [file.name for file in files] == ["runs.csv", "points.csv"]


def test_a_hostile_name_does_not_leave_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nasty = "<script>alert(1)</script>"
    explored = made(plan(about=nasty, alternatives={nasty: {}, "b": {}}), tmp_path, monkeypatch)
    page = report.page(explored, nasty)
    assert nasty not in page and page.count("<script>") == 1


def test_a_real_run_is_measured_and_the_same_again(tmp_path: Path) -> None:
    (planned,) = plan(vary={}).points
    task = planned.task(project(), 3)
    first = measure(task)
    assert first.metrics["confirmation_to_stock_p95"] > 0 and first.verdict == "pass"
    assert measure(task) == first, "the data of a seed are shared between runs, and nobody changes them"


def test_that_a_run_did_not_come_to_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the run knows, and not by how a report says it."""
    (planned,) = plan(vary={}).points
    monkeypatch.setattr(measuring, "run", lambda request: replace(running.run(request), settled=False))
    assert measure(planned.task(project(), 3)).metrics["settled"] == 0.0
    monkeypatch.setattr(measuring, "run", running.run)
    assert measure(planned.task(project(), 3)).metrics["settled"] == 1.0
