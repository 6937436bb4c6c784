"""A campaign: many random runs over several processes, in the order of their numbers; what fails is shrunk."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from pilotplant.checks.result import Result
from pilotplant.explore.shrinking import Shrunk, shrunk
from pilotplant.explore.swarm import Drawn, drawn
from pilotplant.explore.trial import Kind, Outcome, kind_of, outcome_of
from pilotplant.faults.fault import Scene
from pilotplant.model.errors import InternalError
from pilotplant.model.verdict import Verdict
from pilotplant.run.request import Progress
from pilotplant.scenario.model import ScenarioSpec

AHEAD = 3
"""Runs that wait for each process, so that none is idle while a slow one is waited for."""

Run = Callable[[ScenarioSpec, int], Outcome]
"""Runs a scenario with a seed; it has to survive the way to another process."""


@dataclass(frozen=True)
class Campaign:
    """What is to be explored."""

    scenario: ScenarioSpec
    seed: int
    runs: int
    scene: Scene | None
    """What faults can strike; nothing for runs without faults."""
    crashes: bool = False
    """Whether the middleware is killed now and then, which only in-process runs can."""
    keep_going: bool = False
    budget: int = 400
    """Runs for shrinking each kind of failure."""
    tries: int = 1
    """How often a smaller scenario is run before it counts as passing: more than once where runs differ."""


@dataclass(frozen=True)
class Found:
    """A kind of failure, and the smallest scenario that shows it."""

    kind: Kind
    drawn: Drawn
    """The smallest of the random runs that showed it."""
    times: int
    shrunk: Shrunk
    result: Result
    """Of the last run that failed: of the smallest scenario, where the failure came again."""

    @property
    def sentence(self) -> str:
        """What the smallest scenario shows."""
        return next(finding.sentence for finding in self.result.findings if kind_of(finding) == self.kind)

    def told(self, seed: int) -> list[str]:
        """What whoever opens the saved scenario wants to know."""
        whole, runs = self.drawn.scenario, self.shrunk.runs
        stimuli = "1 stimulus" if len(whole.stimuli) == 1 else f"{len(whole.stimuli)} stimuli"
        how = f"Run {self.drawn.number} of `pilotplant explore --seed {seed}` had {stimuli} and "
        how += f"{len(whole.faults)} faults; "
        if not runs:
            how += "it was interrupted before anything could be left out."
        elif not self.shrunk.reproduced:
            how += "it did not fail a second time, so this is all of it."
        elif not self.shrunk.finished:
            how += f"this is what {runs} runs could leave out, and there may be more."
        else:
            how += f"{runs} runs showed what can be left out."
        return [f"FAIL {self.kind}: {self.sentence}", how]


@dataclass
class Explored:
    """What a campaign came to."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many runs there were, without those that shrink."""
        return sum(self.verdicts.values())


@dataclass
class _Sighting:
    """The smallest run so far that showed a kind of failure."""

    drawn: Drawn
    outcome: Outcome
    times: int = 0


def explore(
    campaign: Campaign,
    run: Run,
    pool: Executor,
    jobs: int,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_found: Callable[[Found], None] = lambda found: None,
) -> Explored:
    """Run, then shrink what failed. `on_found` is told each failure as soon as it is shrunk; after Ctrl-C, as it is."""
    explored = Explored()
    sightings: dict[Kind, _Sighting] = {}
    try:
        _look(campaign, run, pool, jobs, explored, sightings, on_progress)
        _shrink_all(campaign, run, pool, explored, sightings, on_progress, on_found)
    except KeyboardInterrupt:
        told = {found.kind for found in explored.found}
        for kind, sighting in sightings.items():
            if kind not in told:
                on_found(_as_seen(kind, sighting))
        raise
    return explored


def _look(
    campaign: Campaign,
    run: Run,
    pool: Executor,
    jobs: int,
    explored: Explored,
    sightings: dict[Kind, _Sighting],
    on_progress: Callable[[Progress], None],
) -> None:
    """Make the runs."""
    for each, outcome in _outcomes(campaign, run, pool, jobs):
        explored.verdicts[outcome.verdict] += 1
        explored.doubts.update([outcome.doubt] if outcome.doubt else [])
        failed = f", {explored.verdicts[Verdict.FAIL]} failed" if sightings or outcome.kinds else ""
        on_progress(Progress(f"exploring{failed}", explored.runs, campaign.runs))
        for kind in outcome.kinds:
            sighting = sightings.setdefault(kind, _Sighting(each, outcome))
            sighting.times += 1
            if each.size < sighting.drawn.size:
                sighting.drawn, sighting.outcome = each, outcome
        if sightings and not campaign.keep_going:
            break


def _shrink_all(
    campaign: Campaign,
    run: Run,
    pool: Executor,
    explored: Explored,
    sightings: dict[Kind, _Sighting],
    on_progress: Callable[[Progress], None],
    on_found: Callable[[Found], None],
) -> None:
    shown: set[Kind] = set()
    for kind, sighting in sightings.items():
        # The smallest scenario of one kind often shows others: the same defect, seen by another check.
        if kind not in shown:
            found = _shrink(campaign, kind, sighting, run, pool, on_progress)
            shown.update(outcome_of(found.result).kinds)
            explored.found.append(found)
            on_found(found)


def _as_seen(kind: Kind, sighting: _Sighting) -> Found:
    """A failure that there was no time to shrink."""
    assert sighting.outcome.result is not None
    whole = Shrunk(sighting.drawn.scenario, 0, reproduced=True, finished=False)
    return Found(kind, sighting.drawn, sighting.times, whole, sighting.outcome.result)


def _outcomes(campaign: Campaign, run: Run, pool: Executor, jobs: int) -> Iterator[tuple[Drawn, Outcome]]:
    """The outcomes in order, some of them computed ahead."""
    planned = (
        drawn(campaign.scenario, campaign.seed, number, campaign.scene, crashes=campaign.crashes)
        for number in range(campaign.runs)
    )
    pending: deque[tuple[Drawn, Future[Outcome]]] = deque()
    try:
        for each in planned:
            pending.append((each, pool.submit(run, each.scenario, each.seed)))
            if len(pending) >= jobs * AHEAD:
                first, future = pending.popleft()
                yield first, _result(campaign, first, future)
        for first, future in pending:
            yield first, _result(campaign, first, future)
    finally:
        for _first, future in pending:
            future.cancel()


def _result(campaign: Campaign, drawn: Drawn, future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except InternalError as error:
        raise InternalError(f"in run {drawn.number} of seed {campaign.seed}: {error.message}") from error


def _shrink(
    campaign: Campaign,
    kind: Kind,
    sighting: _Sighting,
    run: Run,
    pool: Executor,
    on_progress: Callable[[Progress], None],
) -> Found:
    assert sighting.outcome.result is not None
    last = sighting.outcome.result

    def fails(scenario: ScenarioSpec) -> bool:
        nonlocal last
        for _ in range(campaign.tries):
            outcome = pool.submit(run, scenario, sighting.drawn.seed).result()
            if kind in outcome.kinds:
                assert outcome.result is not None
                last = outcome.result
                return True
        return False

    def told(runs: int) -> None:
        on_progress(Progress(f"shrinking {kind}", runs, campaign.budget))

    smallest = shrunk(sighting.drawn.scenario, fails, budget=campaign.budget, on_run=told)
    return Found(kind, sighting.drawn, sighting.times, smallest, last)
