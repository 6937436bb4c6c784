"""What a project brings itself is part of a run: its tables, its systems. What is changed there is run again."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from pilotplant.dataset.generate import generate
from pilotplant.dataset.tables import Writing, write_tables
from pilotplant.kernel.draws import Draws
from pilotplant.resources import Project, find_project
from pilotplant.scenario.loading import load_scenario
from pilotplant.sweep import measuring
from pilotplant.sweep.document import SweepSpec
from pilotplant.sweep.measuring import measure
from pilotplant.sweep.planning import Plan, own_systems
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


@pytest.fixture
def own_system() -> Iterator[Project]:
    """A project with a system of its own."""
    yield find_project(str(EXAMPLE), {}, EXAMPLE)
    catalog.leave_out(EXAMPLE)


def test_a_process_that_knows_nothing_yet_finds_the_systems_of_the_project(own_system: Project) -> None:
    (planned,) = plan(own_system, "inspections").points
    catalog.leave_out(own_system.root)
    assert measure(planned.task(own_system, 0)).metrics["stimuli"] > 0


def test_a_system_that_was_changed_is_another_input(tmp_path: Path) -> None:
    copytree(EXAMPLE / "simulators", tmp_path / "simulators")
    project = find_project(str(tmp_path), {}, tmp_path)
    before = own_systems(project)
    with (tmp_path / "simulators" / "qms" / "system.py").open("a") as file:
        file.write("# changed\n")
    assert own_systems(project) != before
