"""Writes `junit.xml`: every check and every threshold of the scenario is a test case."""

from pathlib import Path

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from pilotplant.checks.finding import CheckResult, Severity
from pilotplant.checks.result import Result, ThresholdResult
from pilotplant.model.verdict import Verdict
from pilotplant.reporting.wording import doubts_once, printable, worst_first

NAME = "junit"
FILE = "junit.xml"
SENTENCES = 10


def write(result: Result, directory: Path) -> Path:
    """One suite per scenario. JUnit has no `unknown`: it becomes an error, so that no pipeline shows it as passed."""
    cases = [_check(result, check) for check in result.checks]
    cases += [_threshold(result, threshold) for threshold in result.thresholds]
    if not any(case.result for case in cases) and result.verdict is not Verdict.PASS:
        cases.append(_run(result))
    suite = TestSuite(printable(result.scenario))
    suite.timestamp = printable(result.started)
    for name, value in (
        ("target", result.target),
        ("mode", result.mode),
        ("seed", result.seed),
        ("replay", result.repro),
    ):
        suite.add_property(name, printable(str(value)))
    suite.add_testcases(cases)
    suite.time = result.duration_s
    document = JUnitXml("pilotplant")
    document.add_testsuite(suite)
    document.time = result.duration_s
    path = directory / FILE
    document.write(str(path))
    return path


def _case(result: Result, name: str) -> TestCase:
    return TestCase(name=printable(name), classname=printable(result.scenario), time=0.0)


def _check(result: Result, check: CheckResult) -> TestCase:
    case = _case(result, check.check)
    if check.verdict is Verdict.FAIL:
        proven = [f for f in worst_first(result.findings) if f.check == check.check and f.severity is Severity.FAIL]
        sentences = [printable(finding.sentence) for finding in proven]
        case.result = _failure(check.sentence, sentences, result.repro)
    elif check.verdict is Verdict.UNKNOWN:
        doubts = doubts_once([doubt for doubt in result.doubts if doubt.check == check.check])
        case.result = _error(check.sentence, [printable(f"{d.sentence} {d.would_help}".rstrip()) for d in doubts])
    return case


def _threshold(result: Result, threshold: ThresholdResult) -> TestCase:
    case = _case(result, f"threshold: {threshold.expression}")
    if threshold.verdict is Verdict.FAIL:
        case.result = _failure(threshold.sentence, [], result.repro)
    elif threshold.verdict is Verdict.UNKNOWN:
        case.result = _error(threshold.sentence, [])
    return case


def _run(result: Result) -> TestCase:
    """The run as a whole: there would be nothing red in a run that broke before its checks could speak."""
    case = _case(result, "run")
    failed = result.verdict is Verdict.FAIL
    case.result = _failure(result.summary, [], result.repro) if failed else _error(result.summary, [])
    return case


def _failure(message: str, sentences: list[str], repro: str) -> Failure:
    failure = Failure(printable(message), "violation")
    failure.text = "\n".join([*_first(sentences), f"replay: {printable(repro)}"])
    return failure


def _error(message: str, sentences: list[str]) -> Error:
    error = Error(f"unknown: {printable(message)}", "unknown")
    error.text = "\n".join(_first(sentences))
    return error


def _first(sentences: list[str]) -> list[str]:
    more = len(sentences) - SENTENCES
    return [*sentences[:SENTENCES], f"… {more:,} more"] if more > 0 else sentences
