"""Exploring, whatever is drawn: the swarm is pure, its scenarios can be saved, the shrinker ends with what cannot be
made smaller."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pilotplant.explore.saving import written
from pilotplant.explore.shrinking import fewest, shrunk
from pilotplant.explore.swarm import drawn, length_s
from pilotplant.explore.unfolding import unfolded
from pilotplant.faults.fault import Scene, fault_kinds
from pilotplant.model.documents import Document
from pilotplant.scenario.model import FoundSpec, ScenarioSpec
from pilotplant.systems import catalog
from tests.unit.explored import SCENARIO, short_storm

SCENE = Scene(("erp.stock.post", "mes.routing.publish"), ("mes.order.completed",), 4.0)
seeds = st.integers(0, 2**63 - 1)
numbers = st.integers(0, 10_000)


@given(seeds, numbers)
def test_a_run_of_the_swarm_is_pure_and_part_of_the_scenario(seed: int, number: int) -> None:
    run = drawn(SCENARIO, seed, number, SCENE)
    assert run == drawn(SCENARIO, seed, number, SCENE)
    whole = {stimulus.key: stimulus for stimulus in unfolded(SCENARIO, run.seed).stimuli}
    assert run.scenario.stimuli, "something happens"
    assert len({stimulus.key for stimulus in run.scenario.stimuli}) == len(run.scenario.stimuli)
    for stimulus in run.scenario.stimuli:
        assert whole[stimulus.key].do == stimulus.do
        assert stimulus.with_.keys() == whole[stimulus.key].with_.keys()
        catalog.stimuli()[stimulus.do].parameters.model_validate(stimulus.with_)
    moments = [stimulus.at or 0.0 for stimulus in run.scenario.stimuli]
    assert moments == sorted(moments) and moments[-1] <= 2.1 * length_s(list(whole.values()))
    assert len(run.scenario.faults) <= 4 and not run.scenario.thresholds


@given(seeds, numbers, st.sampled_from(["live", "inprocess"]), st.text(max_size=300))
def test_what_is_saved_is_read_back_as_it_was(seed: int, number: int, mode: str, sentence: str) -> None:
    run = drawn(SCENARIO, seed, number, SCENE)
    found = FoundSpec.model_validate({"seed": run.seed, "mode": mode, "target": "null", "check": "once"})
    scenario = run.scenario.model_copy(update={"found": found})
    again = Document.parse(written(scenario, [sentence]), "x.yaml").validate(ScenarioSpec)
    assert again == scenario


@given(st.randoms(use_true_random=False), st.sampled_from(sorted(fault_kinds())))
def test_each_fault_draws_one_that_could_stand_in_a_scenario(chance: Random, kind: str) -> None:
    fault = fault_kinds()[kind].sampled(chance, SCENE)
    if fault is not None:
        assert fault.KIND == kind
        assert type(fault).model_validate(fault.model_dump()) == fault
        assert fault.match.operation in ("", *SCENE.operations, *SCENE.events)
        rare = fault.probability <= 0.5 or fault.nth or fault.max_count
        assert rare, "a repetition has to get through"


@given(st.sets(st.integers(0, 29)), st.integers(0, 30))
def test_the_fewest_are_exactly_those_that_are_needed(needed: set[int], more: int) -> None:
    items = list(range(30 + more))
    assert list(fewest(items, lambda part: needed <= set(part))) == sorted(needed)


@given(st.lists(st.sets(st.integers(0, 19), min_size=1, max_size=4), min_size=1, max_size=5))
def test_where_there_are_several_reasons_nothing_more_can_be_left_out(reasons: list[set[int]]) -> None:
    def fails(part: object) -> bool:
        return any(reason <= set(part) for reason in reasons)  # type: ignore[call-overload]

    left = list(fewest(range(20), fails))
    assert fails(left)
    assert not any(fails([other for other in left if other != item]) for item in left)


@given(st.sets(st.integers(0, 39), min_size=1, max_size=5), st.integers(0, 60), st.randoms(use_true_random=False))
def test_the_shrinker_keeps_to_its_budget_and_to_what_failed(needed: set[int], budget: int, chance: Random) -> None:
    """Of a failure that shows only now and then, too."""
    keys, asked, failed = {f"0.{number}" for number in needed}, [], []

    def fails(scenario: ScenarioSpec) -> bool:
        asked.append(scenario)
        if keys <= {stimulus.key for stimulus in scenario.stimuli} and chance.random() < 0.8:
            failed.append(scenario)
            return True
        return False

    whole = short_storm(40)
    done = shrunk(whole, fails, budget=budget)
    assert done.runs == len(asked) <= budget
    assert done.scenario == (failed[-1] if failed else whole)
    assert done.reproduced == (bool(asked) and bool(failed) and failed[0] == asked[0])
    assert keys <= {stimulus.key for stimulus in done.scenario.stimuli}


def test_the_folder_of_faults_is_drawn_from() -> None:
    drawn_kinds = {fault.KIND for n in range(200) for fault in drawn(SCENARIO, 0, n, SCENE).scenario.faults}
    assert len(drawn_kinds) >= 5
