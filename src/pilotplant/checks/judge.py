"""The judge: one pass over the ledger, all checks fused, linear, memory bounded by what is open."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from msgspec.structs import replace

from pilotplant.checks import thresholds
from pilotplant.checks.accepted import Known, accept
from pilotplant.checks.case import Case
from pilotplant.checks.check import Check
from pilotplant.checks.dispatch import Dispatch
from pilotplant.checks.evidence import complete
from pilotplant.checks.finding import CheckResult, Doubt, Finding, Severity
from pilotplant.checks.folds.aggregated import Aggregated
from pilotplant.checks.folds.curves import Curves
from pilotplant.checks.folds.figures import Figures
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.intended import Intended
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.load_result import MACHINE_HELP, LoadResult, LoadTerms
from pilotplant.checks.result import BoardRow, Cell, Counts, FaultResult, Figure, FlowCount, ThresholdResult
from pilotplant.checks.soak import leaks
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import FaultArmed, Outside
from pilotplant.model.discovery import classes
from pilotplant.model.threshold import read
from pilotplant.model.verdict import Verdict
from pilotplant.target.model import Declares

BOARD_MAX = 500
COUNTED = "completeness"
"""The one check that is asked about a model: how much it left undone is a figure."""
_CONSTRUCTED = frozenset(("facts.doubled",))
"""What thresholds may ask and a model cannot miss."""
NOTHING_KNOWN = Known()
_NO_FLOW = "no flow of this run promises anything that it judges"
NOTHING_TO_JUDGE = "Nothing came about that it could judge."
_LET_IT_LAST = "let the run last until the flows are carried out"
_MEND = "mend what fails here first: there was nothing else to see"


@dataclass(frozen=True)
class Judgement:
    """What the ledger proves."""

    verdict: Verdict
    missed: bool
    """Whether a threshold was missed."""
    counts: Counts
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    doubts: tuple[Doubt, ...]
    thresholds: tuple[ThresholdResult, ...]
    figures: tuple[Figure, ...]
    board: tuple[BoardRow, ...]
    flows: tuple[FlowCount, ...]
    faults: tuple[FaultResult, ...]
    load: LoadResult | None = None
    crashed: tuple[str, ...] = field(default=())
    """Checks that broke: a defect of Pilotplant, never a pass."""
    untested: tuple[str, ...] = field(default=())
    """Checks that no flow of the run concerns, and why nothing is said of them."""
    notes: tuple[str, ...] = field(default=())
    """What there is to say of findings that are accepted."""
    modelled: bool = False
    """Whether a model was at work in place of a middleware."""
    by_construction: tuple[str, ...] = field(default=())
    """What a model cannot but keep."""


@cache
def checks() -> dict[str, type[Check]]:
    """All checks by name, found by looking at the folder."""
    return {check.NAME: check for check in classes("pilotplant.checks", Check)}  # type: ignore[type-abstract]


def judge(
    ledger: Ledger,
    flows: Sequence[FlowSpec],
    *,
    target: str = "",
    expressions: Sequence[str] = (),
    declares: Declares | None = None,
    known: Known = NOTHING_KNOWN,
    under_load: LoadTerms | None = None,
) -> Judgement:
    """Judge a ledger. `declares`: what the target says of itself; `known`: findings that somebody answers for;
    `under_load`: with curves over time."""
    if ledger.header.mode != "whatif":
        return _judge(
            ledger, flows, tuple(checks().values()), target, expressions, declares, known, under_load=under_load
        )
    judged = [each for each in expressions if read(each).metric not in _CONSTRUCTED]
    found = _judge(ledger, flows, (checks()[COUNTED],), target, judged, declares, known, under_load=None)
    return _of_model(found, [each for each in expressions if each not in judged])


def _of_model(found: Judgement, cannot_fail: Sequence[str]) -> Judgement:
    """What is said of a model: figures and thresholds. What it cannot but keep is never a pass."""
    all_checks = checks().values()
    held = [f"{check.NAME}: {check.BY_CONSTRUCTION}" for check in all_checks if check.BY_CONSTRUCTION]
    held += [f"{each}: it follows from `once`" for each in cannot_fail]
    unsaid = [check.NAME for check in all_checks if not check.BY_CONSTRUCTION and check.NAME != COUNTED]
    findings = tuple(replace(finding, severity=Severity.WARN) for finding in found.findings)
    doubts = found.doubts
    if not found.thresholds and found.counts.obligations:
        sentence = "No threshold says how soon is soon enough: there are figures, and no verdict."
        help_ = "give the scenario `thresholds`, such as `change_propagation p95 < 5m`"
        doubts = (*doubts, Doubt("run", sentence, help_))
    crashed = dict(told.split(": ", 1) for told in found.crashed)
    return dataclasses.replace(
        found,
        verdict=_verdict(findings, doubts, found.thresholds, crashed),
        checks=(),
        findings=findings,
        doubts=doubts,
        untested=(*found.untested, f"{', '.join(unsaid)} (a model was at work, and no middleware)"),
        modelled=True,
        by_construction=tuple(held),
    )


def _judge(
    ledger: Ledger,
    flows: Sequence[FlowSpec],
    sitting: Sequence[type[Check]],
    target: str,
    expressions: Sequence[str],
    declares: Declares | None,
    known: Known,
    *,
    under_load: LoadTerms | None,
) -> Judgement:
    case = Case(ledger.header, flows, target=target, declares=declares)
    knowledge, promises = Knowledge(case), Promises(case)
    intended = Intended(case)
    figures = Figures(case, promises, intended)
    curves = Curves(case, promises, intended) if under_load is not None else None
    promises.on_finish.append(lambda instance, _t: intended.forget(instance.trigger))
    court = [check(case, knowledge, promises) for check in sitting]
    idle = [check for check in court if not check.applies()]
    court = [check for check in court if check not in idle]
    faults: Counter[str] = Counter()
    dispatch = Dispatch(ledger.header)
    told = (figures, figures.sourcing, figures.business, *((curves,) if curves else ()))
    for part in (intended, knowledge, promises, *told, *court):
        dispatch.add(part.handlers())
    wanted: list[str] = []
    dispatch.add({FaultArmed: (None, lambda record: faults.update({record.fault: 0}))})
    dispatch.add({Outside: (None, lambda record: wanted.append(record.wanted))})
    seen = dispatch.run(ledger)
    crashed = dict(dispatch.crashed)
    _conclude(court, crashed, warn=bool(wanted))
    notes = accept(court, known)
    silent = [check for check in court if check.idle and not (check.findings or check.doubts)]
    court = [check for check in court if check not in silent]
    counts = figures.counts(seen)
    findings = complete([finding for check in court for finding in check.findings], ledger, case)
    findings = tuple(sorted(findings, key=lambda finding: _order(finding, case)))
    counted = _counted(findings, figures, counts)
    for metric, name in thresholds.COUNTED_BY.items():
        if any(check.NAME == name and (check.doubts or name in crashed) for check in court) and not counted[metric]:
            del counted[metric]
    judged = tuple(thresholds.judge(read(e), figures, counted) for e in expressions)
    judged += _within(case, figures)
    load = curves.result(promises.begun) if curves else None
    judged, doubts_of_load = _loaded(judged, curves, load, under_load, counts)
    if wanted:
        judged = tuple(replace(each, verdict=Verdict.UNKNOWN) for each in judged)
    faults.update(figures.bitten)
    doubts = [doubt for check in court for doubt in check.doubts]
    doubts += _more_doubts(counts, promises, faults, wanted)
    doubts += doubts_of_load
    board = _board(case, promises)
    return Judgement(
        verdict=_verdict(findings, doubts, judged, crashed),
        missed=any(threshold.verdict is Verdict.FAIL for threshold in judged),
        counts=counts,
        checks=tuple(_result(check, crashed) for check in court),
        findings=findings,
        doubts=tuple(doubts),
        thresholds=judged,
        figures=figures.all(),
        board=board[:BOARD_MAX],
        flows=_flow_counts(case, promises, board),
        load=load,
        faults=tuple(FaultResult(name, times) for name, times in faults.items()),
        crashed=tuple(f"{name}: {why}" for name, why in crashed.items()),
        untested=(*(f"{check.NAME} ({_NO_FLOW})" for check in idle), *(f"{c.NAME} ({c.idle})" for c in silent)),
        notes=tuple(notes),
    )


def _conclude(court: Sequence[Check], crashed: dict[str, str], *, warn: bool) -> None:
    """Let all checks come to their end."""
    for check in court:
        _end(check, crashed)
        if warn:
            _only_warn(check)
    _rather_mend(court)


def _end(check: Check, crashed: dict[str, str]) -> None:
    """Let a check come to its end. One that broke, now or before, says nothing more; one that saw nothing says so."""
    if check.NAME in crashed:
        return
    try:
        check.finish()
    except Exception as error:
        crashed[check.NAME] = f"{type(error).__name__}: {error}"
        return
    if not check.examined and not check.findings and not check.doubts and not check.idle:
        check.doubt(NOTHING_TO_JUDGE, _LET_IT_LAST)


def _rather_mend(court: Sequence[Check]) -> None:
    """Where nothing came about because the target did nothing, a longer run would show no more."""
    if any(finding.severity is Severity.FAIL for check in court for finding in check.findings):
        for check in court:
            check.doubts = [
                replace(doubt, would_help=_MEND) if doubt.sentence == NOTHING_TO_JUDGE else doubt
                for doubt in check.doubts
            ]


def _only_warn(check: Check) -> None:
    """What the target did after the real world was refused to it, it might not have done otherwise."""
    check.findings = [replace(finding, severity=Severity.WARN) for finding in check.findings]


def _order(finding: Finding, case: Case) -> tuple[bool, int, int]:
    """What fails before what warns, the most critical flows first, then as it happened."""
    return (
        finding.severity is not Severity.FAIL,
        case.rank(finding.effect),
        finding.proof[0].seq if finding.proof else 0,
    )


def _result(check: Check, crashed: dict[str, str]) -> CheckResult:
    failures = sum(finding.severity is Severity.FAIL for finding in check.findings)
    warnings = len(check.findings) - failures
    if check.NAME in crashed:
        sentence = f"the check itself broke ({crashed[check.NAME]})"
        return CheckResult(check.NAME, check.ABOUT, Verdict.UNKNOWN, sentence, failures, warnings)
    if failures:
        sentence = f"{failures} violation{'s' if failures > 1 else ''}"
        return CheckResult(check.NAME, check.ABOUT, Verdict.FAIL, sentence, failures, warnings)
    if check.doubts:
        return CheckResult(check.NAME, check.ABOUT, Verdict.UNKNOWN, check.doubts[0].sentence, 0, warnings)
    return CheckResult(check.NAME, check.ABOUT, Verdict.PASS, "no violation", 0, warnings)


def _verdict(
    findings: Sequence[Finding],
    doubts: Sequence[Doubt],
    judged: Sequence[ThresholdResult],
    crashed: dict[str, str],
) -> Verdict:
    if any(finding.severity is Severity.FAIL for finding in findings):
        return Verdict.FAIL
    if any(threshold.verdict is Verdict.FAIL for threshold in judged):
        return Verdict.FAIL
    if doubts or crashed or any(threshold.verdict is Verdict.UNKNOWN for threshold in judged):
        return Verdict.UNKNOWN
    return Verdict.PASS


def _counted(findings: Sequence[Finding], figures: Figures, counts: Counts) -> dict[str, float]:
    failures = [finding for finding in findings if finding.severity is Severity.FAIL]
    return {
        "facts.doubled": float(sum(finding.check == "once" for finding in failures)),
        "facts.lost": float(sum(finding.check == "completeness" for finding in failures)),
        "findings": float(len(failures)),
        "exceptions": float(figures.exceptions),
        "refusals": float(counts.refusals),
        "exchanges": float(counts.exchanges),
        "events": float(counts.events),
    }


def _within(case: Case, figures: Figures) -> tuple[ThresholdResult, ...]:
    """The deadlines that the flows themselves declare."""
    results: list[ThresholdResult] = []
    for flow in case.flows:
        for step, limits in flow.within.items():
            for stat, limit_s in limits.items():
                value = figures.step_seconds(flow.flow, step, stat)
                expression = f"{flow.flow}: {step} {stat} < {limit_s:g}s"
                if value is None:
                    continue
                verdict = Verdict.PASS if value < limit_s else Verdict.FAIL
                results.append(ThresholdResult(expression, value, verdict, f"{stat} is {value:.3f} s"))
        recovery_s = figures.recovery_seconds(flow.flow)
        if flow.recover_within is not None and recovery_s is not None:
            verdict = Verdict.PASS if recovery_s <= flow.recover_within else Verdict.FAIL
            expression = f"{flow.flow}: recovered within {flow.recover_within:g}s"
            sentence = f"the last that was open when the faults were lifted took {recovery_s:.3f} s more"
            results.append(ThresholdResult(expression, recovery_s, verdict, sentence))
    return tuple(results)


def _more_doubts(counts: Counts, promises: Promises, faults: Counter[str], wanted: Sequence[str]) -> list[Doubt]:
    doubts: list[Doubt] = []
    if not counts.obligations:
        sentence = "Nothing happened that a flow promises anything for: the run proves nothing."
        doubts.append(Doubt("run", sentence, "give the scenario stimuli that trigger its flows"))
    for fault, times in faults.items():
        if not times:
            sentence = f"The fault {fault} never bit: while it was armed nothing matched, or no draw came up."
            doubts.append(Doubt("faults", sentence, "widen its match, probability or window"))
    for place in wanted:
        sentence = f"The target went around the virtual clock: {place}."
        doubts.append(Doubt("run", sentence, "let it wait and talk through asyncio, or run it live"))
    settled = promises.settled
    if settled is not None and not settled.settled:
        sentence = f"The estate did not come to rest: {settled.note}."
        doubts.append(
            Doubt("run", sentence, "see in target.log what it still did; `quiescence.give_up` says how long to wait")
        )
    return doubts


def _loaded(
    judged: tuple[ThresholdResult, ...],
    curves: Curves | None,
    load: LoadResult | None,
    under_load: LoadTerms | None,
    counts: Counts,
) -> tuple[tuple[ThresholdResult, ...], list[Doubt]]:
    """The thresholds of a run under load, and doubts. A harness that is late itself, or that the machine kept waiting,
    misses none for the target: what was kept all the same was kept, the rest is not known."""
    if curves is None or under_load is None:
        return judged, []
    missed = any(each.verdict is Verdict.FAIL for each in judged)
    doubts: list[Doubt] = []
    if missed and load is not None and (machine := load.kept_waiting):
        judged = _unproven(judged)
        sentence = f"{machine[0].upper()}{machine[1:]}: that thresholds were missed says nothing of the target."
        doubts.append(Doubt("load", sentence, MACHINE_HELP))
    if under_load.soak is not None:
        judged += leaks(under_load.soak, curves.samples, counts.commits)
    return (_unproven(judged) if curves.late else judged), [*doubts, *_undriven(curves)]


def _unproven(judged: tuple[ThresholdResult, ...]) -> tuple[ThresholdResult, ...]:
    kept = Verdict.PASS
    return tuple(each if each.verdict is kept else replace(each, verdict=Verdict.UNKNOWN) for each in judged)


def _undriven(curves: Curves) -> list[Doubt]:
    """What was planned and never happened: of that nothing is known."""
    driven, doubts = curves.driven, []
    if curves.late:
        help = "give it a processor of its own, or fewer arrivals"
        doubts.append(Doubt("load", f"The harness itself did not keep up: {curves.late}.", help))
    if driven is None or driven.happened >= driven.planned:
        return doubts
    missing = driven.planned - driven.happened
    sentence = (
        f"{missing:,} of {driven.planned:,} planned arrivals never happened: {driven.note or 'the run was ended'}."
    )
    return [*doubts, Doubt("load", sentence, "see drivers.log and target.log, and run it again")]


def _board(case: Case, promises: Promises) -> tuple[BoardRow, ...]:
    sums = Aggregated(promises)
    rows = [
        _row(case, promises, instance, _status(promises, instance, sums)) for instance in promises.instances.values()
    ]
    rows.sort(key=lambda row: (row.status != "open", row.since_s))
    rows += [_row(case, promises, instance, "done") for instance in promises.finished]
    return tuple(rows)


def _flow_counts(case: Case, promises: Promises, board: tuple[BoardRow, ...]) -> tuple[FlowCount, ...]:
    """All instances by flow: those of which nothing is kept are done."""
    open_ = board[: len(promises.instances)]
    total: Counter[str] = Counter(row.flow for row in open_)
    done: Counter[str] = Counter(row.flow for row in open_ if row.status == "done")
    for flow, times in promises.finished_of.items():
        total[case.flows[flow].flow] += times
        done[case.flows[flow].flow] += times
    return tuple(FlowCount(flow, times, done[flow]) for flow, times in sorted(total.items()))


def _status(promises: Promises, instance: Instance, sums: Aggregated) -> str:
    if not instance.left:
        return "done"  # it was kept before it was promised
    if instance.withdrawn:
        return "withdrawn"
    if promises.released(instance):
        return "excused"
    missing = promises.missing(instance)
    if missing and all(sums.keeps(promise) for promise in missing):
        return "done"
    if missing:
        return "open"
    return "excused" if any(promises.barred(promise) for promise in instance.open) else "superseded"


def _row(case: Case, promises: Promises, instance: Instance, status: str) -> BoardRow:
    flow = case.flows[instance.flow]
    cells: list[Cell] = []
    for step in flow.steps:
        progress = instance.steps.get(step)
        if progress is None:
            cells.append(Cell(step, "not needed", 0, 0))
            continue
        done = progress.kept >= progress.promised
        cell_status = "done" if done else ("open" if status == "open" else status)
        at_s = None if progress.at is None else round(progress.at, 3)
        cells.append(Cell(step, cell_status, progress.kept, progress.promised, at_s))
    return BoardRow(flow.flow, instance.name, promises.plant(instance), round(instance.due, 3), status, tuple(cells))
