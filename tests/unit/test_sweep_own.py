"""What a project brings itself is part of a run: its tables, its systems. What is changed there is run again."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from pilotplant.dataset.generate import generate
from pilotplant.dataset.tables import Writing, write_tables
from pilotplant.kernel.draws import Draws
from pilotplant.model.errors import UsageError
from pilotplant.resources import Project, find_project
from pilotplant.scenario.loading import load_scenario
from pilotplant.sweep import loaded, measuring
from pilotplant.sweep.document import SweepSpec
from pilotplant.sweep.loaded import own_systems
from pilotplant.sweep.measuring import measure
from pilotplant.sweep.planning import Plan
from pilotplant.systems import catalog
from tests.unit.whatif_runs import ROOT
from tests.unit.whatif_runs import project as ours

EXAMPLE = ROOT / "examples" / "own-system"


@pytest.fixture
def with_tables(tmp_path: Path) -> Project:
    """A project with two sets of tables."""
    plan = load_scenario(ours(), "plant-offline").setup.estate.plan()
    for seed, name in enumerate(("one", "two")):
        write_tables(generate(plan, seed, Draws(seed)), tmp_path / "data" / name, Writing())
    return find_project(str(tmp_path), {}, tmp_path)


def plan(project: Project, scenario: str = "plant-offline", **fields: object) -> Plan:
    """A small experiment."""
    content = {"sweep": "s", "scenario": scenario, "metrics": ["backlog_max"], **fields}
    return Plan.of(project, SweepSpec.model_validate(content))


def test_tables_that_were_changed_are_other_inputs(with_tables: Project) -> None:
    settings = {"estate.data": {"from": "data/one"}}
    before = plan(with_tables, set=settings).points[0].key(0)
    assert plan(with_tables, set=settings).points[0].key(0) == before
    path = with_tables.root / "data" / "one" / "stock.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert plan(with_tables, set=settings).points[0].key(0) != before


def test_points_with_tables_of_their_own_do_not_share_data(with_tables: Project) -> None:
    varied = plan(with_tables, vary={"estate.data": [{"from": "data/one"}, {"from": "data/two"}]})
    one, two = (measuring.data_of(planned.task(with_tables, 0)).digest for planned in varied.points)
    assert one != two


def test_tables_that_were_changed_after_planning_are_refused(with_tables: Project) -> None:
    """Their run would be kept under the name of the old ones."""
    (planned,) = plan(with_tables, set={"estate.data": {"from": "data/one"}}).points
    path = with_tables.root / "data" / "one" / "stock.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    measuring._data.cache_clear()  # this process may have read the old ones for another test
    with pytest.raises(UsageError, match="others than when the runs were planned"):
        measuring.data_of(planned.task(with_tables, 0))


@pytest.fixture
def own_system() -> Iterator[Project]:
    """A project with a system of its own."""
    yield find_project(str(EXAMPLE), {}, EXAMPLE)
    catalog.leave_out(EXAMPLE)


def test_a_process_that_knows_nothing_yet_finds_the_systems_of_the_project(own_system: Project) -> None:
    (planned,) = plan(own_system, "inspections").points
    catalog.leave_out(own_system.root)
    assert measure(planned.task(own_system, 0)).metrics["stimuli"] > 0


@pytest.mark.parametrize("changed", ["qms/system.py", "qms/rules/limits.py", "qms/data/limits.csv", "shared.py"])
def test_a_system_that_was_changed_is_another_input(tmp_path: Path, changed: str) -> None:
    copytree(EXAMPLE / "simulators", tmp_path / "simulators")
    path = tmp_path / "simulators" / changed
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    before = own_systems(tmp_path)
    with path.open("a") as file:
        file.write("# changed\n")
    assert own_systems(tmp_path) != before


def test_what_python_makes_of_a_module_is_no_change(tmp_path: Path) -> None:
    before = own_systems(tmp_path)
    (tmp_path / "simulators" / "qms" / "__pycache__").mkdir(parents=True)
    (tmp_path / "simulators" / "qms" / "__pycache__" / "system.pyc").touch()
    assert own_systems(tmp_path) == before


@pytest.mark.parametrize("library", loaded.LIBRARIES)
def test_another_version_of_a_library_is_another_engine(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    before = loaded.engine.__wrapped__()
    monkeypatch.setattr(loaded, "version", lambda name: "0" if name == library else version(name))
    assert loaded.engine.__wrapped__() != before


@pytest.mark.parametrize(("field", "told"), [("engine", "another Pilotplant, Python or library"), ("own", "systems")])
def test_a_worker_that_would_make_another_run_refuses(field: str, told: str) -> None:
    """One of a cluster, that began before something was changed, or has another version."""
    (planned,) = plan(ours()).points
    other: Any = {field: "other"}
    with pytest.raises(UsageError, match=told):
        measure(replace(planned.task(ours(), 0), **other))


def test_a_process_goes_by_the_systems_that_it_has_loaded(tmp_path: Path) -> None:
    """It would run the old ones, under the name of the new."""
    copytree(EXAMPLE / "simulators", tmp_path / "simulators")
    before = own_systems(tmp_path)
    loaded.refuse_another(tmp_path, loaded.engine(), before)
    with (tmp_path / "simulators" / "qms" / "system.py").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(UsageError, match="before it was changed"):
        loaded.refuse_another(tmp_path, loaded.engine(), own_systems(tmp_path))
    loaded.refuse_another(tmp_path, loaded.engine(), before)
