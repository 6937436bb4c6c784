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

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pilotplant.checks.load_result import Curve, LoadResult
from pilotplant.checks.result import Result
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.load.arrivals.constant import Constant
from pilotplant.load.binding import MACHINE, OURS, Binding, binding, sustained_by_limits
from pilotplant.load.model import CapacitySpec, LoadSpec
from pilotplant.model.verdict import Exit, Verdict

RATES_MAX = 14
TRIALS = 3
"""How often a rate is tried at most; the majority decides."""
CONVICTED = "convicted"
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
    growth_per_s: float
    drained_s: float
    latencies: tuple[tuple[str, float, float, float], ...]
    """Flow, p50, p95 and p99 in seconds."""
    binding: Binding
    backlog: Curve
    run: str
    """The directory of the run."""
    trials: tuple[bool, ...] = ()
    """Which trials of this rate held, in their order; one that held at once has no other."""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to."""

    profile: str
    target: str
    seed: int
    knee_per_s: float | None
    """The highest rate that held; nothing where none did."""
    broken_per_s: float | None
    """The lowest rate that did not hold; nothing where all did."""
    saturated_per_s: float | None
    """What was finished a second while more arrived."""
    binding: Binding
    """What kept the lowest rate that did not hold from holding: it says nothing of how long the knee can be held."""
    sustained_per_s: float | None
    """What the declared limits allow for good, where that is less than the knee."""
    sustained_by: Binding | None = None
    """Which limit that is."""
    relative: bool
    """Whether service times are assumptions: then the knee compares middlewares, and says nothing of a real system."""
    recovery_s: float | None
    """After the lowest rate that did not hold: how long until all that had piled up was finished."""
    verdict: Verdict
    exit: int
    summary: str
    attempts: tuple[Attempt, ...]
    finished: bool = True
    """Whether the search came to its end."""


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
    bound = binding(load) if load is not None else Binding("none", "nothing was driven")
    convicted = [check.check for check in result.checks if check.verdict is Verdict.FAIL]
    undecided = why = ""
    if convicted:
        why = f"{CONVICTED}: {', '.join(convicted)}"
    elif not (undecided := _spoiled(result)):
        why = _broken(result, growth, rate, spec)
        undecided = _doubted(result, bound, why)
    return Attempt(
        rate=rate,
        held=not why and not undecided,
        why=undecided or why,
        verdict=result.verdict,
        convicted=bool(convicted),
        undecided=undecided,
        crashed=result.exit == Exit.INTERNAL,
        finished_per_s=load.finished_in_window_per_s if load else 0.0,
        growth_per_s=round(growth, 3),
        drained_s=load.drained_s if load else 0.0,
        latencies=tuple((each.name, each.at(50.0), each.at(95.0), each.at(99.0)) for each in load.latencies)
        if load
        else (),
        binding=bound,
        backlog=next((curve for curve in load.curves if curve.name == "open"), _NO_BACKLOG) if load else _NO_BACKLOG,
        run=run,
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


def _broken(result: Result, growth: float, rate: float, spec: CapacitySpec) -> str:
    """How it shows that the target did not keep up."""
    if result.load is not None and result.load.target_died:
        return result.load.target_died
    missed = [each for each in result.thresholds if each.verdict is Verdict.FAIL]
    if missed:
        return f"{missed[0].expression}: {missed[0].sentence}"
    if growth > spec.growth_max * rate:
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
            return _tidy(min(spec.to, 2 * fastest))
    elif low is None:
        if high.rate >= spec.from_ / 64 and not high.undecided:
            return _tidy(min(high.rate / 2, 0.95 * high.finished_per_s) if high.finished_per_s else high.rate / 4)
    elif high.rate / low.rate - 1 > spec.precision:
        return _tidy(_between(low, high, spec.precision))
    return None


def _tidy(rate: float) -> float:
    return round(rate, 3)


def _between(low: Attempt, high: Attempt, precision: float) -> float:
    """First just below what was finished a second when it was too much; then a step at a time; else the middle."""
    guess = high.finished_per_s
    below, step = _tidy(guess * (1 - precision / 2)), low.rate * (1 + 0.98 * precision)
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


def conclude(
    profile: LoadSpec,
    target: str,
    seed: int,
    tried: Sequence[Attempt],
    last: LoadResult | None,
    profiles: Mapping[str, ProfileSpec],
) -> Capacity:
    """What the attempts come to. `last`: the load of the highest rate that held."""
    low, high = highest_held(tried), lowest_broken(tried)
    bound = _bound(high)
    implied = sustained_by_limits(last, profiles) if last is not None else None
    sustained = sustained_by = None
    broken = high if high is not None and not high.undecided else None
    if implied is not None and low is not None and implied[0] < low.rate:
        sustained = round(implied[0], 3)
        sustained_by = Binding(implied[1].partition(" (")[0], implied[1])
    relative = any(not spec.calibrated for spec in profiles.values())
    exit_ = _exit(tried, low, high)
    verdict = _VERDICTS.get(exit_, Verdict.FAIL)
    return Capacity(
        profile=profile.load,
        target=target,
        seed=seed,
        knee_per_s=low.rate if low else None,
        broken_per_s=broken.rate if broken else None,
        saturated_per_s=broken.finished_per_s if broken else None,
        binding=bound,
        sustained_per_s=sustained,
        sustained_by=sustained_by,
        relative=relative,
        recovery_s=broken.drained_s if broken else None,
        verdict=verdict,
        exit=int(exit_),
        summary=_summary(low, high, bound, sustained, relative),
        attempts=tuple(sorted(tried, key=lambda each: each.rate)),
    )


_VERDICTS = {Exit.PASS: Verdict.PASS, Exit.UNKNOWN: Verdict.UNKNOWN, Exit.INTERNAL: Verdict.UNKNOWN}


def _bound(high: Attempt | None) -> Binding:
    if high is None:
        return Binding("none", "everything that was tried held")
    if high.undecided and high.binding.resource not in OURS:
        return Binding("not known", high.undecided)
    return high.binding


def _exit(tried: Sequence[Attempt], low: Attempt | None, high: Attempt | None) -> Exit:
    if any(each.crashed for each in tried):
        return Exit.INTERNAL
    if any(each.convicted for each in tried):
        return Exit.VIOLATION
    if high is not None and (high.undecided or high.binding.resource in OURS):
        return Exit.UNKNOWN
    return Exit.THRESHOLD if low is None else Exit.PASS


def unfinished(capacity: Capacity) -> Capacity:
    """What a search had come to when it was broken off."""
    summary = f"the search was not finished; so far: {capacity.summary}"
    exit_ = Exit(capacity.exit) if capacity.exit in (Exit.VIOLATION, Exit.INTERNAL) else Exit.UNKNOWN
    return msgspec.structs.replace(
        capacity, finished=False, summary=summary, exit=int(exit_), verdict=_VERDICTS.get(exit_, Verdict.FAIL)
    )


def _summary(low: Attempt | None, high: Attempt | None, bound: Binding, sustained: float | None, relative: bool) -> str:
    told = _knee(low, high, bound, relative)
    return told if sustained is None else f"{told}; for longer than a short run its limits allow {sustained:g} a second"


def _knee(low: Attempt | None, high: Attempt | None, bound: Binding, relative: bool) -> str:
    if high is not None and high.undecided:
        told = f"whether {high.rate:g} arrivals a second hold cannot be said: {high.undecided}"
        return told if low is None else f"{low.rate:g} arrivals a second held; {told}"
    if low is None:
        return f"not even {high.rate:g} arrivals a second held: {high.why}" if high else "nothing was tried"
    if high is None:
        return f"{low.rate:g} arrivals a second held, and nothing faster was to be tried"
    apart = 100 * (high.rate / low.rate - 1)
    told = f"{low.rate:g} arrivals a second held, {high.rate:g} did not, {apart:.1f} % more ({high.why})"
    told += f"; what binds is: {bound.resource}"
    return told + (" (relative: the service times of the profiles are assumptions)" if relative else "")
