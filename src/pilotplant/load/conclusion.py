"""What a search for capacity comes to: the knee, what binds there, for how long it can be held, and the verdict."""

from collections.abc import Mapping, Sequence

import msgspec

from pilotplant.checks.load_result import LoadResult
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.load.arrivals.constant import Constant
from pilotplant.load.binding import OURS, Binding, sustained_by_limits
from pilotplant.load.capacity import Attempt, highest_held, lowest_broken, lowest_rate, steady, unmoved
from pilotplant.load.model import LoadSpec
from pilotplant.model.verdict import Exit, Verdict


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
    """After the lowest rate that did not hold: how long until all was finished. Nothing where nothing piled up."""
    verdict: Verdict
    exit: int
    summary: str
    attempts: tuple[Attempt, ...]
    finished: bool = True
    """Whether the search came to its end."""
    held_as: str = ""
    """What a rate was held as, which is not what the profile says of its arrivals."""
    command: str = ""
    """What searches again."""


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
    bound = _bound(tried, high)
    implied = sustained_by_limits(last, profiles) if last is not None else None
    sustained = sustained_by = None
    broken = high if high is not None and not high.undecided else None
    if implied is not None and low is not None and implied[0] < low.rate:
        sustained = float(f"{implied[0]:.3g}")
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
        recovery_s=broken.drained_s if broken and not unmoved(tried) else None,
        verdict=verdict,
        exit=int(exit_),
        summary=_summary(_knee(profile, tried, bound, relative), sustained),
        attempts=tuple(sorted(tried, key=lambda each: each.rate)),
        held_as=_held_as(profile),
    )


def _held_as(profile: LoadSpec) -> str:
    shapes = sorted({each.shape for each in profile.arrivals} - {Constant.SHAPE})
    hold_s = profile.capacity.hold
    told = f"each rate was held for {hold_s:g} s, arrivals evenly spaced"
    told += f" (of {' and '.join(shapes)} in the profile only the mix counts)" if shapes else ""
    give_up_s = steady(profile, 1.0, hold_s).quiescence.give_up
    return f"{told}; what was not at rest {give_up_s:g} s after was given up"


_VERDICTS = {Exit.PASS: Verdict.PASS, Exit.UNKNOWN: Verdict.UNKNOWN, Exit.INTERNAL: Verdict.UNKNOWN}


def _bound(tried: Sequence[Attempt], high: Attempt | None) -> Binding:
    if high is None:
        return Binding("none", "everything that was tried held" if tried else "nothing was tried to its end")
    if unmoved(tried) and high.by_itself is not None:
        return high.by_itself
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


def unfinished(capacity: Capacity, *, at: float | None = None) -> Capacity:
    """What a search had come to when it was broken off; by whoever pressed Ctrl-C, if it is said `at` which rate."""
    convicted = any(each.convicted for each in capacity.attempts)
    exit_ = Exit(capacity.exit) if capacity.exit in (Exit.VIOLATION, Exit.INTERNAL) else Exit.UNKNOWN
    where = "" if at is None else f" (broken off while {at:g} a second was tried)"
    return msgspec.structs.replace(
        capacity,
        finished=False,
        summary=f"the search was not finished{where}; so far: {capacity.summary}",
        exit=int(exit_ if at is None else Exit.INTERRUPTED),
        verdict=Verdict.FAIL if convicted else Verdict.UNKNOWN,
    )


def _summary(told: str, sustained: float | None) -> str:
    return told if sustained is None else f"{told}; for longer than a short run its limits allow {sustained:g} a second"


def _knee(profile: LoadSpec, tried: Sequence[Attempt], bound: Binding, relative: bool) -> str:
    low, high = highest_held(tried), lowest_broken(tried)
    if high is not None and high.undecided:
        told = f"whether {high.rate:g} arrivals a second hold cannot be said: {high.undecided}"
        return told if low is None else f"{low.rate:g} arrivals a second held; {told}"
    if low is None:
        return _nothing_held(profile, tried, high) if high is not None else "nothing was tried to its end"
    if high is None:
        faster = "and nothing faster was to be tried" if low.rate >= profile.capacity.to else "nothing faster was tried"
        return f"{low.rate:g} arrivals a second held, {faster}"
    apart = 100 * (high.rate / low.rate - 1)
    told = f"{low.rate:g} arrivals a second held, {high.rate:g} did not, {apart:.1f} % more ({high.why})"
    told += f"; what binds is: {bound.resource}"
    return told + (" (relative: the service times of the profiles are assumptions)" if relative else "")


def _nothing_held(profile: LoadSpec, tried: Sequence[Attempt], high: Attempt) -> str:
    """Not how low a rate would have to be, where it is not the rate, or where too few would arrive to say so."""
    told = f"not even {high.rate:g} arrivals a second held: {high.why}"
    if unmoved(tried):
        faster = sorted(each.rate for each in tried)[1]
        told += f"; at {faster:g} a second it was not much slower, so it is hardly the load"
        return f"{told}, and no lower rate was tried"
    if high.rate <= lowest_rate(profile.capacity):
        return f"{told}; for fewer to say anything each would have to be held longer than {profile.capacity.hold:g} s"
    return told
