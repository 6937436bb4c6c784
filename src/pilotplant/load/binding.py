"""Which resource keeps an overloaded run from carrying more: said from what the ledger shows, with the figures.

this machine      it kept harness or drivers waiting for a processor: the figures are those of the machine
the harness       it told arrivals late, or used up its processor: the figures say nothing of the middleware
a limit           a system refused requests because there were too many
taking events     events waited for the target to take them
a job queue       what a system had accepted waited there to be done
a service time    the target kept as many requests open at a system as it ever does, and waited for their answers
the target        none of these: what arrived was delivered, and nothing was open anywhere but in the target itself
"""

from collections.abc import Mapping

import msgspec

from pilotplant.checks.load_result import MACHINE_HELP, LoadResult, SystemLoad
from pilotplant.exchange.limits.limit import LimitSpec
from pilotplant.exchange.profile import ProfileSpec

HARNESS, MACHINE = "harness", "this machine"
OURS = frozenset((HARNESS, MACHINE))
"""What says nothing of a middleware."""
LATE_S = 0.25
"""A harness that tells more than one arrival of a hundred so late is itself what limits."""
BUSY = 0.9
"""Of a processor."""
LIMITED = 0.01
"""Share of requests that were refused by limits."""
OCCUPIED = 0.75
"""Share of the requests that the target ever had open at a system, that were open all the time."""
DELIVERY_S = 0.2


class Binding(msgspec.Struct, frozen=True):
    """The resource, and how that shows."""

    resource: str
    why: str


def binding(load: LoadResult) -> Binding:
    """What kept this run from carrying more."""
    ours = _machine(load) or _harness(load)
    return ours or _limit(load) or _delivery(load) or _jobs(load) or _service(load) or _target(load)


def _machine(load: LoadResult) -> Binding | None:
    """Before the harness: one that had to wait is late, and it is not its own fault."""
    waited = load.kept_waiting
    return Binding(MACHINE, f"{waited}; it would help to {MACHINE_HELP}") if waited else None


def _harness(load: LoadResult) -> Binding | None:
    late_s, share = load.lag.at(99.0), load.busiest(HARNESS)
    if late_s < LATE_S and share < BUSY:
        return None
    told = f"arrivals were told p99 {late_s:.2f} s after their moments"
    return Binding(HARNESS, f"{told}, the harness used {100 * share:.0f} % of a processor")


def _limit(load: LoadResult) -> Binding | None:
    worst = max(load.systems, key=lambda system: system.limited / max(system.exchanges, 1), default=None)
    if worst is None or worst.limited < LIMITED * worst.exchanges:
        return None
    return Binding(
        f"limit of {worst.system}", f"{worst.limited:,} of {worst.exchanges:,} requests were refused as too many"
    )


def _delivery(load: LoadResult) -> Binding | None:
    waited_s = load.delivery.at(50.0)
    if waited_s < DELIVERY_S:
        return None
    return Binding("target: taking events", f"half of the events waited {waited_s:.2f} s or longer to be taken")


def _jobs(load: LoadResult) -> Binding | None:
    worst = max(load.systems, key=lambda system: system.jobs_mean, default=None)
    waiting = load.curve("open")
    mean = sum(waiting) / len(waiting) if waiting else 0.0
    if worst is None or worst.jobs_mean < 1 or worst.jobs_mean < mean / 2:
        return None
    why = f"{worst.jobs_mean:.1f} accepted jobs waited or ran there on average, while {mean:.1f} flows were open"
    return Binding(f"job queue of {worst.system}", why)


def _service(load: LoadResult) -> Binding | None:
    worst = max(load.systems, key=_occupied, default=None)
    if worst is None or _occupied(worst) < OCCUPIED:
        return None
    why = (
        f"the target had {worst.open_mean:.1f} requests open there on average and never more than {worst.open_max}; "
        f"an answer took {worst.answer_ms_mean:.0f} ms"
    )
    return Binding(f"service time of {worst.system}", why)


def _occupied(system: SystemLoad) -> float:
    return system.open_mean / system.open_max if system.open_max else 0.0


def _target(load: LoadResult) -> Binding:
    busiest = max(load.systems, key=lambda system: system.open_mean, default=None)
    share = load.share("target")
    told = [f"events waited {1000 * load.delivery.at(50.0):.0f} ms to be taken"]
    if busiest is not None:
        told.append(f"it kept {busiest.open_mean:.2f} requests open at {busiest.system} on average")
    waited = next((used.waited for used in load.used if used.process == "target"), -1.0)
    if waited >= 0.01:
        told.append(f"its threads waited for a processor for {100 * waited:.0f} % of the run")
    if share >= BUSY:
        return Binding("target: its processor", f"it used {100 * share:.0f} % of a processor; {', '.join(told)}")
    if share >= 0:
        told.append(f"it used {100 * share:.0f} % of a processor")
    return Binding("target", f"work waited inside it: {', '.join(told)}")


def by_itself(load: LoadResult, took_s: float) -> Binding:
    """What takes so long where less load makes nothing faster: nothing waits in line, so it is what a step takes."""
    ours = _machine(load) or _harness(load)
    if ours is not None:
        return ours
    steps = [(system.job_p95_s, _job(system)) for system in load.systems]
    steps += [(system.answer_ms_mean / 1000, _answer(system)) for system in load.systems]
    longest_s, told = max(steps, key=lambda step: step[0], default=(0.0, None))
    if told is not None and longest_s >= took_s / 2:
        return told
    known = f"; outside of it the longest step was {told.why}" if told is not None and longest_s >= 0.001 else ""
    return Binding("target", f"less load makes it no faster, so nothing waits in line: it takes its time{known}")


def _job(system: SystemLoad) -> Binding:
    why = f"{system.job}, from accepted to done, took {system.job_p50_s:.2f} s (p50) to {system.job_p95_s:.2f} s (p95)"
    return Binding(f"duration of work at {system.system}", f"{why}, whatever the load")


def _answer(system: SystemLoad) -> Binding:
    why = f"an answer of {system.system} took {system.answer_ms_mean:.0f} ms on average, whatever the load"
    return Binding(f"service time of {system.system}", why)


def sustained_by_limits(load: LoadResult, profiles: Mapping[str, ProfileSpec]) -> tuple[float, str] | None:
    """How many flows a second the declared limits allow for good, whatever a short run gets away with; and which limit.

    A window of five minutes does not show in a run of ten seconds.
    """
    allowed: list[tuple[float, str]] = []
    for system in load.systems:
        profile = profiles.get(system.system) or profiles.get(system.system.partition("@")[0])
        if profile is None or not load.finished or not system.exchanges:
            continue
        each = system.exchanges / load.finished
        allowed += [
            (per_s / each, f"limit of {system.system} ({_named(limit)}; {each:.2f} requests for each flow)")
            for limit in profile.limits
            if (per_s := _per_second(limit)) is not None
        ]
    return min(allowed, default=None)


def _per_second(limit: LimitSpec) -> float | None:
    """How many requests a second a limit allows for good; nothing where it does not count requests over time."""
    requests, per_s = getattr(limit, "requests", None), getattr(limit, "per_s", None)
    if per_s is None or getattr(limit, "seconds", None) is not None:
        return None
    return float(requests / per_s) if requests is not None else float(per_s)


def _named(limit: LimitSpec) -> str:
    requests, per_s = getattr(limit, "requests", None), getattr(limit, "per_s", None)
    return f"{limit.KIND}, {requests:,} in {per_s:g} s" if requests is not None else f"{limit.KIND}, {per_s:g} a second"
