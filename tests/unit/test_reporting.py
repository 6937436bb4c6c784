"""Every reporter on one rich result: what it says, in which order, and that data can do it no harm."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import pytest

from pilotplant.checks.finding import CheckResult, Doubt, Finding, Proof, Severity
from pilotplant.checks.result import BoardRow, Cell, Counts, FaultResult, Figure, Result, ThresholdResult
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.reporting import github, junit, markdown, result_json, text
from pilotplant.reporting.catalog import reporters
from pilotplant.reporting.wording import by_kind, headline, printable, quantity, span, worst_first

HOSTILE = (
    "</script><img src=x onerror=alert(1)> | `code` \x1b[31m\x00 \u202eeurt\ufffe\r\n::error::forged %0A " + "W" * 400
)
"""What data may hold: markup of every kind, control characters, text that turns round, a word without an end."""

TWICE = Finding(
    check="once",
    sentence="ERP at DE01 booked confirmation CNF-0000412 twice: 4 pieces too many in stock of ITM-1042.",
    proof=(
        Proof(8807, 12.31, "mes@DE01", "order 700031 completed: CNF-0000412, 4 good", towards="target"),
        Proof(8811, 12.402, "target", "posts the goods receipt under key 5f1c", towards="erp@DE01"),
        Proof(8812, 12.404, "erp@DE01", "booked as document 4900000077; the answer is lost on its way"),
        Proof(8890, 17.41, "target", "posts it again under another key, 91d0", towards="erp@DE01"),
        Proof(8891, 17.412, "erp@DE01", "booked again as document 4900000081", towards="target"),
    ),
    plant="DE01",
    instance="CNF-0000412",
    step="receipt",
    effect="CNF-0000412",
)
EARLY = Finding(
    check="sequencing",
    sentence=(
        "MES at DE01 received routing ITM-1042/D at #4711, before the ERP had told anyone that version 0004 was active "
        "(#4733 is the first message that reveals it)."
    ),
    proof=(
        Proof(4698, 5.11, "target", "asks for version 0004 of ITM-1042 to be activated", towards="erp@DE01"),
        Proof(4699, 5.13, "erp@DE01", "202 accepted: job 118 is queued", towards="target"),
        Proof(4711, 5.208, "target", "publishes routing ITM-1042/D as executable", towards="mes@DE01"),
        Proof(4733, 7.9, "erp@DE01", "tells that version 0004 is active", towards="target"),
    ),
    plant="DE01",
    instance="ECO-000087",
    step="mes-routing",
)
RUDE = Finding(
    check="manners",
    sentence="The middleware called again after 0.2 s, although the ERP had asked it to wait 2 s.",
    proof=(Proof(903, 2.0, "erp@US01", "429, retry after 2 s", towards="target"),),
    plant="US01",
    severity=Severity.WARN,
)


def again(finding: Finding, times: int) -> tuple[Finding, ...]:
    """The same finding for other instances."""
    return tuple(msgspec.structs.replace(finding, instance=f"CNF-{number:07}") for number in range(times))


def board_row(
    instance: str, plant: str, *cells: Cell, since_s: float = 2.0, flow: str = "engineering-change"
) -> BoardRow:
    """A row whose status follows from its cells."""
    status = "open" if any(cell.status == "open" for cell in cells) else "done"
    return BoardRow(flow, instance, plant, since_s, status, cells)


BOARD = (
    board_row("ECO-000085", "DE01", Cell("erp-bom", "done", 3, 3, 3.1), Cell("erp-active", "done", 3, 3, 6.5)),
    board_row("ECO-000086", "US01", Cell("erp-bom", "done", 1, 1, 3.4), Cell("erp-active", "superseded", 0, 1)),
    board_row(
        "ECO-000087",
        "DE01",
        Cell("erp-bom", "done", 2, 2, 4.0),
        Cell("erp-active", "open", 1, 2),
        Cell("mes-routing", "open", 0, 2),
    ),
    board_row("ECO-000087", "CN01", Cell("erp-bom", "excused", 0, 2), Cell("wms-rule", "not tested", 0, 0)),
    board_row("CNF-0000412", "DE01", Cell("receipt", "done", 1, 1, 17.4), flow="production-confirmation", since_s=12.3),
)
FIGURES = (
    Figure("propagation_p95", "Change propagation, 95 of 100 within", 41.27, "s"),
    Figure("propagation_p95", "Change propagation, 95 of 100 within", 38.1, "s", "DE01"),
    Figure("propagation_p95", "Change propagation, 95 of 100 within", 52.9, "s", "US01"),
    Figure("bom_accuracy", "Bills of material that agree", 99.2, "%"),
    Figure("facts.doubled", "Facts booked twice", 3, ""),
)
RESULT = Result(
    scenario="ambiguous-timeouts",
    about="Goods receipts are booked, but now and then the answer is lost. Nothing may be booked twice or lost.",
    target="acme-hub",
    mode="live",
    seed=7,
    verdict=Verdict.FAIL,
    exit=Exit.VIOLATION,
    summary="600 confirmations → 597 booked once, 3 twice, 0 lost; 61 answers withheld",
    started="2026-03-02T08:00:00Z",
    duration_s=47.82,
    counts=Counts(records=12_345, stimuli=600, exchanges=1_900, commits=1_203, deliveries=640, obligations=1_200),
    checks=(
        CheckResult("completeness", "Everything promised was done.", Verdict.PASS, "All 1,200 promises were kept."),
        CheckResult("once", "A fact has exactly one effect.", Verdict.FAIL, "3 facts were booked twice.", findings=3),
        CheckResult("sequencing", "Nothing before it may.", Verdict.FAIL, "1 step came too early.", findings=1),
        CheckResult("convergence", "Replicas agree at the end.", Verdict.UNKNOWN, "One replica could not be read."),
        CheckResult("manners", "Limits are respected.", Verdict.PASS, "Two calls came too soon.", warnings=2),
    ),
    findings=(RUDE, *again(TWICE, 3), EARLY),
    doubts=(
        Doubt("convergence", "WMS at CN01 was not read after the last change.", "Keep the run open for 5 s longer."),
        Doubt("convergence", "WMS at CN01 was not read after the last change.", "Keep the run open for 5 s longer."),
    ),
    thresholds=(
        ThresholdResult("facts.lost == 0", 0, Verdict.PASS, "0 facts were lost."),
        ThresholdResult("propagation_p95 < 30", 41.27, Verdict.FAIL, "41.3 s is not below 30 s."),
        ThresholdResult("asn_success == 100", None, Verdict.UNKNOWN, "No shipping notice was sent."),
    ),
    figures=FIGURES,
    board=BOARD,
    faults=(FaultResult("response-lost", 61), FaultResult("latency", 0)),
    untested=("The fault latency never bit.", "Steps of the supplier: the estate has none."),
    notes=("Order across hosts is proven by messages only.",),
    data_digest="b3a1c4d2",
    stimuli_digest="77e0aa19",
    repro="pilotplant run ambiguous-timeouts --target acme-hub --seed 7",
)
"""A run in which every part of a report has something to say."""

PASSED = msgspec.structs.replace(
    RESULT,
    verdict=Verdict.PASS,
    exit=Exit.PASS,
    checks=RESULT.checks[:1],
    findings=(),
    doubts=(),
    thresholds=RESULT.thresholds[:1],
    faults=RESULT.faults[:1],
    untested=(),
)
"""The same run with nothing to complain of."""


def poisoned(result: Result) -> Result:
    """The same result with `HOSTILE` in front of every text in it."""

    def bad(value: object) -> object:
        if type(value) is str:
            return HOSTILE + value
        if isinstance(value, (list, tuple)):
            return [bad(each) for each in value]
        return {name: bad(each) for name, each in value.items()} if isinstance(value, dict) else value

    plain = bad(msgspec.to_builtins(result))
    assert isinstance(plain, dict)
    kept = {"verdict": str(result.verdict)}
    for name in ("checks", "thresholds", "findings"):
        for row, original in zip(plain[name], getattr(result, name), strict=True):
            row.update({key: str(getattr(original, key)) for key in ("verdict", "severity") if key in row})
    return msgspec.convert({**plain, **kept}, Result)


# --- Finding the reporters -----------------------------------------------------------------------------------------


def test_the_reporters_are_found_by_looking_at_the_folder(tmp_path: Path) -> None:
    written = {name: report(RESULT, tmp_path).name for name, report in reporters().items()}
    assert written == {
        "github": "annotations.txt",
        "html": "report.html",
        "json": "result.json",
        "junit": "junit.xml",
        "md": "summary.md",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(written.values())


@pytest.mark.parametrize("name", sorted(reporters()))
def test_a_report_is_the_same_every_time(name: str, tmp_path: Path) -> None:
    first = reporters()[name](RESULT, tmp_path).read_bytes()
    assert reporters()[name](RESULT, tmp_path).read_bytes() == first


# --- result.json ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [RESULT, PASSED, poisoned(RESULT)], ids=["failed", "passed", "hostile"])
def test_a_result_comes_back_as_it_was(result: Result, tmp_path: Path) -> None:
    path = result_json.write(result, tmp_path)
    assert result_json.load(path) == result
    assert result_json.load(tmp_path) == result


def test_result_json_keeps_the_order_of_the_fields(tmp_path: Path) -> None:
    lines = result_json.write(RESULT, tmp_path).read_text(encoding="utf-8").splitlines()
    top = [line.split('"')[1] for line in lines if line.startswith('  "')]
    assert top == list(Result.__struct_fields__)


def test_what_is_no_result_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"result\.json cannot be read"):
        result_json.load(tmp_path)
    (tmp_path / "result.json").write_text('{"scenario": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match="is not the result of a run"):
        result_json.load(tmp_path)


# --- junit.xml -----------------------------------------------------------------------------------------------------


def cases(result: Result, directory: Path) -> dict[str, ElementTree.Element]:
    """The test cases of the JUnit report, by name."""
    root = ElementTree.parse(junit.write(result, directory)).getroot()
    (suite,) = root.findall("testsuite")
    assert suite.get("name") == printable(result.scenario)
    return {case.get("name", ""): case for case in suite.findall("testcase")}


def test_every_check_and_threshold_is_a_test_case(tmp_path: Path) -> None:
    found = cases(RESULT, tmp_path)
    assert list(found) == [
        *(check.check for check in RESULT.checks),
        *(f"threshold: {threshold.expression}" for threshold in RESULT.thresholds),
    ]
    assert {case.get("classname") for case in found.values()} == {"ambiguous-timeouts"}
    outcomes = {name: [child.tag for child in case] for name, case in found.items()}
    assert outcomes == {
        "completeness": [],
        "once": ["failure"],
        "sequencing": ["failure"],
        "convergence": ["error"],
        "manners": [],
        "threshold: facts.lost == 0": [],
        "threshold: propagation_p95 < 30": ["failure"],
        "threshold: asn_success == 100": ["error"],
    }


def test_unknown_is_never_shown_as_passed(tmp_path: Path) -> None:
    error = cases(RESULT, tmp_path)["convergence"][0]
    assert error.get("message") == "unknown: One replica could not be read."
    assert error.text == "WMS at CN01 was not read after the last change. Keep the run open for 5 s longer."


def test_a_run_that_broke_before_its_checks_spoke_is_red(tmp_path: Path) -> None:
    broken = msgspec.structs.replace(
        PASSED, verdict=Verdict.UNKNOWN, exit=Exit.INTERNAL, checks=(), thresholds=(), summary="A behaviour failed."
    )
    (error,) = cases(broken, tmp_path)["run"]
    assert (error.tag, error.get("message")) == ("error", "unknown: A behaviour failed.")


def test_junit_tells_ten_findings_of_a_check_and_counts_the_rest(tmp_path: Path) -> None:
    many = msgspec.structs.replace(RESULT, findings=again(TWICE, 1_012))
    text_of = cases(many, tmp_path)["once"][0].text
    assert text_of is not None
    lines = text_of.splitlines()
    assert lines[:10] == [TWICE.sentence] * 10
    assert lines[10:] == ["… 1,002 more", f"replay: {RESULT.repro}"]


def test_no_data_breaks_the_xml(tmp_path: Path) -> None:
    assert len(cases(poisoned(RESULT), tmp_path)) > 0
    assert not {"\x00", "\x1b", "\ufffe"} & set((tmp_path / "junit.xml").read_text(encoding="utf-8"))


# --- summary.md ----------------------------------------------------------------------------------------------------


def test_the_summary_says_the_verdict_first_and_how_to_replay_last() -> None:
    lines = markdown.summary(RESULT).splitlines()
    assert lines[0] == "## Failed: 4 violations proven"
    assert lines[-1] == f"Replay: `{RESULT.repro}`"
    assert "| once | **FAIL** | 3 facts were booked twice. |" in lines
    assert [line for line in lines if line.startswith("###")] == [
        "### 5 findings",
        "### Checks",
        "### Thresholds",
        "### Figures",
        "### Not known, not tested",
    ]


def test_data_cannot_become_markup_in_the_summary() -> None:
    summary = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown.summary(poisoned(RESULT)))  # code is inert
    assert "<img" not in summary and "</script>" not in summary
    widths = {len(line.replace("\\|", "").split("|")) for line in summary.splitlines() if line.startswith("|")}
    assert widths == {5}, "a pipe in the data made a cell of its own"
    assert "`" not in summary.replace("\\`", "")


def test_the_summary_fits_into_what_github_takes() -> None:
    long = msgspec.structs.replace(TWICE, sentence="Ω" * 5_000_000, proof=TWICE.proof * 5_000)
    rows = tuple(CheckResult(f"check-{n}", "", Verdict.FAIL, "Ω" * 100_000) for n in range(5_000))
    summary = markdown.summary(msgspec.structs.replace(RESULT, findings=(long,) * 10_000, checks=rows))
    assert len(summary.encode()) < 1_048_576
    assert "… 9,990 more in report.html" in summary and "… 4,900 more in report.html" in summary


# --- Annotations ---------------------------------------------------------------------------------------------------


def test_annotations_are_worst_first_and_one_of_a_kind() -> None:
    lines = github.annotations(RESULT).splitlines()
    assert [line.split("::")[1] for line in lines] == [
        "error title=ambiguous-timeouts · once",
        "error title=ambiguous-timeouts · sequencing",
        "error title=ambiguous-timeouts · threshold",
        "warning title=ambiguous-timeouts · manners",
        "warning title=ambiguous-timeouts · convergence%3A unknown",
    ]
    assert lines[0].endswith("(2 more of the same kind)")


def test_there_are_at_most_ten_annotations() -> None:
    kinds = tuple(msgspec.structs.replace(TWICE, step=f"step-{number}") for number in range(50))
    assert len(github.annotations(msgspec.structs.replace(RESULT, findings=kinds)).splitlines()) == 10


def test_a_run_that_broke_is_annotated() -> None:
    broken = msgspec.structs.replace(PASSED, verdict=Verdict.UNKNOWN, exit=Exit.UNREACHABLE, summary="Nobody listened.")
    assert github.annotations(broken) == "::error title=ambiguous-timeouts · unknown::Nobody listened.\n"
    assert github.annotations(PASSED) == ""


def test_data_cannot_become_a_command_of_its_own() -> None:
    lines = github.annotations(poisoned(RESULT)).splitlines()
    assert all(line.startswith(("::error title=", "::warning title=")) for line in lines)
    assert all("%250A" in line and "\x1b" not in line for line in lines)


def test_the_summary_is_appended_where_github_wants_it(tmp_path: Path) -> None:
    step_summary = tmp_path / "step"
    step_summary.write_text("An earlier step.\n", encoding="utf-8")
    github.write(RESULT, tmp_path, step_summary)
    assert step_summary.read_text(encoding="utf-8") == "An earlier step.\n" + markdown.summary(RESULT)


# --- On a console --------------------------------------------------------------------------------------------------

CONSOLE = """\
ambiguous-timeouts · acme-hub · live · seed 7
    600 confirmations → 597 booked once, 3 twice, 0 lost; 61 answers withheld

    FAIL once             ERP at DE01 booked confirmation CNF-0000412 twice: 4 pieces too many in stock of ITM-1042.
                          #1 booked, answer lost · #2 booked again
    … 2 more of the same kind
    FAIL sequencing       1 step came too early.
                          replay: pilotplant run ambiguous-timeouts --target acme-hub --seed 7
    FAIL threshold        propagation_p95 < 30: 41.3 s is not below 30 s.
    unknown threshold     asn_success == 100: No shipping notice was sent.
    unknown convergence   WMS at CN01 was not read after the last change.
                          what would help: Keep the run open for 5 s longer.
    pass completeness · thresholds (1)      warn manners (2)
    Change propagation, 95 of 100 within 41.3 s · Bills of material that agree 99.2 % · Facts booked twice 3
    faults: response-lost bit 61 times · latency never bit
    not tested: The fault latency never bit.
    not tested: Steps of the supplier: the estate has none.

FAIL — report: reports/runs/x/report.html                                         exit 1
"""


def test_what_a_person_sees() -> None:
    proof = (Proof(1, 1.0, "erp@DE01", "booked, answer lost"), Proof(2, 2.0, "erp@DE01", "booked again"))
    result = msgspec.structs.replace(RESULT, findings=(RUDE, *again(msgspec.structs.replace(TWICE, proof=proof), 3)))
    assert text.render(result, report="reports/runs/x/report.html") == CONSOLE


def test_a_passed_run_is_short() -> None:
    lines = text.render(PASSED, report="r.html").splitlines()
    assert lines[3] == "    pass completeness · thresholds (1)"
    assert lines[-1].startswith("PASS — report: r.html") and lines[-1].endswith("   exit 0")


def test_data_cannot_steer_the_terminal() -> None:
    shown = text.render(poisoned(RESULT), report="r.html")
    assert not {"\x1b", "\x00", "\r", "\u202e"} & set(shown)
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines()), "GitHub would take it for a command"


# --- Words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "exit", "changes", "words"),
    [
        (Verdict.PASS, Exit.PASS, {"findings": ()}, "Passed: every promise was kept"),
        (Verdict.PASS, Exit.PASS, {"findings": (RUDE,)}, "Passed, with 1 warning: every promise was kept"),
        (Verdict.FAIL, Exit.VIOLATION, {"findings": (EARLY,)}, "Failed: 1 violation proven"),
        (Verdict.FAIL, Exit.THRESHOLD, {"findings": ()}, "Failed: 1 threshold missed"),
        (Verdict.FAIL, Exit.THRESHOLD, {"findings": (), "thresholds": ()}, "Failed"),
        (Verdict.UNKNOWN, Exit.UNKNOWN, {}, "Unknown: the evidence does not decide it"),
        (Verdict.UNKNOWN, Exit.UNREACHABLE, {}, "Unknown: acme-hub could not be reached"),
        (Verdict.UNKNOWN, Exit.INTERRUPTED, {}, "Unknown: the run was interrupted before it could be judged"),
        (Verdict.UNKNOWN, Exit.INTERNAL, {}, "Unknown: Pilotplant itself failed, so this run proves nothing"),
    ],
)
def test_the_verdict_in_words(verdict: Verdict, exit: Exit, changes: dict[str, object], words: str) -> None:
    assert headline(msgspec.structs.replace(RESULT, verdict=verdict, exit=exit, **changes)) == words


def test_a_crowd_of_one_kind_hides_no_other() -> None:
    ordered = worst_first((RUDE, *again(TWICE, 1_000), EARLY))
    assert [finding.check for finding in ordered[:3]] == ["once", "sequencing", "once"]
    assert ordered[-1] is RUDE
    assert [len(kind) for kind in by_kind(ordered)] == [1_000, 1, 1]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (3.0, "", "3"),
        (1_234_567.0, "", "1,234,567"),
        (0.8125, "s", "0.812 s"),
        (41.27, "s", "41.3 s"),
        (1_234.56, "", "1,234.6"),
        (0.00004, "s", "4.0e-05 s"),
        (float("nan"), "s", "not a number"),
        (float("inf"), "s", "without limit"),
    ],
)
def test_a_quantity_in_words(value: float, unit: str, words: str) -> None:
    assert quantity(value, unit) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.804, "0.8 s"), (47.82, "47.8 s"), (200.2, "3 min 20 s"), (7_512.0, "2 h 5 min")]
)
def test_a_span_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Müller 日本 µm 🙂", "Müller 日本 µm 🙂"),
        ("a\r\nb\tc", "a b c"),
        ("a\x1b[31mb\x00", "a�[31mb�"),
        ("a\u202eb\u2066c\ud800d\ufffee", "a�b�c�d�e"),
        ("x" * 700, "x" * 599 + "…"),
    ],
)
def test_a_text_made_printable(raw: str, shown: str) -> None:
    assert printable(raw) == shown
