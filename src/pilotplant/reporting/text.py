"""Puts a result on a console: the verdict, one finding of each kind with its proof, and where the report is.

No colour in it: the command line decides whether there is a terminal to colour for.
"""

from collections.abc import Iterator, Sequence

from pilotplant.checks.finding import Doubt, Finding, Severity
from pilotplant.checks.result import Result
from pilotplant.model.verdict import Verdict
from pilotplant.reporting.wording import by_kind, doubts_once, printable, quantity, shares

KINDS = 10
"""Kinds of findings told; the report has them all."""

DOUBTS = 3
"""Doubts of one check told."""

FIGURES = 4

_LINE = 300
_PROOF = 8
_WIDTH = 88
_LEFT = "  "


def render(result: Result, *, report: str) -> str:
    """Plain text that ends with the verdict; `report` says where the report was written."""
    lines = [
        f"{printable(result.scenario)} · {printable(result.target)} · {printable(result.mode)} · seed {result.seed}",
        f"{_LEFT}{_LEFT}{printable(result.summary)}",
        "",
    ]
    column = _column(result)
    blocks = [
        *_load(result),
        *_findings(result, column),
        *_missed(result, column),
        *_unknown(result, column),
        *_unfinished(result),
        *_held(result),
        *_around(result),
    ]
    lines += [f"{_LEFT}{_LEFT}{line}" for line in blocks]
    last = f"{result.verdict.upper()} — report: {report}"
    return "\n".join([*lines, "", f"{last:<{_WIDTH - len(str(result.exit)) - 8}}   exit {result.exit}", ""])


def _load(result: Result) -> Iterator[str]:
    """Of a run under load: what arrived, how long it took, and who used how much."""
    load = result.load
    if load is None:
        return
    yield (
        f"{load.happened:,} arrivals in {load.window_s:.1f} s ({quantity(load.arrivals_per_s)}/s) began {load.begun:,} "
        f"flow instances, of which {load.finished:,} finished, the last {load.drained_s:.1f} s after the last arrival"
    )
    for histogram in load.latencies:
        told = " · ".join(f"p{percentile:g} {quantity(value, 's')}" for percentile, value in histogram.percentiles)
        yield f"{printable(histogram.name)}: {told} · max {quantity(histogram.max_s, 's')}"
    lag = f"arrivals were told p99 {quantity(load.lag.at(99.0), 's')} after their moments"
    used = shares(load)
    yield f"processors: {' · '.join(used)}; {lag}" if used else lag
    yield ""


def _column(result: Result) -> int:
    """Where sentences begin: right of the longest verdict and check that has one."""
    told = [f"FAIL {kind[0].check}" for kind in _failing(result)]
    told += [f"FAIL {check.check}" for check in result.checks if check.verdict is Verdict.FAIL]
    told += [f"unknown {check.check}" for check in result.checks if check.verdict is Verdict.UNKNOWN]
    told += [f"unknown {doubt.check}" for doubt in result.doubts]
    told += [f"{threshold.verdict} threshold" for threshold in result.thresholds]
    return min(max(map(len, told), default=0), 30) + 3


def _failing(result: Result) -> list[list[Finding]]:
    return [kind for kind in by_kind(result.findings) if kind[0].severity is Severity.FAIL]


def _line(label: str, sentence: str, column: int) -> str:
    return f"{label:<{column - 1}} {printable(sentence, _LINE)}"


def _findings(result: Result, column: int) -> Iterator[str]:
    kinds = _failing(result)
    for kind in kinds[:KINDS]:
        yield _line(f"FAIL {printable(kind[0].check)}", kind[0].sentence, column)
        if kind[0].proof:
            yield _line("", " · ".join(f"#{p.seq} {printable(p.text, 80)}" for p in kind[0].proof[:_PROOF]), column)
        if len(kind) > 1:
            yield f"… {len(kind) - 1:,} more of the same kind"
    if len(kinds) > KINDS:
        yield f"… {len(kinds) - KINDS:,} more kinds of findings"
    proven = {kind[0].check for kind in kinds}
    for check in result.checks:
        if check.verdict is Verdict.FAIL and check.check not in proven:
            yield _line(f"FAIL {printable(check.check)}", check.sentence, column)
    if kinds:
        yield _line("", f"replay: {result.repro}", column)


def _missed(result: Result, column: int) -> Iterator[str]:
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        for threshold in result.thresholds:
            if threshold.verdict is verdict:
                label = "FAIL threshold" if verdict is Verdict.FAIL else "unknown threshold"
                yield _line(label, f"{threshold.expression}: {threshold.sentence}", column)


def _unknown(result: Result, column: int) -> Iterator[str]:
    doubts = doubts_once(result.doubts)
    for check in result.checks:
        if check.verdict is Verdict.UNKNOWN and not any(doubt.check == check.check for doubt in doubts):
            yield _line(f"unknown {printable(check.check)}", check.sentence, column)
    sharing = _sharing(doubts)
    for name in dict.fromkeys(doubt.check for doubt in doubts):
        mine = [doubt for doubt in doubts if doubt.check == name and sharing[_told(doubt)][0] == name]
        for doubt in mine[:DOUBTS]:
            yield _line(f"unknown {printable(name)}", doubt.sentence, column)
            if doubt.would_help:
                yield _line("", f"what would help: {doubt.would_help}", column)
            if others := sharing[_told(doubt)][1:]:
                yield f"… the same of {', '.join(printable(other) for other in others)}"
        if len(mine) > DOUBTS:
            yield f"… {len(mine) - DOUBTS:,} more that {printable(name)} could not decide"


def _sharing(doubts: Sequence[Doubt]) -> dict[tuple[str, str], list[str]]:
    """Which checks doubt the same for the same reason: it is said once."""
    sharing: dict[tuple[str, str], list[str]] = {}
    for doubt in doubts:
        sharing.setdefault(_told(doubt), []).append(doubt.check)
    return sharing


def _told(doubt: Doubt) -> tuple[str, str]:
    return doubt.sentence, doubt.would_help


def _unfinished(result: Result) -> Iterator[str]:
    """What a model never carried out: nothing convicts it, and its figures would look the better for it."""
    if result.mode != "whatif":
        return
    lost = sum(finding.check == "completeness" for finding in result.findings)
    given_up = sum(int(figure.value) for figure in result.figures if figure.name == "calls_given_up")
    if lost or given_up:
        yield f"warning: {lost:,} facts lost, {given_up:,} calls given up; figures of time are of the rest alone"


def _held(result: Result) -> Iterator[str]:
    """What gives no reason to stop, joined on a line."""
    passed = [printable(check.check) for check in result.checks if check.verdict is Verdict.PASS and not check.warnings]
    kept = sum(threshold.verdict is Verdict.PASS for threshold in result.thresholds)
    of_flows = tuple(f"{flow.flow}: " for flow in result.flows)
    deadlines = any(threshold.expression.startswith(of_flows) for threshold in result.thresholds)
    passed += [f"thresholds{' and deadlines of flows' if deadlines else ''} ({kept})"] if kept else []
    warned = [f"{printable(check.check)} ({check.warnings})" for check in result.checks if check.warnings]
    told = [f"pass {' · '.join(passed)}"] if passed else []
    told += [f"warn {' · '.join(warned)}"] if warned else []
    if told:
        yield "      ".join(told)
    yield from (f"by construction, not judged: {printable(held, _LINE)}" for held in result.by_construction)


def _around(result: Result) -> Iterator[str]:
    """The first figures of the whole estate, the faults, and what was left out."""
    figures = [figure for figure in result.figures if not figure.plant][:FIGURES]
    if figures:
        yield " · ".join(f"{printable(figure.title)} {quantity(figure.value, figure.unit)}" for figure in figures)
    if result.faults:
        bitten = (
            f"{printable(f.fault)} {f'bit {f.bitten:,} times' if f.bitten else 'never bit'}" for f in result.faults
        )
        yield f"faults: {' · '.join(bitten)}"
    for sentence in result.untested[:DOUBTS]:
        yield f"not tested: {printable(sentence, _LINE)}"
    if len(result.untested) > DOUBTS:
        yield f"… {len(result.untested) - DOUBTS:,} more that was not tested"
