"""Events that nobody can force: what was asked for and never answered, and since when."""

from math import inf

from pilotplant.checks.case import Case
from pilotplant.checks.folds.instance import Instance, Promise


def silent(case: Case, instance: Instance) -> list[Promise]:
    """Events that a flow knows may never come, and for which everything was done: they were asked for."""
    on_silence = case.flows[instance.flow].on_silence
    if on_silence is None:
        return []
    waiting = [promise for promise in instance.open if promise.terms.step in on_silence.of]
    return [promise for promise in waiting if asked_at(promise) < inf]


def asked_at(promise: Promise) -> float:
    """When the last was done that an event waits for; never, where something of that is still to be done."""
    steps = [promise.instance.steps[step] for step, _effect, _version in promise.after]
    undone = any(progress.kept < progress.promised or progress.at is None for progress in steps)
    return inf if undone or not steps else max(progress.at or 0.0 for progress in steps)


def unanswered(case: Case, instance: Instance, t: float) -> bool:
    """Whether an answer was awaited for as long as the target declares to wait, and has not come."""
    patience_s = case.declares.answer_patience
    asked = [asked_at(promise) for promise in silent(case, instance)] if patience_s else []
    return any(t - at >= 0.9 * patience_s for at in asked)
