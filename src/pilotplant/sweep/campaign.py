"""Makes the runs of an experiment, on processes or a cluster, with common random numbers, until it is certain enough.

Replication r of every point has seed `seed + r`: the same data, arrivals, and draws. So points differ by their
parameters alone, and differences between them need few replications.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field

from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.run.request import Progress
from pilotplant.sweep.cache import Cache
from pilotplant.sweep.measuring import Measurement, measure
from pilotplant.sweep.planning import Plan, Planned
from pilotplant.sweep.statistics import Estimate, estimate

TRUSTED = 10
"""With fewer replications no point stops because it is certain: two that happen to be alike say nothing of their error,
and who looks again and again stops too soon."""
AHEAD = 3
"""So many runs are handed out for each process: none is idle, and few are lost when somebody interrupts."""


@dataclass
class Explored:
    """What an experiment came to."""

    plan: Plan
    runs: dict[int, list[Measurement]] = field(default_factory=dict)
    """By point, one for each replication, in the order of seeds."""
    made: int = 0
    cached: int = 0
    folder: str = ""
    """Where its runs write what nobody keeps."""
    checked: bool = False
    """Whether what is asked for was measured."""

    def samples(self, point: int, metric: str) -> list[float]:
        """The values of a metric over the replications of a point, where it was measured."""
        return [run.metrics[metric] for run in self.runs[point] if metric in run.metrics]

    def estimate(self, point: int, metric: str) -> Estimate | None:
        """The mean of a metric at a point; nothing where it was never measured."""
        samples = self.samples(point, metric)
        return estimate(samples) if samples else None

    def share(self, point: int, verdict: str) -> float:
        """The share of runs with this verdict."""
        runs = self.runs[point]
        return sum(run.verdict == verdict for run in runs) / len(runs)

    @property
    def uncertain(self) -> list[int]:
        """Points whose error is larger than was asked for, though all their replications were made."""
        return [planned.point.number for planned in self.plan.points if not _certain(self, planned)]


def explore(
    plan: Plan,
    cache: Cache,
    executor: Executor,
    jobs: int,
    on_progress: Callable[[Progress], None],
    folder: str = "",
) -> Explored:
    """Make all runs that the cache does not know; what they write goes into the folder, if there is one."""
    explored = Explored(plan, {planned.point.number: [] for planned in plan.points}, folder=folder)
    spec = plan.spec.replications
    _make(explored, cache, executor, jobs, on_progress, list(_first_round(plan)))
    for replication in range(spec.min, spec.max):
        may_stop = spec.until_rel_error is not None and replication >= TRUSTED
        wanted = [planned for planned in plan.points if not (may_stop and _certain(explored, planned))]
        if not wanted:
            break
        seed = plan.spec.seed + replication
        _make(explored, cache, executor, jobs, on_progress, [(planned, seed) for planned in wanted])
    return explored


def _first_round(plan: Plan) -> Iterator[tuple[Planned, int]]:
    """Seed by seed, so that the points of one seed share their data."""
    for replication in range(plan.spec.replications.min):
        for planned in plan.points:
            yield planned, plan.spec.seed + replication


def _certain(explored: Explored, planned: Planned) -> bool:
    """Whether the first metric is known well enough at a point."""
    spec = explored.plan.spec
    wanted = spec.replications.until_rel_error
    if wanted is None:
        return True
    found = explored.estimate(planned.point.number, spec.metrics[0])
    return found is not None and found.relative <= wanted


def _make(
    explored: Explored,
    cache: Cache,
    executor: Executor,
    jobs: int,
    on_progress: Callable[[Progress], None],
    wanted: list[tuple[Planned, int]],
) -> None:
    """Make these runs, each once, and file them in the order in which they are wanted."""
    found: dict[str, Measurement] = {}
    left: list[tuple[Planned, int]] = []
    asked: set[str] = set()
    for planned, seed in wanted:
        key = planned.key(seed)
        known = cache.get(key)
        if known is not None:
            found[key] = known
            explored.cached += 1
        elif key not in asked:
            asked.add(key)
            left.append((planned, seed))
    if not explored.checked and not left:
        _check_metrics(explored, found.values())
    _hand_out(explored, cache, executor, jobs, on_progress, left, found)
    for planned, seed in wanted:
        explored.runs[planned.point.number].append(found[planned.key(seed)])


def _hand_out(
    explored: Explored,
    cache: Cache,
    executor: Executor,
    jobs: int,
    on_progress: Callable[[Progress], None],
    left: list[tuple[Planned, int]],
    found: dict[str, Measurement],
) -> None:
    """Keep every process busy, and keep what comes back at once."""
    total, done = len(left), 0
    handing = iter(left)
    open_: set[Future[Measurement]] = set()
    try:
        while True:
            while len(open_) < jobs * AHEAD and (following := next(handing, None)) is not None:
                planned, seed = following
                open_.add(executor.submit(measure, planned.task(explored.plan.project, seed, explored.folder)))
            if not open_:
                return
            for future in wait(open_, return_when=FIRST_COMPLETED).done:
                measurement = future.result()
                cache.put(measurement)
                open_.discard(future)
                found[measurement.key] = measurement
                done += 1
                explored.made += 1
            if not explored.checked and explored.plan.first <= found.keys():
                _check_metrics(explored, found.values())
            on_progress(Progress("running", done, total))
    except BaseException:
        _keep_what_is_done(cache, open_)
        raise


def _keep_what_is_done(cache: Cache, open_: set[Future[Measurement]]) -> None:
    """What had come back when something broke off is not lost. Where that cannot be written either, what broke off is
    what is told."""
    for future in open_:
        if not future.done():
            future.cancel()
        elif not future.cancelled() and future.exception() is None and cache.get(future.result().key) is None:
            with suppress(OSError):
                cache.put(future.result())


def _check_metrics(explored: Explored, measured: Iterable[Measurement]) -> None:
    """Every metric must be one that was measured at some point, or it is a mistake."""
    known = sorted({name for run in measured for name in run.metrics})
    for metric in explored.plan.spec.metrics:
        if metric not in known:
            raise UsageError(
                f"no run measured `{metric}`{did_you_mean(metric, known)}", help=f"They measured {listed(known)}."
            )
    explored.checked = True
