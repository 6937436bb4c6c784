"""The swarm: what is drawn is a mixture that is worth running."""

from collections import Counter
from pathlib import Path

from pilotplant.explore.swarm import FEW, drawn, scene_of
from pilotplant.explore.unfolding import unfolded
from pilotplant.faults.fault import Fault, Occasion, Scene, fault_kinds
from pilotplant.kernel.draws import Draws
from pilotplant.model.script import Script
from pilotplant.resources import Project, bundled
from pilotplant.scenario.loading import load_scenario
from pilotplant.scenario.model import ScenarioSpec
from tests.unit.explored import SCENARIO

SCENE = Scene(("erp.stock.post",), ("mes.order.completed",), 4.0)
RUNS = [drawn(SCENARIO, 3, number, SCENE) for number in range(300)]


def test_runs_differ_by_number_and_by_seed() -> None:
    assert len({run.seed for run in RUNS}) == len(RUNS)
    assert drawn(SCENARIO, 4, 0, SCENE) != RUNS[0]


def test_often_a_few_stimuli_sometimes_all() -> None:
    few = sum(len(run.scenario.stimuli) <= FEW for run in RUNS)
    whole = sum(len(run.scenario.stimuli) == len(unfolded(SCENARIO, run.seed).stimuli) for run in RUNS)
    assert few > 100 and whole > 40


def test_none_to_four_faults_of_the_scenario_and_of_every_kind() -> None:
    assert set(Counter(len(run.scenario.faults) for run in RUNS)) == {0, 1, 2, 3, 4}
    drawn_kinds = {fault.KIND for run in RUNS for fault in run.scenario.faults if fault.key.startswith("drawn-")}
    assert drawn_kinds == {kind for kind, fault in fault_kinds().items() if fault.DRAWN is not None}
    own = {fault.key for run in RUNS for fault in run.scenario.faults} - {f"drawn-{n}" for n in range(4)}
    assert own == {"0", "1"}


def test_without_a_scene_no_fault_strikes_and_all_else_is_the_same() -> None:
    for run in RUNS[:20]:
        calm = drawn(SCENARIO, 3, run.number, None)
        assert calm.scenario == run.scenario.model_copy(update={"faults": []})


def test_moments_are_bunched_in_some_runs_and_spread_in_others() -> None:
    full = [run for run in RUNS if len(run.scenario.stimuli) > 15]
    apart = [
        max(s.at or 0 for s in run.scenario.stimuli) - min(s.at or 0 for s in run.scenario.stimuli) for run in full
    ]
    assert min(apart) < 0.1 and max(apart) > 5


def test_a_share_that_is_given_is_none_all_or_as_given_and_the_rest_stays() -> None:
    with_ = [s.with_ for run in RUNS for s in run.scenario.stimuli if s.do == "plm.change.release"]
    assert {given["again"] for given in with_} == {0.0, 0.2, 1.0}
    assert {given["affected_median"] for given in with_} == {2}


def test_a_scenario_without_stimuli_is_drawn_without_any() -> None:
    empty = ScenarioSpec(scenario="empty", estate="three-plants", flows=["production-confirmation"])
    assert drawn(empty, 0, 0, SCENE).scenario.stimuli == []


def test_a_fault_that_does_not_say_how_it_is_drawn_is_never_drawn() -> None:
    class Silent(Fault):
        KIND = "silent"

        def bend(self, script: Script, occasion: Occasion) -> Script:
            return script

    assert Silent.sampled(Draws(0).fresh("x"), SCENE) is None


def test_the_scene_is_what_the_flows_name_and_the_estate_has(repository: Path) -> None:
    scene = scene_of(load_scenario(Project(repository, bundled(), writable=True), "eco-cascade"))
    assert {"erp.stock.post", "erp.bom.release", "mes.routing.publish"} <= set(scene.operations)
    assert {"plm.change.released", "erp.version.activated", "mes.order.completed"} <= set(scene.events)
    assert "" not in scene.operations + scene.events and 4 < scene.length_s <= 5


def test_some_runs_kill_the_middleware_where_that_is_asked_for() -> None:
    crashing = [drawn(SCENARIO, 1, number, SCENE, crashes=True) for number in range(100)]
    assert 10 < sum(run.scenario.crash is not None for run in crashing) < 45
    assert crashing == [drawn(SCENARIO, 1, number, SCENE, crashes=True) for number in range(100)]
    assert all(run.scenario.crash is None for run in RUNS)
