"""Which runs a model is fitted to, and that only another one judges it."""

from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from pilotplant.cli.commands import fit
from pilotplant.cli.main import app
from pilotplant.drive.whatif.model import ModelSpec, RetrySpec
from pilotplant.drive.whatif.times import TimeSpec
from pilotplant.ledger.records import Commit, Deliver, Emit, Obligation, Request
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit
from pilotplant.run.identity import RunInfo
from pilotplant.sweep import calibration
from pilotplant.sweep.calibration import Fit, PastRun, runs_in, same_run
from tests.unit.whatif_runs import ROOT


def past(directory: Path, **told: Any) -> PastRun:
    """A run in a directory, as far as it matters here."""
    content = {
        "run": directory.name,
        "scenario": "s",
        "target": "t",
        "mode": "live",
        "seed": 1,
        "argv": [],
        "repro": "",
    }
    content |= {"repro": "", "started": "12:00", "versions": {}, "git": "", "configuration": {}}
    unseen: Any = None
    return PastRun(directory, RunInfo(**{**content, **told}), unseen, unseen)


def test_a_folder_of_runs_stands_for_all_of_them(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    (tmp_path / "latest.json").touch()
    assert runs_in(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert runs_in(tmp_path / "a") == [tmp_path / "a"]
    assert runs_in(tmp_path / "latest.json") == [tmp_path / "latest.json"]


def test_the_same_run_is_known_again(tmp_path: Path) -> None:
    one = past(tmp_path / "one")
    assert same_run(one, past(tmp_path / "x" / ".." / "one", started="13:00"))
    assert same_run(one, past(tmp_path / "copy", run="one"))
    assert not same_run(one, past(tmp_path / "two", started="13:00"))
    virtual = past(tmp_path / "one", mode="inprocess")
    assert same_run(virtual, past(tmp_path / "two", mode="inprocess", started="13:00"))
    assert not same_run(virtual, past(tmp_path / "two", mode="inprocess", started="13:00", seed=2))


def test_a_run_that_was_used_does_not_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "past_run", past)
    with pytest.raises(UsageError, match="only another run can judge"):
        fit._judging(tmp_path / "one", [past(tmp_path / "two"), past(tmp_path / "one")])
    assert fit._judging(tmp_path / "one", [past(tmp_path / "two")]).directory == tmp_path / "one"


def test_all_runs_move_the_model() -> None:
    model = ModelSpec(mappings={"engineering-change": TimeSpec(kind="measured", quantiles=[1.0, 2.0])})
    fits = [Fit("change_propagation_p50", observed, 2.0, "r") for observed in (2.0, 2.5, 9.0)]
    assert calibration._shifted(model, fits).mappings["engineering-change"].quantiles == [1.5, 2.5]


@pytest.mark.parametrize(
    ("fits", "code"),
    [
        ([], Exit.UNKNOWN),
        ([Fit("change_propagation_p95", 1.0, 1.0)], Exit.UNKNOWN),
        ([Fit("change_propagation_p50", 1.0, 1.1)], Exit.PASS),
        ([Fit("change_propagation_p50", 1.0, 1.3)], Exit.THRESHOLD),
        ([Fit("change_propagation_p50", 0.0, 1.3)], Exit.THRESHOLD),
        ([Fit("change_propagation_p50", 0.0, 0.0002)], Exit.PASS),
    ],
)
def test_a_model_that_was_compared_with_nothing_is_not_a_good_one(tmp_path: Path, fits: list[Fit], code: Exit) -> None:
    assert fit._code([past(tmp_path)], fits) is code
    assert fit._code([], []) is Exit.PASS, "of latencies measured elsewhere nobody asked for a judgement"


def test_what_was_not_compared_is_said(tmp_path: Path) -> None:
    figures = [SimpleNamespace(name=name, value=1.0, unit="s", plant="") for name in ("a_p50", "b_p50", "b_p95")]
    result: Any = SimpleNamespace(figures=figures)
    judging = replace(past(tmp_path / "r"), result=result)
    (said,) = fit._unknown([judging], [Fit("a_p50", 1.0, 1.0, "r")])
    assert said == "not compared: b_p50 of r, of which the model has none"
    assert fit._unknown([judging], [])[-1].startswith("unknown: no median of r could be compared")


def test_a_target_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("target: mine")
    (tmp_path / "measured.csv").write_text("what,name,seconds\nmapping,engineering-change,1\n")
    words = ["fit", "--csv", str(tmp_path / "measured.csv"), "--out", str(tmp_path / "mine.yaml")]
    done = CliRunner().invoke(app, [*words, "--project", str(ROOT)])
    assert done.exit_code == 2 and "is there already" in done.output
    assert (tmp_path / "mine.yaml").read_text() == "target: mine"


def test_runs_are_called_by_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def read(run: Path) -> PastRun:
        asked.append(run)
        raise UsageError("that is enough")

    monkeypatch.setattr(calibration, "past_run", read)
    kept = tmp_path / "reports" / "runs" / "20260101-eco-01"
    kept.mkdir(parents=True)
    (kept / "run.json").touch()
    (tmp_path / "pilotplant.toml").touch()
    for name, says in ((kept.name, "that is enough"), ("20260101-eco-02", "did you mean `20260101-eco-01`")):
        done = CliRunner().invoke(app, ["fit", name, "--project", str(tmp_path)])
        assert done.exit_code == 2 and says in done.output
    assert asked == [kept]


def test_pauses_are_fitted_by_one_measure() -> None:
    """Half of each pause is drawn: what was seen is less than what was meant, of the first pause and the longest."""
    chance, meant = Random(3), RetrySpec(first=1.0, factor=2.0, cap=4.0)
    samples = calibration.Samples()
    for attempt in (1, 2, 3, 4):
        samples.pauses[attempt] = [meant.pause_s(attempt, chance.random(), 0.0) for _ in range(40)]
    found = calibration._retry(samples)
    assert found is not None and found.cap >= found.first
    assert found.first == pytest.approx(1.0, rel=0.15) and found.cap == pytest.approx(4.0, rel=0.35)
    samples = calibration.Samples()
    samples.pauses[1] = [1.1, 1.141, 1.237]
    found = calibration._retry(samples)
    assert found is not None and found.cap > found.first


def test_fixed_pauses_have_no_factor_and_no_cap() -> None:
    samples = calibration.Samples()
    samples.pauses[1], samples.pauses[2] = [0.7, 0.75, 0.8], [0.7, 0.75, 0.8]
    found = calibration._retry(samples)
    assert found is not None and found.model_dump(exclude_unset=True) == {"kind": "fixed", "first": 1.0}


def test_each_version_of_an_effect_has_its_own_promise() -> None:
    """A second change of one structure is not measured from the first one's event."""
    ledger: Any = _ledger_of_two_versions()
    samples = calibration.Samples()
    calibration._Reader(ledger, samples).read()
    assert samples.mapping["change"] == pytest.approx([0.5, 0.25])


class _Records(list[Any]):
    header = SimpleNamespace(flows=["change"])


def _ledger_of_two_versions() -> _Records:
    """Two events, each of which leads to a call; both changed the same."""
    told: list[Any] = []
    for number, (since, after) in enumerate(((10.0, 0.5), (20.0, 0.25)), start=1):
        seq = 10 * number
        effect = ("erp.bom.release|A", number)
        promised = (f"C{number}", "release", 0, *effect, True, (), (), since, seq, "", "")
        told += [
            Emit(seq, since, 0, 0, "plm.bom.release|A", number, "id", 0, 0),
            Obligation(seq + 1, since, 0, *promised),
            Deliver(seq + 2, since, seq, 1),
            Request(seq + 3, since + after, 0, 0, (), "", 0, 0, "", 0, 0),
            Commit(seq + 4, since + after, 0, seq + 3, 0, *effect),
        ]
    return _Records(told)
