"""Which runs a model is fitted to, and that only another one judges it."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.cli.commands import fit
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.times import TimeSpec
from pilotplant.model.errors import UsageError
from pilotplant.run.identity import RunInfo
from pilotplant.sweep import calibration
from pilotplant.sweep.calibration import Fit, PastRun, runs_in, same_run


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
