"""A load profile against a target, from start to verdict."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from pilotplant.checks.load_result import LoadResult
from pilotplant.load.capacity import Attempt, highest_held, judged, search, steady
from pilotplant.load.conclusion import Capacity, conclude, unfinished
from pilotplant.load.drivers import Drivers, Locusts, refuse_without_locust
from pilotplant.load.driving import Driving
from pilotplant.load.loading import LoadSetup
from pilotplant.load.model import LoadSpec
from pilotplant.load.plan import planned
from pilotplant.run.request import Finished, RunRequest
from pilotplant.run.running import run


@dataclass(frozen=True)
class Where:
    """Where the drivers are: so many processes here, and, where `master` is given, so many expected from elsewhere."""

    workers: int = 1
    master: tuple[str, int] | None = None
    remote: int = 0
    token: str = ""
    address: str = "127.0.0.1"
    """Where the estate listens."""
    processes: bool = False
    """Whether each system is reached in a process of its own."""


def locusts(where: Where, directory: Path) -> Drivers:
    """The drivers of a load, as processes of Locust."""
    refuse_without_locust()
    return Locusts(where.workers, directory, token=where.token, master=where.master, remote=where.remote)


def driving_of(request: RunRequest, load: LoadSetup, drivers: Drivers) -> Driving:
    """What drives a run of this profile."""
    return Driving(load.profile, planned(load.profile, request.seed), drivers, request.on_progress)


def written(profile: LoadSpec, directory: Path) -> Path:
    """The profile as a document in a directory: what a run that is part of a search is made from."""
    content = profile.model_dump(mode="json", by_alias=True, exclude_none=True)
    path = directory / "profile.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def find_capacity(
    load: LoadSetup,
    target: str,
    seed: int,
    attempt: Callable[[LoadSetup, str], Finished],
    on_attempt: Callable[[Capacity], None] | None = None,
) -> Capacity:
    """Search for the knee. `attempt` runs a profile against a fresh target in a directory of that name.

    `on_attempt` is told after each rate what the search has come to, should it not be finished; and on Ctrl-C.
    """
    results: dict[str, LoadResult | None] = {}
    spec = load.profile.capacity
    decided: list[Attempt] = []
    rates: list[float] = []

    def hold(rate: float) -> Attempt:
        rates.append(rate)
        name = f"{len(results) + 1:02d}-rate-{rate:g}"
        finished = attempt(load.with_profile(steady(load.profile, rate, spec.hold)), name)
        results[name] = finished.result.load
        return judged(rate, finished.result, spec, name)

    def so_far(tried: list[Attempt]) -> Capacity:
        best = highest_held(tried)
        last = results[best.run] if best is not None else None
        return conclude(load.profile, target, seed, tried, last, load.setup.setup.profiles)

    def note(tried: list[Attempt]) -> None:
        decided[:] = tried
        if on_attempt is not None:
            on_attempt(unfinished(so_far(tried)))

    try:
        return so_far(search(spec, hold, note))
    except KeyboardInterrupt:
        if on_attempt is not None and rates:
            on_attempt(unfinished(so_far(decided), at=rates[-1]))
        raise


def run_load(request: RunRequest, load: LoadSetup, driving: Driving) -> Finished:
    """Run the profile and judge what came of it."""
    configured = replace(
        request,
        setup=load.setup,
        command="load",
        more={"load": load.profile.model_dump(mode="json", by_alias=True)},
    )
    return run(configured, driving.act)
