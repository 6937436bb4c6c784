"""`prove` without a run: what a campaign makes of results, and how the matrix tells it."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

import msgspec
import pytest

from pilotplant.checks.finding import Doubt, Finding, Severity
from pilotplant.checks.result import Counts, Result, ThresholdResult
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.prove.campaign import Campaign, Run, prove
from pilotplant.prove.matrix import Caught, Matrix, Passed, for_programs
from pilotplant.prove.planted import Planted, chosen, planted
from pilotplant.prove.running import with_defect
from pilotplant.reporting import matrix as report
from pilotplant.run.request import Progress
from pilotplant.target.model import TargetSpec

P = ParamSpec("P")
T = TypeVar("T")


class AtOnce(Executor):
    """Does what it is given there and then."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


TWICE = Planted("d10_twice", 10, "booked twice", "Books twice.", "once", "lossy")
EARLY = Planted("d01_early", 1, "too early", "Does not wait.", "sequencing", "lossy")
NOWHERE = Planted("d50_nowhere", 50, "nowhere to be seen", "Hides.", "once", "not-written-yet")


def result(*checks: str, verdict: Verdict | None = None, missed: bool = False, doubt: str = "") -> Result:
    """The result of a run in which these checks found something."""
    found = tuple(Finding(check, f"{check} was violated.", ()) for check in checks)
    late = ThresholdResult("p95 < 5s", 7.0, Verdict.FAIL, "7 s is not below 5 s.")
    return Result(
        scenario="lossy",
        about="",
        target="reference",
        mode="inprocess",
        seed=1,
        verdict=verdict or (Verdict.FAIL if checks or missed else Verdict.PASS),
        exit=0,
        summary="",
        started="",
        duration_s=0.1,
        counts=Counts(),
        checks=(),
        findings=found,
        doubts=(Doubt("run", doubt),) if doubt else (),
        thresholds=(late,) if missed else (),
        figures=(),
        board=(),
        faults=(),
        untested=(),
        notes=(),
        data_digest="",
        stimuli_digest="",
        repro="",
    )


def proven(run: Run, *defects: Planted, scenarios: tuple[str, ...] = ("calm", "lossy"), jobs: int = 2) -> Matrix:
    campaign = Campaign(scenarios, range(1, 4), defects, 5, frozenset(("calm", "lossy")))
    return msgspec.structs.replace(prove(campaign, run, AtOnce(), jobs), elapsed_s=0.0)


def right(scenario: str, seed: int, defect: str | None) -> Result:
    """A harness that is right: the reference passes, each defect is caught with its third seed."""
    named = {None: (), TWICE.id: ("once",), EARLY.id: ("sequencing", "convergence")}[defect]
    return result(*named) if seed >= 3 else result()


def test_all_is_well_if_the_reference_passes_and_each_defect_is_named() -> None:
    matrix = proven(right, TWICE, EARLY)
    assert matrix.reference == Passed(runs=6, false_alarms=0, unknown=0)
    assert [(d.id, d.caught, d.seeds, d.also) for d in matrix.defects] == [
        (TWICE.id, True, 3, ()),
        (EARLY.id, True, 3, ("convergence",)),
    ]
    assert matrix.exit is Exit.PASS


def test_a_defect_is_looked_for_in_its_own_scenario_and_no_longer_than_needed() -> None:
    asked: list[tuple[str, int, str | None]] = []

    def run(scenario: str, seed: int, defect: str | None) -> Result:
        asked.append((scenario, seed, defect))
        return right(scenario, seed, defect)

    proven(run, TWICE, scenarios=())
    assert asked == [("lossy", seed, TWICE.id) for seed in (1, 2, 3)]


def test_a_defect_that_only_others_see_is_not_caught() -> None:
    matrix = proven(lambda scenario, seed, defect: result(*(("completeness",) if defect else ())), TWICE)
    (missed,) = matrix.missed
    assert (missed.caught, missed.seeds, missed.also) == (False, 5, ("completeness",))
    assert matrix.exit is Exit.VIOLATION
    assert "missed d10_twice: only completeness found something, once did not" in report.text(matrix)


def test_a_defect_that_nobody_sees_is_not_caught() -> None:
    matrix = proven(lambda scenario, seed, defect: result(), TWICE)
    assert matrix.missed[0].seeds == 5
    assert "missed d10_twice: nothing was found in 5 runs" in report.text(matrix)


def test_a_defect_whose_scenario_is_missing_is_not_caught_and_not_run() -> None:
    matrix = proven(right, NOWHERE)
    assert (matrix.missed[0].seeds, matrix.missed[0].why) == (0, "the project has no scenario not-written-yet")


def test_a_warning_names_a_defect_and_a_threshold_that_is_missed_does_too() -> None:
    def run(scenario: str, seed: int, defect: str | None) -> Result:
        rude = Finding("manners", "It did not wait.", (), severity=Severity.WARN)
        warned = msgspec.structs.replace(result(), findings=(rude,))
        return {None: result(), "d36_storm": warned, "d52_blocked": result(missed=True)}[defect]

    storm = Planted("d36_storm", 36, "storm", "Storms.", "manners", "lossy")
    blocked = Planted("d52_blocked", 52, "blocked", "Blocks.", "thresholds", "lossy")
    assert [defect.seeds for defect in proven(run, storm, blocked).defects if defect.caught] == [1, 1]


@pytest.mark.parametrize(
    ("of_the_reference", "expected", "exit_"),
    [
        (result("once"), Passed(6, 6, 0), Exit.VIOLATION),
        (result(missed=True), Passed(6, 6, 0), Exit.VIOLATION),
        (result(verdict=Verdict.UNKNOWN, doubt="Nothing happened."), Passed(6, 0, 6), Exit.UNKNOWN),
    ],
    ids=["finding", "threshold", "unknown"],
)
def test_whatever_is_said_of_the_reference_counts_against_the_harness(
    of_the_reference: Result, expected: Passed, exit_: Exit
) -> None:
    matrix = proven(lambda scenario, seed, defect: of_the_reference)
    assert matrix.reference == expected
    assert matrix.exit is exit_


def test_a_warning_about_the_reference_is_a_false_alarm() -> None:
    rude = Finding("manners", "It did not wait.", (), severity=Severity.WARN)
    warned = msgspec.structs.replace(result(), findings=(rude,))
    matrix = proven(lambda scenario, seed, defect: warned)
    assert matrix.reference.false_alarms == 6
    assert "false alarm on calm, seed 1: manners: It did not wait." in report.text(matrix)


def test_a_campaign_of_nothing_proves_nothing() -> None:
    assert proven(right, scenarios=()).exit is Exit.UNKNOWN


def test_the_number_of_processes_changes_nothing() -> None:
    def run(scenario: str, seed: int, defect: str | None) -> Result:
        return right(scenario, seed, defect) if defect else result("once", "data") if seed == 2 else result()

    assert proven(run, TWICE, EARLY, NOWHERE, jobs=1) == proven(run, TWICE, EARLY, NOWHERE, jobs=7)


def test_progress_ends_with_all_of_it() -> None:
    seen: list[Progress] = []
    campaign = Campaign(("calm",), (1, 2), (TWICE, NOWHERE), 5, frozenset(("calm", "lossy")))
    prove(campaign, right, AtOnce(), 2, on_progress=seen.append)
    assert seen[-1] == Progress("proving", 4, 4)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


def test_a_run_that_breaks_ends_the_campaign() -> None:
    def run(scenario: str, seed: int, defect: str | None) -> Result:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        proven(run, TWICE)


# --- What is shown -------------------------------------------------------------------------------------------------

MISSED = Caught(id="d10_<b>", name="<b>bold</b>", caught=False, check="once", scenario="lossy", seeds=5, also=("data",))
MATRIX = Matrix(Passed(6, 1, 1), (MISSED,), 1.5, alarms=("calm, seed 1: once: <i>\x1b[31m",), doubts=("lossy: why",))


def test_programs_are_told_exactly_what_was_agreed() -> None:
    assert for_programs(MATRIX) == {
        "reference": {"runs": 6, "false_alarms": 1, "unknown": 1},
        "defects": [
            {
                "id": "d10_<b>",
                "name": "<b>bold</b>",
                "caught": False,
                "check": "once",
                "scenario": "lossy",
                "seeds": 5,
                "also": ("data",),
            }
        ],
        "elapsed_s": 1.5,
    }


def test_the_table_ends_with_the_certificate() -> None:
    lines = report.text(MATRIX).splitlines()
    assert lines[1].split() == ["d10_<b>", "MISSED", "once", "lossy", "5", "data"]
    assert lines[-1] == (
        "0 of 1 defect caught by their own check; the reference: 6 runs, 1 false alarm, 1 undecided (1.5 s)"
    )
    assert "\x1b" not in report.text(MATRIX)


def test_the_page_stands_by_itself_and_obeys_nobody() -> None:
    page = report.page(MATRIX)
    assert "Not proven" in page
    assert "<b>" not in page and "<i>" not in page and "\x1b" not in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert "Proven</h1>" in report.page(proven(right, TWICE))


# --- Which defects, and how they are planted -----------------------------------------------------------------------


def test_the_reference_says_which_defects_it_knows() -> None:
    known = planted()
    assert len(known) >= 48
    assert known["d10_repeats_after_timeout"].check == "once"
    assert [defect.number for defect in known.values()] == sorted(defect.number for defect in known.values())


def test_defects_are_chosen_by_name_or_number_each_once() -> None:
    known = {defect.id: defect for defect in (EARLY, TWICE)}
    assert chosen(known, ["d10", "d10_twice", "d01_early"]) == [TWICE, EARLY]
    with pytest.raises(UsageError, match=r"there is no defect `d10_twize`; did you mean `d10_twice`\?"):
        chosen(known, ["d10_twize"])


def test_a_defect_is_planted_by_the_environment_of_the_target() -> None:
    target = TargetSpec.model_validate(
        {
            "target": "reference",
            "start": {"command": ["x"], "environment": {"A": "1"}},
            "inprocess": {"factory": "a.b:c"},
        }
    )
    bad = with_defect(target, "d10_twice")
    assert bad.start is not None and bad.inprocess is not None
    assert bad.start.environment == {"A": "1", "PILOTPLANT_REFERENCE_DEFECT": "d10_twice"}
    assert bad.inprocess.environment == {"PILOTPLANT_REFERENCE_DEFECT": "d10_twice"}
    with pytest.raises(UsageError, match="is not the reference"):
        with_defect(TargetSpec(target="reference"), "d10_twice")
