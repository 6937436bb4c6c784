"""Shrinking: to what is needed, with plain numbers, within a budget; always the same."""

from collections.abc import Callable

from pilotplant.explore.shrinking import Shrunk, shrunk
from pilotplant.explore.swarm import drawn
from pilotplant.explore.unfolding import unfolded
from pilotplant.faults.fault import Scene, fault_kinds
from pilotplant.scenario.model import CrashSpec, ScenarioSpec
from tests.unit.explored import SCENARIO, short_storm

LOSSY = {"fault": "response-lost", "match": {"operation": "erp.stock.post"}, "probability": 0.31, "max_count": 2}
SLOW = {"fault": "latency", "delay_s": 2.345, "window": {"from_s": 0.5, "to_s": 2.5}}
HELD = {"fault": "answer-held", "until_s": 3.7, "nth": 4}


def storm(*faults: dict[str, object], occurrences: int = 40) -> ScenarioSpec:
    """Forty orders, with faults."""
    given = [fault_kinds()[str(fault["fault"])].model_validate(fault) for fault in faults]
    return short_storm(occurrences).model_copy(update={"faults": given})


def keys(scenario: ScenarioSpec) -> set[str]:
    return {stimulus.key for stimulus in scenario.stimuli}


def kinds(scenario: ScenarioSpec) -> list[str]:
    return [fault.KIND for fault in scenario.faults]


def shrink(scenario: ScenarioSpec, fails: Callable[[ScenarioSpec], bool], budget: int = 400) -> Shrunk:
    return shrunk(scenario, fails, budget=budget)


def test_forty_stimuli_and_three_faults_become_two_and_one() -> None:
    done = shrink(storm(LOSSY, SLOW, HELD), lambda s: {"0.3", "0.17"} <= keys(s) and "response-lost" in kinds(s))
    assert keys(done.scenario) == {"0.3", "0.17"} and kinds(done.scenario) == ["response-lost"]
    assert done.reproduced and done.finished and done.runs < 100


def test_a_failure_that_needs_nothing_ends_with_nothing() -> None:
    done = shrink(storm(LOSSY), lambda scenario: True)
    assert done.scenario.stimuli == [] and done.scenario.faults == [] and done.runs <= 5


def test_moments_become_plain_and_keep_what_is_needed_of_their_distance() -> None:
    def late(scenario: ScenarioSpec) -> bool:
        moments = {stimulus.key: stimulus.at or 0.0 for stimulus in scenario.stimuli}
        return {"0.3", "0.17"} <= moments.keys() and moments["0.17"] - moments["0.3"] > 2

    done = shrink(storm(), late)
    assert [(stimulus.key, stimulus.at) for stimulus in done.scenario.stimuli] == [("0.3", 0.0), ("0.17", 4.0)]


def test_a_flow_that_does_not_matter_is_left_out_and_one_is_always_kept() -> None:
    assert shrink(storm(), lambda s: "0.3" in keys(s)).scenario.flows == ["engineering-change"]
    needed = shrink(storm(), lambda s: "0.3" in keys(s) and "production-confirmation" in s.flows)
    assert needed.scenario.flows == ["production-confirmation"]
    both = shrink(storm(), lambda s: len(s.flows) == 2)
    assert both.scenario.flows == ["engineering-change", "production-confirmation"]


def test_stimuli_stay_in_the_order_in_which_they_happen() -> None:
    def turned(scenario: ScenarioSpec) -> bool:
        moments = {stimulus.key: stimulus.at or 0.0 for stimulus in scenario.stimuli}
        return {"0.1", "0.2"} <= moments.keys() and moments["0.1"] >= 0.6

    done = shrink(storm(), turned)
    moments = [(stimulus.at or 0.0) for stimulus in done.scenario.stimuli]
    assert moments == sorted(moments) and keys(done.scenario) == {"0.1", "0.2"}


def test_faults_lose_what_does_not_matter_and_keep_what_does() -> None:
    done = shrink(storm(LOSSY, SLOW), lambda s: kinds(s) == ["response-lost", "latency"])
    lossy, slow = (fault.model_dump(exclude_defaults=True) for fault in done.scenario.faults)
    assert lossy == {"fault": "response-lost", "match": {"operation": "erp.stock.post"}}
    assert slow == {"fault": "latency", "delay_s": 1.0}
    rare = shrink(storm(LOSSY), lambda s: any(fault.max_count == 2 for fault in s.faults))
    assert [fault.max_count for fault in rare.scenario.faults] == [2]


def test_the_same_question_leads_to_the_same_answer() -> None:
    def fails(scenario: ScenarioSpec) -> bool:
        return {"0.3", "0.17"} <= keys(scenario) and len(scenario.faults) > 1

    assert shrink(storm(LOSSY, SLOW, HELD), fails) == shrink(storm(LOSSY, SLOW, HELD), fails)


def test_nothing_is_asked_twice_that_passed() -> None:
    asked: list[str] = []

    def fails(scenario: ScenarioSpec) -> bool:
        asked.append(scenario.model_dump_json())
        return {"0.3", "0.17", "0.20"} <= keys(scenario)

    shrink(storm(LOSSY), fails)
    assert len(asked) == len(set(asked))


def test_what_does_not_fail_again_stays_as_it_was() -> None:
    whole = storm(LOSSY, SLOW)
    done = shrink(whole, lambda scenario: False)
    assert (done.scenario, done.runs, done.reproduced, done.finished) == (whole, 1, False, False)


def test_a_spent_budget_ends_with_the_best_so_far() -> None:
    progress: list[int] = []
    done = shrunk(storm(), lambda s: {"0.3", "0.17"} <= keys(s), budget=9, on_run=progress.append)
    assert done.reproduced and not done.finished and progress == list(range(1, 10))
    assert {"0.3", "0.17"} < keys(done.scenario) and len(keys(done.scenario)) < 40


def test_a_run_of_the_swarm_shrinks_to_the_promised_size() -> None:
    """A defect that needs a change, an order finished after it, and an answer that is lost."""

    def fails(scenario: ScenarioSpec) -> bool:
        done = [stimulus.do for stimulus in scenario.stimuli]
        changed = "plm.change.release" in done and "mes.order.complete" in done[done.index("plm.change.release") :]
        return changed and "response-lost" in kinds(scenario)

    scene = Scene(("erp.stock.post",), ("mes.order.completed",), 4.0)
    failing = [each for n in range(100) if fails((each := drawn(SCENARIO, 0, n, scene)).scenario)]
    assert failing
    for each in failing:
        smallest = shrink(each.scenario, fails).scenario
        assert len(smallest.stimuli) == 2 and kinds(smallest) == ["response-lost"]
    assert len(unfolded(SCENARIO, failing[0].seed).stimuli) > 15


def test_a_crash_that_does_not_matter_is_left_out_and_one_that_does_stays() -> None:
    crashing = storm().model_copy(update={"crash": CrashSpec(at=[7])})
    assert shrink(crashing, lambda scenario: bool(scenario.stimuli)).scenario.crash is None
    assert shrink(crashing, lambda scenario: scenario.crash is not None).scenario.crash == CrashSpec(at=[7])
