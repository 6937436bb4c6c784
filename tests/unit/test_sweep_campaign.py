"""Runs of an experiment: each once, kept at once, repeated until it is certain enough; and what they say."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pilotplant.model.errors import UsageError
from pilotplant.reporting import sweep as report
from pilotplant.sweep import campaign, tables
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


def test_it_goes_on_until_it_is_certain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(replications={"min": 3, "max": 60, "until_rel_error": 0.06})
    explored = made(planned, tmp_path, monkeypatch)
    lengths = {number: len(runs) for number, runs in explored.runs.items()}
    assert lengths[0] < lengths[4], "a mean of 35 is sooner certain to 6 % than one of 5"
    assert not explored.uncertain
    for number in lengths:
        found = explored.estimate(number, "wait")
        assert found is not None and found.relative <= 0.06


def test_it_says_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(replications={"min": 2, "max": 3, "until_rel_error": 0.0001})
    explored = made(planned, tmp_path, monkeypatch)
    assert explored.uncertain == [0, 1, 2, 3, 4, 5]
    assert "less certain than was asked for" in report.text(explored)


def test_a_metric_that_nobody_measures_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean `wait`"):
        made(plan(metrics=["wiat"]), tmp_path, monkeypatch)


def test_points_share_their_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = made(plan(), tmp_path, monkeypatch)
    seeds = {tuple(run.seed for run in runs) for runs in explored.runs.values()}
    assert seeds == {(0, 1, 2, 3, 4)}


def test_the_knee_and_the_limit_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chart,) = charts(made(plan(), tmp_path, monkeypatch))
    (curve,) = chart.curves
    assert curve.bend is not None and curve.spots[curve.bend].label == "4"
    assert curve.binds is not None and curve.spots[curve.binds].label == "5"


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
    task = Task(planned.key(3), 3, project(), planned.setup, planned.target)
    first = measure(task)
    assert first.metrics["confirmation_to_stock_p95"] > 0 and first.verdict == "pass"
    assert measure(task) == first, "the data of a seed are shared between runs, and nobody changes them"
