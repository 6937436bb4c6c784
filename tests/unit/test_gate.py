"""The gate answers yes, no or unknown from everything that was asked, in every form that pipelines read."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from junitparser import JUnitXml
from msgspec.structs import replace

from pilotplant.checks.accepted import Acceptance
from pilotplant.checks.finding import Finding, Severity
from pilotplant.checks.result import BoardRow, Counts, FlowCount, Result
from pilotplant.conformance.coverage import PARTS, Coverage, Covered, Part
from pilotplant.conformance.verification import Checked, Verification
from pilotplant.contracts.pacts import Interaction, interactions
from pilotplant.gate.asking import Ask, ask, thresholds
from pilotplant.gate.matrix import Cell, Gate
from pilotplant.model.errors import TargetError, UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.reporting import gate as reporting
from pilotplant.run.request import Finished

TODAY = date(2026, 11, 25)
HTTP: dict[str, Any] = {
    "description": "an item",
    "request": {"method": "GET", "path": "/"},
    "response": {"status": 200},
}


def pacts(consumer: str = "hub") -> list[Interaction]:
    parties = {"consumer": {"name": consumer}, "provider": {"name": "erp"}}
    return list(interactions({**parties, "interactions": [HTTP]}, "a.json"))


def result(exit: Exit = Exit.PASS, broken: str = "", status: str = "done") -> Result:
    row = BoardRow("changes", "ECO-1@DE01", "DE01", 0.0, status, ())
    findings = (Finding("sequencing", broken, (), instance="ECO-1@DE01", flow="changes"),) if broken else ()
    verdict = Verdict.PASS if exit is Exit.PASS else Verdict.FAIL
    nothing: tuple[Any, ...] = ()
    return Result(
        scenario="s",
        about="",
        target="hub",
        mode="live",
        seed=0,
        verdict=verdict,
        exit=int(exit),
        summary="so it went",
        started="",
        duration_s=0.0,
        counts=Counts(),
        checks=nothing,
        findings=findings,
        doubts=nothing,
        thresholds=nothing,
        figures=nothing,
        board=(row,),
        flows=(FlowCount("changes", 1, int(status == "done")),),
        faults=nothing,
        untested=nothing,
        notes=nothing,
        data_digest="",
        stimuli_digest="",
        repro="",
    )


def verified(verdict: Verdict) -> Verification:
    return Verification("all", (Checked("a.json", "hub", "erp", "an item", "http", (), verdict, "a field is missing"),))


def covered(percent: int) -> Coverage:
    things = tuple(Covered(str(number), int(number < percent)) for number in range(100))
    return Coverage((), tuple(Part(part, things) for part in PARTS))


def answered(
    of: Result | None = None,
    *,
    given: Sequence[Interaction] | None = (),
    kept: Verdict = Verdict.PASS,
    at_least: tuple[str, ...] = (),
    scenarios: tuple[str, ...] = ("storm",),
    accepted: Sequence[Acceptance] = (),
) -> Gate:
    def run(scenario: str, target: str) -> Finished:
        if scenario == "unreachable":
            raise TargetError("nobody listens there")
        return Finished(of or result(), Path("runs") / scenario)

    asking = Ask(run, lambda _pacts: verified(kept), lambda _directories: covered(50), TODAY)
    wanted = pacts() if given == () else given
    return Gate("1.2", tuple(ask({"hub": "hub"}, scenarios, wanted, at_least, asking, accepted)))


def test_yes_if_all_is_as_it_should_be() -> None:
    found = answered(at_least=("operations=50",))
    assert (found.answer, found.exit) == ("yes", Exit.PASS)
    assert [column for column, _name in found.columns] == ["pact", "flow", "scenario", "coverage"]


@pytest.mark.parametrize(
    ("found", "answer", "exit", "against"),
    [
        (answered(kept=Verdict.FAIL), "no", Exit.VIOLATION, ["pact erp"]),
        (answered(result(Exit.VIOLATION, "too early")), "no", Exit.VIOLATION, ["scenario storm", "flow changes"]),
        (answered(result(Exit.THRESHOLD)), "no", Exit.THRESHOLD, ["scenario storm"]),
        (answered(at_least=("events=51",)), "no", Exit.THRESHOLD, ["coverage events"]),
        (answered(scenarios=("unreachable", "storm")), "no", Exit.UNREACHABLE, ["scenario unreachable"]),
        (answered(result(Exit.UNKNOWN, status="open")), "unknown", Exit.UNKNOWN, ["scenario storm", "flow changes"]),
        (answered(kept=Verdict.UNKNOWN), "unknown", Exit.UNKNOWN, ["pact erp"]),
        (answered(given=pacts("another")), "unknown", Exit.UNKNOWN, ["pact any"]),
        (Gate("1.2", ()), "unknown", Exit.UNKNOWN, []),
    ],
)
def test_whatever_speaks_against_it_is_named(found: Gate, answer: str, exit: Exit, against: list[str]) -> None:
    assert (found.answer, found.exit) == (answer, exit)
    assert [f"{cell.kind} {cell.name}" for cell in found.cells if cell.verdict is not Verdict.PASS] == against
    for told in (reporting.text(found), reporting.markdown(found), reporting.page(found)):
        assert answer.upper() in told
        assert all(name in told.replace("\\", "") for name in against)


def test_a_flow_is_broken_by_findings_about_it_and_by_no_other_of_the_same_instance() -> None:
    """A change at a plant is an instance of several flows: what one of them broke is not held against the others."""
    found = result(Exit.VIOLATION, "too early")
    other = BoardRow("purchases", "ECO-1@DE01", "DE01", 0.0, "done", ())
    both = replace(found, board=(*found.board, other), flows=(*found.flows, FlowCount("purchases", 1, 1)))
    cells = {cell.name: cell.verdict for cell in answered(both).cells if cell.kind == "flow"}
    assert cells == {"changes": Verdict.FAIL, "purchases": Verdict.PASS}
    unnamed = replace(both, findings=(replace(both.findings[0], flow=""),))
    cells = {cell.name: cell.verdict for cell in answered(unnamed).cells if cell.kind == "flow"}
    assert cells == {"changes": Verdict.FAIL, "purchases": Verdict.FAIL}, "nobody knows which, so neither is kept"


def test_instances_that_the_board_has_no_room_for_are_counted() -> None:
    crowded = replace(result(status="open"), flows=(FlowCount("changes", 9000, 8999), FlowCount("unseen", 5, 5)))
    said = {cell.name: cell.sentence for cell in answered(crowded).cells if cell.kind == "flow"}
    assert said["changes"].startswith("8,999 of 9,000 instances carried out")
    assert said["unseen"].startswith("5 of 5")


def test_what_was_recorded_is_a_row_of_its_own_and_labelled() -> None:
    own = verified(Verdict.PASS).checked[0]
    both = Verification("all", (own, replace(own, derived=True, verdict=Verdict.FAIL)))
    asking = Ask(lambda *_: Finished(result(), Path()), lambda _pacts: both, lambda _d: covered(50), TODAY)
    found = [cell for cell in ask({"hub": "hub"}, ("storm",), pacts(), (), asking) if cell.kind == "pact"]
    assert [(cell.name, cell.verdict) for cell in found] == [
        ("erp", Verdict.PASS),
        ("erp (recorded)", Verdict.FAIL),
    ]


def test_what_is_accepted_has_a_row_of_its_own() -> None:
    found = result(Exit.PASS, "too early")
    (finding,) = found.findings
    lived_with = replace(found, findings=(replace(finding, severity=Severity.WARN, accepted="x"),))

    def entry(fingerprint: str, until: date, scenario: str = "") -> Acceptance:
        return Acceptance(fingerprint=fingerprint, owner="planning", reason="known", until=until, scenario=scenario)

    gate = answered(lived_with, accepted=[entry(finding.fingerprint, TODAY), entry("00000000", TODAY)])
    assert gate.answer == "yes"
    told = reporting.text(gate)
    assert f"accepted hub: accepted {finding.fingerprint}: too early (storm; planning answers for it until" in told
    assert "accepted hub: accepted 00000000: no run has it any more" in told
    over = answered(result(Exit.VIOLATION, "too early"), accepted=[entry(finding.fingerprint, date(2026, 1, 1))])
    (cell,) = [cell for cell in over.cells if cell.kind == "accepted"]
    assert cell.verdict is Verdict.FAIL and "that is over" in cell.sentence
    elsewhere = answered(lived_with, accepted=[entry(finding.fingerprint, TODAY, "another")])
    assert "no run has it any more" in reporting.text(elsewhere)


def test_what_was_not_asked_is_said_everywhere() -> None:
    found = replace(answered(), notes=("scenarios that are not for the mode live: day",))
    for told in (reporting.text(found), reporting.markdown(found), reporting.page(found)):
        assert "not asked: scenarios that are not for the mode live: day" in told
    assert reporting.for_programs(found)["not_asked"] == found.notes


def test_a_project_without_pacts_is_not_asked_for_them() -> None:
    assert not [cell for cell in answered(given=None).cells if cell.kind == "pact"]


def test_unknown_is_never_shown_as_passed() -> None:
    suites = JUnitXml.fromstring(reporting.junit(answered(result(Exit.UNKNOWN, status="open"))))
    assert {(case.name, bool(case.result)) for suite in suites for case in suite} == {
        ("pact erp", False),
        ("scenario storm", True),
        ("flow changes", True),
    }


def test_what_came_from_outside_is_no_markup() -> None:
    cell = Cell("hub", "scenario", "<b>", int(Exit.VIOLATION), "a | b <script> ::error::\n%")
    found = Gate("<i>", (cell,))
    assert "<script>" not in reporting.page(found) and "<script>" not in reporting.markdown(found)
    assert reporting.annotations(found).count("\n") == 1


def test_reports_are_written_and_programs_can_read_the_answer(tmp_path: Path) -> None:
    written = reporting.write(answered(), tmp_path, ("json", "md", "html", "junit", "github"))
    assert msgspec.json.decode(written["json"].read_bytes())["answer"] == "yes"
    assert all(path.exists() for path in written.values())


@pytest.mark.parametrize("given", ["operation=50", "events", "events=lots", "events=101"])
def test_a_threshold_that_cannot_be_meant_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        thresholds([given])
