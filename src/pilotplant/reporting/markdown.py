"""Writes `summary.md`: the verdict and what led to it, for the page of a pipeline."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pilotplant.checks.finding import Severity
from pilotplant.checks.result import Result
from pilotplant.model.verdict import Verdict
from pilotplant.reporting.wording import (
    WORST_FIRST,
    count,
    doubts_once,
    headline,
    printable,
    quantity,
    record,
    shares,
    span,
    worst_first,
)

NAME = "md"
FILE = "summary.md"
FINDINGS = 10
ROWS = 100
BYTES_MAX = 900_000
"""GitHub refuses a summary over 1 MiB; other steps of the job may want to say something too."""

_BACKTICKS = re.compile(r"`+")
_MARKUP = re.compile(r"([\\`*_\[\]|~$])")


def write(result: Result, directory: Path) -> Path:
    """Write the summary."""
    path = directory / FILE
    path.write_text(summary(result), encoding="utf-8")
    return path


def summary(result: Result) -> str:
    """The summary as GitHub-flavoured Markdown, never longer than GitHub takes."""
    lines = [
        f"## {_safe(headline(result))}",
        "",
        _safe(f"{result.scenario} · {result.target} · {result.mode} · seed {result.seed} · {span(result.duration_s)}"),
        "",
        _safe(result.summary),
        "",
        *_findings(result),
        *_checks(result),
        *_thresholds(result),
        *_load(result),
        *_figures(result),
        *_unknown(result),
        f"Replay: {_code(result.repro)}",
        "",
    ]
    return _within(lines)


def _within(lines: Sequence[str]) -> str:
    kept, size = [], 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > BYTES_MAX:
            kept += ["", "… the rest is in report.html", ""]
            break
        kept.append(line)
    return "\n".join(kept)


def _findings(result: Result) -> Iterable[str]:
    findings = worst_first(result.findings)
    if not findings:
        return
    yield f"### {count(len(findings), 'finding').capitalize()}"
    yield ""
    for number, finding in enumerate(findings[:FINDINGS], start=1):
        warns = " (warning)" if finding.severity is Severity.WARN else ""
        yield f"{number}. **{_safe(finding.check)}**{warns}: {_safe(finding.sentence)}"
        yield from (f"    - {_safe(record(proof))}" for proof in finding.proof[:8])
    if len(findings) > FINDINGS:
        yield ""
        yield f"… {len(findings) - FINDINGS:,} more in report.html"
    yield ""


def _checks(result: Result) -> Iterable[str]:
    rows = sorted(result.checks, key=lambda check: WORST_FIRST.index(check.verdict))
    yield from _table(
        "Checks",
        ("check", "verdict", "what it came to"),
        [(_safe(check.check), _verdict(check.verdict), _safe(check.sentence)) for check in rows],
    )


def _thresholds(result: Result) -> Iterable[str]:
    rows = sorted(result.thresholds, key=lambda threshold: WORST_FIRST.index(threshold.verdict))
    yield from _table(
        "Thresholds",
        ("threshold", "verdict", "measured"),
        [
            (
                _code(t.expression).replace("|", "\\|"),
                _verdict(t.verdict),
                "nothing" if t.value is None else quantity(t.value),
            )
            for t in rows
        ],
    )


def _figures(result: Result) -> Iterable[str]:
    rows = sorted(result.figures, key=lambda figure: figure.plant != "")
    yield from _table(
        "Figures",
        ("figure", "where", "value"),
        [(_safe(f.title), _safe(f.plant) or "whole estate", _safe(quantity(f.value, f.unit))) for f in rows],
    )


def _load(result: Result) -> Iterable[str]:
    load = result.load
    if load is None:
        return
    yield from _table(
        "Under load",
        ("latency", "number", *(f"p{percentile:g}" for percentile, _value in load.lag.percentiles), "longest"),
        [
            (
                _safe(each.name),
                f"{each.count:,}",
                *(_safe(quantity(value, "s")) for _percentile, value in each.percentiles),
                _safe(quantity(each.max_s, "s")),
            )
            for each in (*load.latencies, load.lag)
        ],
    )
    yield _safe(
        f"{load.happened:,} of {load.planned:,} arrivals, {quantity(load.arrivals_per_s)} a second, began "
        f"{load.begun:,} flow instances, of which {load.finished:,} finished. "
        f"Processors: {', '.join(shares(load)) or 'not known'}."
    )
    yield ""


def _unknown(result: Result) -> Iterable[str]:
    never = [f"The fault {fault.fault} never bit." for fault in result.faults if fault.bitten == 0]
    doubts = [f"{doubt.check}: {doubt.sentence} {doubt.would_help}".rstrip() for doubt in doubts_once(result.doubts)]
    built = [f"By construction, not judged: {held}" for held in result.by_construction]
    said = list(dict.fromkeys([*doubts, *built, *result.untested, *never]))
    if said:
        yield "### Not known, not tested"
        yield ""
        yield from (f"- {_safe(sentence)}" for sentence in said[:ROWS])
        yield ""


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    if not rows:
        return
    yield f"### {title}"
    yield ""
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from (_row(row) for row in rows[:ROWS])
    if len(rows) > ROWS:
        yield ""
        yield f"… {len(rows) - ROWS:,} more in report.html"
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(verdict: Verdict) -> str:
    return "pass" if verdict is Verdict.PASS else f"**{verdict.upper() if verdict is Verdict.FAIL else verdict}**"


def _safe(text: str) -> str:
    """Data as text: nothing in it can become markup, HTML or a link."""
    escaped = _MARKUP.sub(r"\\\1", printable(text).replace("&", "&amp;"))
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("://", ":&#47;&#47;")


def _code(text: str) -> str:
    """Data as code, which ends at as many backticks as it began with: one more than the data has in a row."""
    code = printable(text)
    fence = "`" * (max(map(len, _BACKTICKS.findall(code)), default=0) + 1)
    blank = " " if "`" in code else ""
    return f"{fence}{blank}{code}{blank}{fence}"
