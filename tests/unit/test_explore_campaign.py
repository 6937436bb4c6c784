"""Campaigns: what fails is collected by kind, shrunk with its own seed, and nothing depends on who is faster."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from pilotplant.checks.finding import Doubt, Severity
from pilotplant.explore.exploring import Campaign, Explored, Found, explore
from pilotplant.explore.swarm import drawn
from pilotplant.explore.trial import Kind, Outcome, outcome_of
from pilotplant.faults.fault import Scene
from pilotplant.model.errors import InternalError
from pilotplant.model.verdict import Verdict
from pilotplant.run.request import Progress
from pilotplant.scenario.model import ScenarioSpec
from tests.unit.explored import SCENARIO, finding, result_with

SCENE = Scene(("erp.stock.post",), ("mes.order.completed",), 4.0)
ONCE, ORDER = Kind("once", "receipt"), Kind("sequencing", "mes-routing")


class Here(Executor):
    """Runs everything at once, here."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Middleware:
    """Runs scenarios against an imagined middleware with two defects, and remembers them."""

    def __init__(self) -> None:
        self.ran: list[tuple[ScenarioSpec, int]] = []

    def __call__(self, scenario: ScenarioSpec, seed: int) -> Outcome:
        self.ran.append((scenario, seed))
        done = [stimulus.do for stimulus in scenario.stimuli]
        findings = []
        if done.count("mes.order.complete") > 2 and any(f.KIND == "response-lost" for f in scenario.faults):
            findings.append(finding("once"))
        if done.count("plm.change.release") > 3 and "plm.change.cancel" in done:
            findings.append(finding("sequencing", "mes-routing"))
        doubts = () if done else (Doubt("run", "Nothing happened."),)
        return outcome_of(result_with(*findings, doubts=doubts))


def campaign(runs: int = 60, **more: Any) -> Campaign:
    return Campaign(SCENARIO, 5, runs, SCENE, **more)


def explored(given: Campaign, run: Callable[[ScenarioSpec, int], Outcome], jobs: int = 2) -> Explored:
    return explore(given, run, Here(), jobs)


def test_it_stops_at_the_first_that_fails_and_shrinks_it() -> None:
    middleware = Middleware()
    done = explored(campaign(), middleware)
    (found,) = done.found
    failing = next(n for n in range(60) if Middleware()(drawn(SCENARIO, 5, n, SCENE).scenario, 0).kinds)
    assert done.runs == failing + 1 and found.drawn == drawn(SCENARIO, 5, failing, SCENE)
    assert done.verdicts == {Verdict.PASS: failing, Verdict.FAIL: 1}
    assert len(found.shrunk.scenario.stimuli) <= 5 and len(found.shrunk.scenario.faults) <= 2
    assert Middleware()(found.shrunk.scenario, 0).kinds == (found.kind,)
    assert {seed for _scenario, seed in middleware.ran[-found.shrunk.runs :]} == {found.drawn.seed}


def test_after_an_interruption_what_was_seen_is_told_as_it_is() -> None:
    told: list[Found] = []
    imagined, shrinking = Middleware(), False

    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        if shrinking:
            raise KeyboardInterrupt
        return imagined(scenario, seed)

    def watch(progress: Progress) -> None:
        nonlocal shrinking
        shrinking = ", 1 failed" in progress.phase or progress.phase.startswith("shrinking")

    with pytest.raises(KeyboardInterrupt):
        explore(campaign(keep_going=True), run, Here(), 1, on_progress=watch, on_found=told.append)
    assert told and all(not found.shrunk.finished and found.shrunk.scenario == found.drawn.scenario for found in told)
    assert "interrupted before anything could be left out" in told[0].told(5)[1]


def test_keep_going_finds_every_kind_and_shrinks_each() -> None:
    told: list[Found] = []
    done = explore(campaign(keep_going=True), Middleware(), Here(), 2, on_found=told.append)
    assert {found.kind for found in done.found} == {ONCE, ORDER} and told == done.found and done.runs == 60
    once = next(found for found in done.found if found.kind == ONCE)
    order = next(found for found in done.found if found.kind == ORDER)
    assert [s.do for s in once.shrunk.scenario.stimuli] == ["mes.order.complete"] * 3
    assert [fault.KIND for fault in once.shrunk.scenario.faults] == ["response-lost"]
    assert sorted(s.do for s in order.shrunk.scenario.stimuli) == ["plm.change.cancel", *["plm.change.release"] * 4]
    assert order.shrunk.scenario.faults == [] and once.times > 1


def test_how_many_processes_there_are_changes_nothing() -> None:
    for keep_going in (False, True):
        one, many = (explored(campaign(keep_going=keep_going), Middleware(), jobs) for jobs in (1, 7))
        assert one == many


def test_another_failure_does_not_count_while_one_is_shrunk() -> None:
    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        """Whatever is left out makes it fail in another way."""
        whole = len(scenario.stimuli) > 10
        return outcome_of(result_with(finding("once" if whole else "convergence")))

    (found, *_rest) = explored(campaign(keep_going=True, budget=60), run).found
    smallest = {
        each.kind.check: len(each.shrunk.scenario.stimuli) for each in explored(campaign(keep_going=True), run).found
    }
    assert smallest == {"once": 11, "convergence": 0}
    assert found.shrunk.runs <= 60


def test_a_failure_that_another_one_shows_too_is_not_shrunk_again() -> None:
    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        return outcome_of(result_with(finding("completeness", "receipt"), finding("completeness", "issues")))

    done = explored(campaign(), run)
    assert [found.kind.step for found in done.found] == ["receipt"]


def test_what_fails_now_and_then_is_tried_again() -> None:
    ran: list[ScenarioSpec] = []

    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        ran.append(scenario)
        orders = [s for s in scenario.stimuli if s.do == "mes.order.complete"]
        return outcome_of(result_with(*([finding("once")] if len(ran) % 2 and len(orders) > 1 else [])))

    (found,) = explored(campaign(tries=2), run, jobs=1).found
    assert len(found.shrunk.scenario.stimuli) == 2


def test_a_failure_that_does_not_come_again_is_kept_as_it_was() -> None:
    ran: list[ScenarioSpec] = []

    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        ran.append(scenario)
        return outcome_of(result_with(*([finding("once")] if len(ran) == 1 else [])))

    (found,) = explored(campaign(), run).found
    assert not found.shrunk.reproduced and found.shrunk.scenario == found.drawn.scenario
    assert "did not fail a second time" in " ".join(found.told(5))


def test_what_is_undecided_is_counted_apart_with_its_reason() -> None:
    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        return outcome_of(result_with(doubts=(Doubt("run", "Nothing happened."),)))

    done = explored(campaign(runs=9), run)
    assert done.verdicts == {Verdict.UNKNOWN: 9} and done.doubts == {"run: Nothing happened.": 9} and done.found == []


def test_progress_says_how_far_it_is_and_what_it_shrinks() -> None:
    seen: list[Progress] = []
    done = explore(campaign(), Middleware(), Here(), 2, on_progress=seen.append)
    running = [each for each in seen if each.phase.startswith("exploring")]
    assert [each.done for each in running] == list(range(1, done.runs + 1)) and running[-1].phase.endswith("1 failed")
    assert seen[-1].phase == f"shrinking {done.found[0].kind}" and seen[-1].done == done.found[0].shrunk.runs


def test_a_defect_of_ours_names_the_run() -> None:
    def run(scenario: ScenarioSpec, seed: int) -> Outcome:
        raise InternalError("a simulator failed: planted")

    with pytest.raises(InternalError, match="in run 0 of seed 5: a simulator failed: planted"):
        explored(campaign(), run)


def test_only_violations_fail_a_random_run() -> None:
    warned = result_with(finding("once", severity=Severity.WARN))
    never_bit = Doubt("faults", "The fault latency never bit.")
    assert outcome_of(warned) == Outcome(Verdict.PASS)
    assert outcome_of(result_with(doubts=(never_bit,))) == Outcome(Verdict.PASS)
    restless = outcome_of(result_with(doubts=(never_bit, Doubt("run", "No rest."))))
    assert restless == Outcome(Verdict.UNKNOWN, doubt="run: No rest.")
    failed = outcome_of(result_with(finding("once"), finding("once"), finding("once", "issues"), doubts=(never_bit,)))
    assert failed.verdict is Verdict.FAIL and [str(kind) for kind in failed.kinds] == [
        "once at receipt",
        "once at issues",
    ]
