"""The judge: one pass over the ledger, all checks fused, linear, memory bounded by what is open."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pilotplant.checks import thresholds
from pilotplant.checks.case import Case
from pilotplant.checks.check import Check
from pilotplant.checks.finding import CheckResult, Doubt, Finding, Severity
from pilotplant.checks.folds.figures import Figures
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Instance, Promises
from pilotplant.checks.result import BoardRow, Cell, Counts, FaultResult, Figure, ThresholdResult
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import FaultArmed, Record
from pilotplant.model.threshold import read
from pilotplant.model.verdict import Verdict

BOARD_MAX = 500


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
    faults: tuple[FaultResult, ...]
    crashed: tuple[str, ...] = field(default=())
    """Checks that broke: a defect of Pilotplant, never a pass."""


@cache
def checks() -> dict[str, type[Check]]:
    """All checks by name, found by looking at the folder."""
    found: dict[str, type[Check]] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        module = import_module(f"pilotplant.checks.{path.stem}") if path.stem != "__init__" else None
        for value in vars(module).values() if module else ():
            if isinstance(value, type) and issubclass(value, Check) and value is not Check:
                found[value.NAME] = value
    return found


def judge(
    ledger: Ledger,
    flows: Sequence[FlowSpec],
    *,
    target: str = "",
    expressions: Sequence[str] = (),
) -> Judgement:
    """Judge a ledger."""
    case = Case(ledger.header, flows, target=target)
    knowledge, promises = Knowledge(case), Promises(case)
    figures = Figures(case, promises)
    court = [check(case, knowledge, promises) for check in checks().values()]
    dispatch = _Dispatch(ledger.header)
    crashed: dict[str, str] = {}
    for fold in (knowledge, promises, figures):
        dispatch.add(fold.handlers())
    for check in court:
        dispatch.add(_guarded(check, crashed))
    faults: dict[str, int] = {}
    dispatch.add({FaultArmed: (None, lambda record: faults.setdefault(record.fault, 0))})
    seen = dispatch.run(ledger)
    for check in court:
        try:
            if check.NAME not in crashed:
                check.finish()
        except Exception as error:
            crashed[check.NAME] = f"{type(error).__name__}: {error}"
    counts = figures.counts(seen)
    findings = tuple(sorted((f for check in court for f in check.findings), key=_order))
    results = tuple(_result(check, counts, crashed) for check in court)
    counted = _counted(findings, figures, counts)
    judged = tuple(thresholds.judge(read(e), figures, counted) for e in expressions)
    judged += _within(case, figures)
    faults.update(figures.bitten)
    doubts = [doubt for check in court for doubt in check.doubts]
    doubts += _more_doubts(counts, promises, faults)
    return Judgement(
        verdict=_verdict(findings, doubts, judged, crashed),
        missed=any(threshold.verdict is Verdict.FAIL for threshold in judged),
        counts=counts,
        checks=results,
        findings=findings,
        doubts=tuple(doubts),
        thresholds=judged,
        figures=figures.all(),
        board=_board(case, promises),
        faults=tuple(FaultResult(name, times) for name, times in faults.items()),
        crashed=tuple(f"{name}: {why}" for name, why in crashed.items()),
    )


class _Dispatch:
    """By kind of record, and by operation where the kind has one, the handlers to call."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._by_kind: dict[type[Record], list[Callable[[Any], None]]] = {}
        self._by_operation: dict[type[Record], list[list[Callable[[Any], None]]]] = {}

    def add(self, handlers: dict[Any, Any]) -> None:
        for kind, (wants, handle) in handlers.items():
            if "operation" not in kind.__struct_fields__:
                self._by_kind.setdefault(kind, []).append(handle)
                continue
            lists = self._by_operation.setdefault(kind, [[] for _ in self._header.operations])
            for number, named in enumerate(self._header.operations):
                if wants is None or wants(named):
                    lists[number].append(handle)

    def run(self, ledger: Ledger) -> dict[type[Record], int]:
        """Call the handlers, record by record; how many of each kind there were."""
        by_operation, by_kind = self._by_operation, self._by_kind
        none: list[Callable[[Any], None]] = []
        seen: Counter[type[Record]] = Counter()
        for block in ledger.blocks():
            seen.update(map(type, block))
            for record in block:
                kind = record.__class__
                lists = by_operation.get(kind)
                for handle in lists[record.operation] if lists is not None else by_kind.get(kind, none):  # type: ignore[union-attr]
                    handle(record)
        return dict(seen)


def _guarded(check: Check, crashed: dict[str, str]) -> dict[Any, Any]:
    """The handlers of a check, such that one that breaks is noted and silenced instead of ending the judgement."""

    def guard(handle: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(record: Any) -> None:
            try:
                handle(record)
            except Exception as error:
                crashed.setdefault(check.NAME, f"at #{record.seq}: {type(error).__name__}: {error}")

        return call

    return {kind: (wants, guard(handle)) for kind, (wants, handle) in check.handlers().items()}


def _order(finding: Finding) -> tuple[bool, int]:
    return finding.severity is not Severity.FAIL, finding.proof[0].seq if finding.proof else 0


def _result(check: Check, counts: Counts, crashed: dict[str, str]) -> CheckResult:
    failures = sum(finding.severity is Severity.FAIL for finding in check.findings)
    warnings = len(check.findings) - failures
    if check.NAME in crashed:
        sentence = f"the check itself broke ({crashed[check.NAME]})"
        return CheckResult(check.NAME, check.ABOUT, Verdict.UNKNOWN, sentence, failures, warnings)
    if failures:
        sentence = f"{failures} violation{'s' if failures > 1 else ''}"
        return CheckResult(check.NAME, check.ABOUT, Verdict.FAIL, sentence, failures, warnings)
    if check.doubts or not counts.obligations:
        sentence = check.doubts[0].sentence if check.doubts else "nothing happened that it could judge"
        return CheckResult(check.NAME, check.ABOUT, Verdict.UNKNOWN, sentence, 0, warnings)
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
    return tuple(results)


def _more_doubts(counts: Counts, promises: Promises, faults: dict[str, int]) -> list[Doubt]:
    doubts: list[Doubt] = []
    if not counts.obligations:
        sentence = "Nothing happened that a flow promises anything for: the run proves nothing."
        doubts.append(Doubt("run", sentence, "give the scenario stimuli that trigger its flows"))
    for fault, times in faults.items():
        if not times:
            sentence = f"The fault {fault} never bit: nothing matched while it was armed."
            doubts.append(Doubt("faults", sentence, "widen its match, probability or window"))
    settled = promises.settled
    if settled is not None and not settled.settled:
        sentence = f"The estate did not come to rest: {settled.note}."
        doubts.append(
            Doubt("run", sentence, "give the target longer (`quiescence.give_up`), or see what it still does")
        )
    return doubts


def _board(case: Case, promises: Promises) -> tuple[BoardRow, ...]:
    rows = [_row(case, promises, instance, _status(promises, instance)) for instance in promises.instances.values()]
    rows.sort(key=lambda row: (row.status != "open", row.since_s))
    rows += [_row(case, promises, instance, "done") for instance in promises.finished]
    return tuple(rows[:BOARD_MAX])


def _status(promises: Promises, instance: Instance) -> str:
    if instance.withdrawn:
        return "withdrawn"
    if promises.released(instance):
        return "excepted"
    return "open" if promises.missing(instance) else "overtaken"


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
