"""Runs inside this process: what breaks inside the harness ends them with 70, and never shows up anywhere else."""

import json
from collections.abc import Generator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

import pilotplant
from pilotplant.cli.main import app
from pilotplant.model.errors import InternalError, TargetError, UsageError
from pilotplant.resources import Project as Folder
from pilotplant.resources import bundled
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import Progress, RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run
from pilotplant.systems import catalog
from pilotplant.systems.mes.behaviour import Behaviour
from pilotplant.systems.stimuli import Act, Stimulus
from tests.integration.command_line import Project

BREAKS = "mes.order.complete"


def request_for(project: Project, target: str = "null", **more: Any) -> RunRequest:
    """What the command line would ask for."""
    folder = Folder(project.root, bundled(), writable=True)
    (setup,), chosen = load_run(folder, ["short"], [], target)
    return RunRequest(folder, setup, chosen, 0, only_null_target, **more)


def broken(behaviour: Any, parameters: Any, chance: Random) -> list[Act]:
    """A stimulus with a defect."""
    raise ZeroDivisionError("planted")


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stimulus that raises."""
    known = catalog.stimuli()
    planted: Mapping[str, Stimulus] = {**known, BREAKS: known[BREAKS]._replace(plan=broken)}
    monkeypatch.setattr(catalog, "stimuli", lambda: planted)


@pytest.mark.usefixtures("defect")
def test_a_behaviour_that_raises_ends_the_run(project: Project) -> None:
    with pytest.raises(InternalError, match="a simulator failed: ZeroDivisionError: planted") as caught:
        run(request_for(project))
    assert caught.value.exit == 70
    assert "planted" in project.run_info()["ended"]
    assert project.call("ledger", "show", str(project.run_directory)).code == 0, "the ledger up to there is kept"


@pytest.mark.usefixtures("defect")
def test_the_command_then_exits_70_and_says_what_to_do(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(app, ["run", "short", "--target", "null"])
    assert done.exit_code == 70
    assert "PP-INTERNAL a simulator failed: ZeroDivisionError: planted" in done.stderr
    assert "run directory" in done.stderr and "Traceback" not in done.output


def test_a_process_of_a_simulator_that_raises_ends_the_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: Behaviour) -> None:
        self._system.world.process(_breaks(self))

    monkeypatch.setattr(Behaviour, "start", start)
    with pytest.raises(InternalError, match="planted later"):
        run(request_for(project, target="quick"))
    assert "ended" in project.run_info()


def _breaks(behaviour: Behaviour) -> Generator[Any, Any, None]:
    yield behaviour._system.world.env.timeout(0.1)
    raise LookupError("planted later")


def test_a_check_that_raises_makes_the_verdict_unknown_and_exits_70(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilotplant.checks.once import Once

    def finish(self: Once) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Once, "finish", finish)
    finished = run(request_for(project, target="quick"))
    assert finished.result.exit == 70 and finished.result.verdict != "pass"
    assert finished.crashed and "planted" in finished.crashed[0]


def test_progress_is_told_in_order(project: Project) -> None:
    seen: list[Progress] = []
    run(request_for(project, on_progress=seen.append))
    phases = list(dict.fromkeys(progress.phase for progress in seen))
    assert phases == ["generating data", "starting null", "driving", "waiting for rest", "judging"]
    driving = [progress for progress in seen if progress.phase == "driving"]
    assert all(progress.total == 6 for progress in driving)


def test_python_programs_run_scenarios_too(project: Project) -> None:
    result = pilotplant.run_scenario("short", target="null", project=project.root, out=project.root / "here")
    assert result.exit == 1 and result.findings
    told = json.loads((project.root / "here/run.json").read_bytes())
    assert told["data_digest"] == result.data_digest
    with pytest.raises(UsageError, match="did you mean `short`"):
        pilotplant.run_scenario("shrt", project=project.root)
    with pytest.raises(TargetError, match="refused"):
        pilotplant.run_scenario("short", target="http://127.0.0.1:1/", project=project.root)


def test_without_a_project_the_content_that_ships_is_used_and_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = Folder(bundled(), bundled(), writable=False)
    (setup,), chosen = load_run(shipped, ["eco-cascade"], ["stimuli=[]"], "null")
    finished = run(RunRequest(shipped, setup, chosen, 0, only_null_target))
    assert finished.directory.is_relative_to(tmp_path)
