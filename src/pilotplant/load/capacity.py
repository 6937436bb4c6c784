"""Finds the rate up to which a middleware keeps up, and stays correct: the knee, what binds there, and how it recovers.

Rates are held one after the other, each in a run of its own with a fresh target. A rate holds if the thresholds hold,
no check convicts, and the backlog does not grow. First the rate doubles until it does not hold; then what was finished
a second while it was too much says where to look, and the gap between the highest that held and the lowest that did
not is closed to the precision that is wanted. On a machine that others use a rate misses now and then that holds
otherwise: so what did not hold is tried again, and two trials of three decide. A check that convicts needs no second
trial: wrong is wrong.

A trial of which nothing can be said counts neither way: a driver died, the harness was late or had no processor,
arrivals could not happen, the judge had a doubt. Where that leaves the knee open, the verdict is unknown, and never the
target's.
"""

from collections.abc import Callable, Iterator, Sequence
from math import floor, log10

import msgspec

from pilotplant.checks.load_result import Curve, LoadResult
from pilotplant.checks.result import Result, ThresholdResult
from pilotplant.load.arrivals.constant import Constant
from pilotplant.load.binding import MACHINE, OURS, Binding, binding, by_itself
from pilotplant.load.model import CapacitySpec, LoadSpec
from pilotplant.model.verdict import Exit, Verdict

RATES_MAX = 14
TRIALS = 3
"""How often a rate is tried at most; the majority decides."""
CONVICTED = "convicted"
HANDFUL = 5
"""A rate of which fewer arrivals are held says nothing."""
PILING_UP = 0.25
"""If the backlog grows by more than this share of what is begun, waiting in line is what takes long."""
CLEARLY_LESS = 0.75
UNMOVED = 0.8
"""What is left of a latency when clearly less arrives, if it is not the load that makes it."""
IMPOSSIBLE_MAX = 0.01
"""If more than this share of the arrivals came to nothing, the rate was never held."""
_NO_BACKLOG = Curve("open", "", 1.0, ())


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One rate that was held for a while."""

    rate: float
    held: bool
    why: str
    """Why it did not hold."""
    verdict: Verdict
    convicted: bool
    """Whether a check found a violation: not slow, but wrong."""
    undecided: str = ""
    """Why nothing can be said of it; then it neither held nor did not."""
    crashed: bool = False
    """Whether the judge itself failed."""
    finished_per_s: float
    """Counted in arrivals, of which one may begin several instances of flows, so that it compares with the rate."""
    growth_per_s: float
    drained_s: float
    latencies: tuple[tuple[str, float, float, float], ...]
    """Flow, p50, p95 and p99 in seconds."""
    binding: Binding
    backlog: Curve
    run: str
    """The directory of the run."""
    instances_each: float = 1.0
    """How many instances of flows an arrival began."""
    missed: str = ""
    """The threshold that was missed, and what was measured for it."""
    measured: float = 0.0
    piled_up: bool = False
    """Whether much more was begun than was finished: then waiting in line is what takes long."""
    by_itself: Binding | None = None
    """What takes long even where nothing waits in line, if a threshold was missed."""
    trials: tuple[bool, ...] = ()
    """Which trials of this rate held, in their order; one that held at once has no other."""


def steady(profile: LoadSpec, rate: float, hold_s: float) -> LoadSpec:
    """The profile's mix of arrivals at a constant rate."""
    total = sum(arrivals.expected for arrivals in profile.arrivals)
    arrivals = [
        Constant.model_validate(
            {
                "do": each.do,
                "shape": "constant",
                "rate": rate * each.expected / total,
                "for": hold_s,
                "with": each.with_,
                "key": each.key,
            }
        )
        for each in profile.arrivals
    ]
    give_up = max(profile.quiescence.give_up, 8 * hold_s)
    quiescence = profile.quiescence.model_copy(update={"give_up": give_up})
    return profile.model_copy(update={"arrivals": arrivals, "quiescence": quiescence})


def judged(rate: float, result: Result, spec: CapacitySpec, run: str) -> Attempt:
    """Whether a rate held, from what its run came to."""
    load, growth = result.load, _growth(result.load)
    each = load.begun / load.happened if load and load.begun and load.happened else 1.0
    begun_per_s = load.begun / load.window_s if load is not None else rate
    bound = binding(load) if load is not None else Binding("none", "nothing was driven")
    convicted = [check.check for check in result.checks if check.verdict is Verdict.FAIL]
    undecided = why = ""
    if convicted:
        why = f"{CONVICTED}: {', '.join(convicted)}"
    elif not (undecided := _spoiled(result)):
        why = _broken(result, growth, max(rate, begun_per_s), spec)
        undecided = _doubted(result, bound, why)
    missed = next(_missed(result), None) if why and not convicted else None
    return Attempt(
        rate=rate,
        held=not why and not undecided,
        why=undecided or why,
        verdict=result.verdict,
        convicted=bool(convicted),
        undecided=undecided,
        crashed=result.exit == Exit.INTERNAL,
        finished_per_s=round(load.finished_in_window_per_s / each, 3) if load else 0.0,
        growth_per_s=round(growth, 3),
        drained_s=load.drained_s if load else 0.0,
        latencies=tuple((flow.name, flow.at(50.0), flow.at(95.0), flow.at(99.0)) for flow in load.latencies)
        if load
        else (),
        binding=bound,
        backlog=next((curve for curve in load.curves if curve.name == "open"), _NO_BACKLOG) if load else _NO_BACKLOG,
        run=run,
        missed=missed.expression if missed else "",
        measured=(missed.value or 0.0) if missed else 0.0,
        instances_each=round(each, 3),
        piled_up=growth > PILING_UP * begun_per_s,
        by_itself=by_itself(load, missed.value or 0.0) if load and missed else None,
    )


def _spoiled(result: Result) -> str:
    """Why the rate was not held by whoever was to hold it."""
    load = result.load
    if result.exit == Exit.INTERNAL:
        return "the judge itself failed"
    if load is None:
        return "nothing was driven"
    if load.target_died:
        return ""
    if load.undriven:
        return load.undriven
    if load.happened < load.planned:
        return f"{load.planned - load.happened:,} of {load.planned:,} arrivals never happened"
    if load.impossible > IMPOSSIBLE_MAX * load.planned:
        return (
            f"{load.impossible:,} of {load.planned:,} arrivals came to nothing: there was nothing to do, or a refusal"
        )
    return ""


def _missed(result: Result) -> Iterator[ThresholdResult]:
    return (each for each in result.thresholds if each.verdict is Verdict.FAIL)


def _broken(result: Result, growth: float, begun_per_s: float, spec: CapacitySpec) -> str:
    """How it shows that the target did not keep up."""
    if result.load is not None and result.load.target_died:
        return result.load.target_died
    missed = next(_missed(result), None)
    if missed is not None:
        return f"{missed.expression}: {missed.sentence}"
    if growth > spec.growth_max * begun_per_s:
        return f"the backlog grew by {growth:.2f} a second"
    return ""


def _doubted(result: Result, bound: Binding, broken: str) -> str:
    """Why what it came to proves nothing. What was kept although the harness was late, was kept all the same."""
    if broken:
        if bound.resource not in OURS:
            return ""
        return bound.why if bound.resource == MACHINE else f"the harness itself did not keep up: {bound.why}"
    if result.verdict is not Verdict.UNKNOWN:
        return ""
    unknown = [each.sentence for each in result.thresholds if each.verdict is Verdict.UNKNOWN]
    told = [doubt.sentence for doubt in result.doubts] + unknown
    return told[0] if told else "the verdict of the run is unknown"


def _growth(load: LoadResult | None) -> float:
    """By how much the backlog grew a second while it arrived: a straight line through its last two thirds."""
    curve = next((each for each in load.curves if each.name == "open"), None) if load is not None else None
    if load is None or curve is None:
        return 0.0
    values = curve.values[: max(3, int(load.window_s / curve.step_s))]
    values = values[len(values) // 3 :]
    if len(values) < 2:
        return 0.0
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((position - middle) ** 2 for position in range(len(values)))
    slope = sum((position - middle) * (value - mean) for position, value in enumerate(values)) / spread
    return slope / curve.step_s


def search(
    spec: CapacitySpec, attempt: Callable[[float], Attempt], on_decided: Callable[[list[Attempt]], None] | None = None
) -> list[Attempt]:
    """Try rates until the knee is known to the wanted precision; one attempt for each rate, the one that decided.

    `on_decided` is told of all of them after each.
    """
    tried: list[Attempt] = []
    while len(tried) < RATES_MAX:
        rate = _next_rate(spec, tried)
        if rate is not None:
            tried.append(_decided([attempt(rate)], attempt))
        elif (lonely := highest_held(tried)) is not None and len(lonely.trials) < 2:  # the knee is not one trial's
            again = _decided([lonely, attempt(lonely.rate)], attempt)
            tried[tried.index(lonely)] = again
        else:
            break
        if on_decided is not None:
            on_decided(tried)
        if tried[-1].crashed:
            break
    return tried


def _decided(trials: list[Attempt], attempt: Callable[[float], Attempt]) -> Attempt:
    """What the majority of the trials of a rate says. The first that holds, or is wrong, needs no other for now."""
    while len(trials) < TRIALS and not _settled(trials):
        trials.append(attempt(trials[0].rate))
    says = next((each for each in trials if each.convicted or each.crashed), None) or _majority(trials)
    return msgspec.structs.replace(says, trials=tuple(each.held for each in trials))


def _settled(trials: Sequence[Attempt]) -> bool:
    last, held = trials[-1], sum(each.held for each in trials)
    broke = sum(not each.held and not each.undecided for each in trials)
    return last.convicted or last.crashed or held > 1 or broke > 1 or (last.held and not broke)


def _majority(trials: Sequence[Attempt]) -> Attempt:
    """The last trial of those that agree; where it is one against one, nothing can be said."""
    held = [each for each in trials if each.held]
    undecided = [each for each in trials if each.undecided]
    broke = [each for each in trials if not each.held and not each.undecided]
    if len(held) > len(broke):
        return held[-1]
    if len(broke) > max(len(held), 1) or not undecided:
        return broke[-1]
    return undecided[-1]


def _next_rate(spec: CapacitySpec, tried: Sequence[Attempt]) -> float | None:
    """The rate to try next, if there is one."""
    low, high = highest_held(tried), lowest_broken(tried)
    if high is None:
        fastest = max((each.rate for each in tried), default=spec.from_ / 2)
        if fastest < spec.to:
            return min(spec.to, 2 * fastest)
    elif low is None:
        lowest = lowest_rate(spec)
        if high.rate > lowest and not high.undecided and not unmoved(tried):
            less = min(high.rate / 2, 0.95 * high.finished_per_s) if high.finished_per_s else high.rate / 4
            return max(_tidy(less, spec.precision), lowest)
    elif high.rate / low.rate - 1 > spec.precision:
        return _tidy(_between(low, high, spec.precision), spec.precision)
    return None


def lowest_rate(spec: CapacitySpec) -> float:
    """Where `from` does not hold, the search goes down to this: below, too few arrive while a rate is held."""
    return min(spec.from_, max(spec.from_ / 64, HANDFUL / spec.hold))


def unmoved(tried: Sequence[Attempt]) -> bool:
    """Whether clearly less misses the same threshold by as much, and nothing piles up: then it is hardly the load."""
    broken = sorted((each for each in tried if not each.held and not each.undecided), key=lambda each: each.rate)
    if len(broken) < 2 or highest_held(tried) is not None:
        return False
    lower, higher = broken[:2]
    same = lower.missed == higher.missed != "" and lower.rate <= CLEARLY_LESS * higher.rate
    return same and not (lower.piled_up or higher.piled_up) and lower.measured >= UNMOVED * higher.measured


def _tidy(rate: float, precision: float) -> float:
    """No more digits than the search can tell apart; downwards, since a step must not be longer than the precision."""
    digits = 3 if precision >= 0.04 else 4
    unit = 10.0 ** (floor(log10(rate)) + 1 - digits)
    return float(f"{floor(round(rate / unit, 6)) * unit:.{digits}g}")


def _between(low: Attempt, high: Attempt, precision: float) -> float:
    """First just below what was finished a second when it was too much; then a step at a time; else the middle."""
    guess = high.finished_per_s
    below, step = _tidy(guess * (1 - precision / 2), precision), low.rate * (1 + 0.98 * precision)
    piled_up = guess < 0.97 * high.rate  # else it did not hold for another reason, and says nothing of where to look
    if piled_up and low.rate < below < high.rate:
        return below
    if piled_up and below <= low.rate < 1.5 * guess and step < high.rate:
        return step
    return float((low.rate * high.rate) ** 0.5)


def lowest_broken(tried: Sequence[Attempt]) -> Attempt | None:
    """The lowest rate that did not hold."""
    return min((each for each in tried if not each.held), key=lambda each: each.rate, default=None)


def highest_held(tried: Sequence[Attempt]) -> Attempt | None:
    """The highest rate that held, below all that did not."""
    broken = lowest_broken(tried)
    below = (each for each in tried if each.held and (broken is None or each.rate < broken.rate))
    return max(below, key=lambda each: each.rate, default=None)
