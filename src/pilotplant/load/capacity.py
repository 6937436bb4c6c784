"""Finds the rate up to which a middleware keeps up, and stays correct: the knee, what binds there, and how it recovers.

Rates are held one after the other, each in a run of its own with a fresh target. A rate holds if the thresholds hold,
no check convicts, and the backlog does not grow. First the rate doubles until it does not hold; then what was finished
a second while it was too much says where to look, and the gap between the highest that held and the lowest that did
not is closed to the precision that is wanted. On a machine that others use a rate misses now and then that holds
otherwise: so what did not hold is tried again, and two trials of three decide. A check that convicts needs no second
trial: wrong is wrong.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from pilotplant.checks.load_result import Curve, LoadResult
from pilotplant.checks.result import Result
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.load.arrivals.constant import Constant
from pilotplant.load.binding import Binding, binding, sustained_by_limits
from pilotplant.load.model import CapacitySpec, LoadSpec
from pilotplant.model.verdict import Exit, Verdict

RATES_MAX = 14
TRIALS = 3
"""How often a rate is tried at most; the majority decides."""
CONVICTED = "convicted"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One rate that was held for a while."""

    rate: float
    held: bool
    why: str
    """Why it did not hold."""
    verdict: Verdict
    convicted: bool
    """Whether a check found a violation: not slow, but wrong."""
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
    sustained_per_s: float | None
    """What the declared limits allow for good, where that is less than the knee."""
    relative: bool
    """Whether service times are assumptions: then the knee compares middlewares, and says nothing of a real system."""
    recovery_s: float | None
    """After the lowest rate that did not hold: how long until all that had piled up was finished."""
    verdict: Verdict
    exit: int
    summary: str
    attempts: tuple[Attempt, ...]


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
    load = result.load
    assert load is not None, "a run under load has a load result"
    growth = _growth(load)
    convicted = any(check.verdict is Verdict.FAIL for check in result.checks)
    why = _broken(result, load, growth, rate, spec, convicted)
    return Attempt(
        rate=rate,
        held=not why,
        why=why,
        verdict=result.verdict,
        convicted=convicted,
        finished_per_s=load.finished_in_window_per_s,
        growth_per_s=round(growth, 3),
        drained_s=load.drained_s,
        latencies=tuple((each.name, each.at(50.0), each.at(95.0), each.at(99.0)) for each in load.latencies),
        binding=binding(load),
        backlog=next(curve for curve in load.curves if curve.name == "open"),
        run=run,
    )


def _broken(result: Result, load: LoadResult, growth: float, rate: float, spec: CapacitySpec, convicted: bool) -> str:
    if load.happened < load.planned:
        return "not all arrivals happened"
    if convicted:
        names = [check.check for check in result.checks if check.verdict is Verdict.FAIL]
        return f"{CONVICTED}: {', '.join(names)}"
    missed = [each for each in result.thresholds if each.verdict is not Verdict.PASS]
    if missed:
        return f"{missed[0].expression}: {missed[0].sentence}"
    if growth > spec.growth_max * rate:
        return f"the backlog grew by {growth:.2f} a second"
    return ""


def _growth(load: LoadResult) -> float:
    """By how much the backlog grew a second while it arrived: a straight line through its last two thirds."""
    curve = next(each for each in load.curves if each.name == "open")
    values = curve.values[: max(3, int(load.window_s / curve.step_s))]
    values = values[len(values) // 3 :]
    if len(values) < 2:
        return 0.0
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((position - middle) ** 2 for position in range(len(values)))
    slope = sum((position - middle) * (value - mean) for position, value in enumerate(values)) / spread
    return slope / curve.step_s


def search(spec: CapacitySpec, attempt: Callable[[float], Attempt]) -> list[Attempt]:
    """Try rates until the knee is known to the wanted precision; one attempt for each rate, the one that decided."""
    tried: list[Attempt] = []
    for rate in _rates(spec, tried):
        tried.append(_decided(rate, attempt))
        if len(tried) >= RATES_MAX:
            break
    return tried


def _decided(rate: float, attempt: Callable[[float], Attempt]) -> Attempt:
    """What the majority of the trials of a rate says. The first that holds, or is wrong, needs no other."""
    trials = [attempt(rate)]
    if not trials[0].held and not trials[0].convicted:
        trials.append(attempt(rate))
        if trials[1].held:
            trials.append(attempt(rate))
    return msgspec.structs.replace(trials[-1], trials=tuple(each.held for each in trials))


def _rates(spec: CapacitySpec, tried: Sequence[Attempt]) -> Iterator[float]:
    rate = spec.from_
    while True:
        yield _tidy(rate)
        low, high = highest_held(tried), lowest_broken(tried)
        if high is None:
            if rate >= spec.to:
                return
            rate = min(spec.to, 2 * rate)
        elif low is None:
            if high.rate < spec.from_ / 64:
                return
            rate = min(high.rate / 2, 0.95 * high.finished_per_s) if high.finished_per_s else high.rate / 4
        elif high.rate / low.rate - 1 <= spec.precision:
            return
        else:
            rate = _between(low, high, spec.precision)


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
    bound = high.binding if high is not None else Binding("none", "everything that was tried held")
    implied = sustained_by_limits(last, profiles) if last is not None else None
    sustained = None
    if implied is not None and low is not None and implied[0] < low.rate:
        sustained = round(implied[0], 3)
        bound = Binding(implied[1].partition(" (")[0], f"for longer than its window: {implied[1]}")
    relative = any(not spec.calibrated for spec in profiles.values())
    exit_ = _exit(tried, low, high, bound)
    verdict = {Exit.PASS: Verdict.PASS, Exit.UNKNOWN: Verdict.UNKNOWN}.get(exit_, Verdict.FAIL)
    return Capacity(
        profile=profile.load,
        target=target,
        seed=seed,
        knee_per_s=low.rate if low else None,
        broken_per_s=high.rate if high else None,
        saturated_per_s=high.finished_per_s if high else None,
        binding=bound,
        sustained_per_s=sustained,
        relative=relative,
        recovery_s=high.drained_s if high else None,
        verdict=verdict,
        exit=int(exit_),
        summary=_summary(low, high, bound, sustained, relative),
        attempts=tuple(sorted(tried, key=lambda each: each.rate)),
    )


def _exit(tried: Sequence[Attempt], low: Attempt | None, high: Attempt | None, bound: Binding) -> Exit:
    if any(each.convicted for each in tried):
        return Exit.VIOLATION
    if low is None:
        return Exit.THRESHOLD
    if high is not None and bound.resource == "harness":
        return Exit.UNKNOWN
    return Exit.PASS


def _summary(low: Attempt | None, high: Attempt | None, bound: Binding, sustained: float | None, relative: bool) -> str:
    if low is None:
        return f"not even {high.rate:g} arrivals a second held: {high.why}" if high else "nothing was tried"
    if high is None:
        return f"{low.rate:g} arrivals a second held, and nothing faster was to be tried"
    apart = 100 * (high.rate / low.rate - 1)
    told = f"{low.rate:g} arrivals a second held, {high.rate:g} did not, {apart:.1f} % more ({high.why})"
    told += f"; what binds is: {bound.resource}"
    if sustained is not None:
        told += f"; for longer than a short run its limits allow {sustained:g} a second"
    return told + (" (relative: the service times of the profiles are assumptions)" if relative else "")
