"""One sentence about a run, and what its evidence cannot show."""

from pilotplant.checks.judge import Judgement
from pilotplant.model.verdict import Verdict
from pilotplant.scenario.loading import Setup
from pilotplant.target.model import TargetSpec


def summary_of(judgement: Judgement) -> str:
    """What happened, in one line."""
    counts = judgement.counts
    happened = f"{counts.obligations} promises from {counts.stimuli} stimuli, {counts.exchanges} exchanges"
    match judgement.verdict:
        case Verdict.PASS:
            return f"{happened}; everything promised happened, once, in order"
        case Verdict.FAIL:
            failed = [f"{check.check} {check.findings}" for check in judgement.checks if check.findings]
            missed = sum(threshold.verdict is Verdict.FAIL for threshold in judgement.thresholds)
            if missed:
                failed.append(f"{missed} threshold{'s' if missed > 1 else ''} missed")
            return f"{happened}; {', '.join(failed)}"
        case _:
            return f"{happened}; not everything could be decided"


def limits_of_evidence(setup: Setup, target: TargetSpec) -> list[str]:
    """What a run of this setup cannot prove, whatever happens in it."""
    limits = list(setup.untested)
    if setup.scenario.speed != 1:
        limits.append("at a speed other than 1 nothing is said about work that depends on the target's own date")
    if target.deliver is None:
        limits.append("no events are delivered to this target: it is judged by what it reads and sends")
    return limits
