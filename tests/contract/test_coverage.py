"""Coverage counts what runs did and pacts expect; what was only recorded counts for nothing."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.conformance.coverage import Coverage, coverage
from pilotplant.contracts.pacts import Interaction, interactions, read_folder
from pilotplant.reporting import coverage as report
from pilotplant.reporting.result_json import write
from pilotplant.resources import find_project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run, read_flow
from pilotplant.systems import catalog


@pytest.fixture(scope="module")
def ran(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = find_project(str(repository), {}, repository)
    (setup,), target = load_run(project, ["erp-rejects"], [], "reference")
    directory = tmp_path_factory.mktemp("run")
    finished = run(RunRequest(project, setup, target, 1, only_null_target, "inprocess", directory=directory))
    write(finished.result, directory)
    return directory


def times(found: Coverage, part: str) -> dict[str, int]:
    return {each.name: each.times for each in found[part].covered}


def test_what_a_run_exercised_is_counted(repository: Path, ran: Path) -> None:
    flow = read_flow(repository / "contracts/flows/engineering-change.yaml")
    found = coverage([ran], [flow], read_folder(repository / "contracts/pacts"))
    assert set(times(found, "operations")) == set(catalog.operations())
    assert times(found, "operations")["erp.bom.release"] > 0 == times(found, "operations")["plm.change.cancel"]
    assert times(found, "events")["plm.change.released"] > 0
    assert times(found, "refusals")["erp.routing.upsert!inactive-work-centre"] > 0
    assert times(found, "steps")["engineering-change.erp-bom"] > 0
    assert times(found, "pacts")["erp.stock.post"] > 0 and times(found, "pacts")["erp.version.rejected"] > 0
    assert 0 < found["operations"].percent < 100
    told = report.text(found, {"operations": 99.0}, missing=True, exit=3)
    assert "MISSED" in told and "plm.change.cancel" in told


def test_without_runs_nothing_is_covered(repository: Path) -> None:
    assert {part.reached for part in coverage([], [], []).parts} == {0}


def test_what_was_recorded_raises_nothing() -> None:
    parties: dict[str, Any] = {"consumer": {"name": "hub"}, "provider": {"name": "erp"}}
    entry = {"description": "x", "request": {"method": "PUT", "path": "/items"}, "response": {"status": 200}}

    def pact(**metadata: Any) -> list[Interaction]:
        return list(interactions({**parties, "metadata": metadata, "interactions": [entry]}, "a.json"))

    assert coverage([], [], pact())["pacts"].reached == 1
    assert coverage([], [], pact(pilotplant={"derived": True}))["pacts"].reached == 0
