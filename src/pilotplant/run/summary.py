"""The result of a run from its judgement: verdict, exit code, one sentence, and what the evidence cannot show."""

from collections import Counter

from pilotplant.checks.judge import Judgement
from pilotplant.checks.result import Result
from pilotplant.model.verdict import Exit, Verdict, worst
from pilotplant.run.identity import RunInfo
from pilotplant.scenario.loading import Setup
from pilotplant.scenario.possible import cut_short
from pilotplant.target.model import TargetSpec


def result_of(info: RunInfo, about: str, judgement: Judgement) -> Result:
    """The result of a run."""
    return Result(
        scenario=info.scenario,
        about=about,
        target=info.target,
        mode=info.mode,
        seed=info.seed,
        verdict=judgement.verdict,
        exit=int(exit_of(judgement)),
        summary=summary_of(judgement),
        started=info.started,
        duration_s=info.duration_s,
        counts=judgement.counts,
        checks=judgement.checks,
        findings=judgement.findings,
        doubts=judgement.doubts,
        thresholds=judgement.thresholds,
        figures=(*judgement.figures, *info.model_figures),
        board=judgement.board,
        flows=judgement.flows,
        faults=judgement.faults,
        untested=(*judgement.untested, *info.limits_of_evidence),
        notes=(*info.notes, *judgement.notes),
        data_digest=info.data_digest,
        stimuli_digest=info.stimuli_digest,
        repro=info.repro,
        by_construction=judgement.by_construction,
        load=judgement.load,
    )


def exit_of(judgement: Judgement) -> Exit:
    """The exit code that a judgement stands for."""
    codes = [Exit.PASS]
    if judgement.crashed:
        codes.append(Exit.INTERNAL)
    if any(check.verdict is Verdict.FAIL for check in judgement.checks):
        codes.append(Exit.VIOLATION)
    if judgement.missed:
        codes.append(Exit.THRESHOLD)
    if judgement.verdict is Verdict.UNKNOWN:
        codes.append(Exit.UNKNOWN)
    return worst(codes)


def summary_of(judgement: Judgement) -> str:
    """What happened, in one line."""
    counts = judgement.counts
    stimuli = "1 stimulus" if counts.stimuli == 1 else f"{counts.stimuli} stimuli"
    happened = f"{counts.obligations} promises from {stimuli}, {counts.exchanges} exchanges"
    match judgement.verdict:
        case Verdict.PASS:
            rows = Counter(row.status for row in judgement.board)
            apart = [f"{rows[status]} {words}" for status, words in _APART.items() if rows[status]]
            besides = f" ({', '.join(apart)})" if apart else ""
            if judgement.modelled:
                return f"{happened}; a model keeps every threshold; order and once hold by construction"
            known = sum(bool(finding.accepted) for finding in judgement.findings)
            if known:
                return (
                    f"{happened}; {known} known finding{'s' if known > 1 else ''} accepted, and nothing else{besides}"
                )
            return f"{happened}; everything promised happened, once, in order{besides}"
        case Verdict.FAIL:
            failed = [f"{check.check} {check.findings}" for check in judgement.checks if check.findings]
            missed = sum(threshold.verdict is Verdict.FAIL for threshold in judgement.thresholds)
            if missed:
                failed.append(f"{missed} threshold{'s' if missed > 1 else ''} missed")
            return f"{happened}; {', '.join(failed)}"
        case _:
            return f"{happened}; not everything could be decided"


_APART = {"excused": "refused and taken to the desk", "withdrawn": "withdrawn", "superseded": "superseded"}


def limits_of_evidence(setup: Setup, target: TargetSpec, *, modelled: bool = False) -> list[str]:
    """What a run of this setup cannot prove, whatever happens in it."""
    limits = [*cut_short(setup.scenario), *setup.untested]
    if setup.scenario.speed != 1:
        limits.append("at a speed other than 1 nothing is said about work that depends on the target's own date")
    if modelled:
        limits.append("a model stood in the place of the middleware: nothing is said of what a real one does wrong")
    elif not target.deliveries:
        limits.append("no events are delivered to this target: it is judged by what it reads and sends")
    return limits
