"""Speaks to GitHub Actions: at most ten annotations, worst first, and the summary of the job."""

from pathlib import Path

from pilotplant.checks.finding import Severity
from pilotplant.checks.result import Result
from pilotplant.model.verdict import Verdict
from pilotplant.reporting import markdown
from pilotplant.reporting.wording import by_kind, doubts_once, printable

NAME = "github"
FILE = "annotations.txt"
ANNOTATIONS = 10
"""GitHub shows no more than ten of a step."""


def write(result: Result, directory: Path, step_summary: Path | None = None) -> Path:
    """Write the annotations to a file; append the summary to `step_summary`, the file that GitHub named for it."""
    path = directory / FILE
    path.write_text(annotations(result), encoding="utf-8")
    if step_summary is not None:
        with step_summary.open("a", encoding="utf-8") as summary:
            summary.write(markdown.summary(result))
    return path


def annotations(result: Result) -> str:
    """Workflow commands, one a line: printed to the output of a step, they become annotations."""
    lines = []
    for kind in by_kind(result.findings):
        first, more = kind[0], len(kind) - 1
        level = "error" if first.severity is Severity.FAIL else "warning"
        also = f" ({more:,} more of the same kind)" if more else ""
        lines.append((level, first.check, first.sentence + also))
    missed = [t for t in result.thresholds if t.verdict is Verdict.FAIL]
    lines += [("error", "threshold", threshold.sentence) for threshold in missed]
    lines += [("warning", f"{doubt.check}: unknown", doubt.sentence) for doubt in doubts_once(result.doubts)]
    if not lines and result.verdict is not Verdict.PASS:
        lines.append(("error", str(result.verdict), result.summary))
    lines.sort(key=lambda line: line[0] != "error")
    return "".join(_command(result, *line) for line in lines[:ANNOTATIONS])


def _command(result: Result, level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(f'{result.scenario} · {title}')}::{_data(message)}\n"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
