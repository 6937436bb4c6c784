"""A campaign: the reference on every scenario with several seeds, and each defect until its check has named it.

What comes out depends on the runs alone, not on how many processes make them or which of them ends first.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from pilotplant.checks.result import Result
from pilotplant.model.verdict import Verdict
from pilotplant.prove.matrix import Caught, Matrix, Passed
from pilotplant.prove.planted import Planted
from pilotplant.run.request import Progress

THRESHOLDS = "thresholds"
"""The name under which a threshold that was missed, or a deadline, counts as caught."""

Run = Callable[[str, int, str | None], Result]
"""Runs a scenario with a seed against the reference, with a defect or as it is; it has to survive the way to another
process."""


@dataclass(frozen=True)
class Campaign:
    """What is to be proven."""

    scenarios: Sequence[str]
    """On which the reference has to pass."""
    seeds: Sequence[int]
    """With which it has to."""
    defects: Sequence[Planted]
    seeds_max: int
    """How many seeds a defect has to hide: from the first of `seeds` on."""
    known: frozenset[str]
    """The scenarios that there are."""


@dataclass(frozen=True)
class Seen:
    """What of a run counts here; a result may be large."""

    verdict: Verdict
    checks: Mapping[str, str]
    """The checks that found something, warnings included, and the first thing that each of them found."""
    doubt: str


@dataclass
class _Hunt:
    """A defect that is not caught yet."""

    defect: Planted
    seeds: int = 0
    also: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Trial:
    scenario: str
    seed: int
    hunt: _Hunt | None = None


def prove(
    campaign: Campaign,
    run: Run,
    pool: Executor,
    jobs: int,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Matrix:
    """Make all the runs and say what they came to."""
    began = time.monotonic()
    proof = _Proof(campaign)
    todo = deque(proof.trials())
    under_way: dict[Future[Seen], _Trial] = {}
    on_progress(Progress("proving", proof.settled, proof.total))
    try:
        while todo or under_way:
            # No more than there are processes for: what is caught early needs no further seed.
            while todo and len(under_way) < jobs:
                trial = todo.popleft()
                defect = trial.hunt.defect.id if trial.hunt else None
                under_way[pool.submit(observed, run, trial.scenario, trial.seed, defect)] = trial
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                trial = under_way.pop(future)
                if again := proof.note(trial, future.result()):
                    todo.appendleft(again)
                on_progress(Progress("proving", proof.settled, proof.total))
    finally:
        for future in under_way:
            future.cancel()
    return proof.matrix(round(time.monotonic() - began, 3))


def observed(run: Run, scenario: str, seed: int, defect: str | None) -> Seen:
    """Run once, and keep what counts."""
    result = run(scenario, seed, defect)
    checks: dict[str, str] = {}
    for finding in result.findings:
        checks.setdefault(finding.check, finding.sentence)
    for threshold in result.thresholds:
        if threshold.verdict is Verdict.FAIL:
            checks.setdefault(THRESHOLDS, threshold.sentence)
    return Seen(result.verdict, checks, result.doubts[0].sentence if result.doubts else "")


class _Proof:
    """The runs that are still to be made, and what those that were made have shown."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._alarms: dict[tuple[int, int], str] = {}
        self._doubts: dict[tuple[int, int], str] = {}
        self._caught: dict[str, Caught] = {}
        self._runs = 0
        self.settled = 0
        """What is through: runs of the reference, and defects."""
        self.total = len(campaign.scenarios) * len(campaign.seeds) + len(campaign.defects)

    def trials(self) -> Iterator[_Trial]:
        """What is to be run at first."""
        campaign = self._campaign
        for scenario in campaign.scenarios:
            yield from (_Trial(scenario, seed) for seed in campaign.seeds)
        for defect in campaign.defects:
            if defect.scenario in campaign.known:
                yield _Trial(defect.scenario, campaign.seeds[0], _Hunt(defect))
            else:
                self._conclude(_Hunt(defect), caught=False, why=f"the project has no scenario {defect.scenario}")

    def note(self, trial: _Trial, seen: Seen) -> _Trial | None:
        """Take note of a run; the run that has to follow, if any."""
        if trial.hunt is None:
            self._note_reference(trial, seen)
            return None
        return self._note_defect(trial, trial.hunt, seen)

    def _note_reference(self, trial: _Trial, seen: Seen) -> None:
        self.settled += 1
        self._runs += 1
        order = (self._campaign.scenarios.index(trial.scenario), trial.seed)
        where = f"{trial.scenario}, seed {trial.seed}"
        if seen.checks:
            check, sentence = next(iter(seen.checks.items()))
            self._alarms[order] = f"{where}: {check}: {sentence}"
        elif seen.verdict is not Verdict.PASS:
            self._doubts[order] = f"{where}: {seen.doubt or 'not everything could be decided'}"

    def _note_defect(self, trial: _Trial, hunt: _Hunt, seen: Seen) -> _Trial | None:
        hunt.seeds += 1
        hunt.also |= dict.fromkeys(check for check in seen.checks if check != hunt.defect.check)
        if hunt.defect.check in seen.checks:
            self._conclude(hunt, caught=True, why=seen.checks[hunt.defect.check])
        elif hunt.seeds >= self._campaign.seeds_max:
            self._conclude(hunt, caught=False, why=seen.doubt)
        else:
            return _Trial(trial.scenario, trial.seed + 1, hunt)
        return None

    def _conclude(self, hunt: _Hunt, *, caught: bool, why: str) -> None:
        self.settled += 1
        defect = hunt.defect
        self._caught[defect.id] = Caught(
            id=defect.id,
            name=defect.name,
            caught=caught,
            check=defect.check,
            scenario=defect.scenario,
            seeds=hunt.seeds,
            also=tuple(sorted(hunt.also)),
            why=why,
        )

    def matrix(self, elapsed_s: float) -> Matrix:
        """What it all came to."""
        return Matrix(
            Passed(self._runs, len(self._alarms), len(self._doubts)),
            tuple(self._caught[defect.id] for defect in self._campaign.defects),
            elapsed_s,
            alarms=tuple(self._alarms[order] for order in sorted(self._alarms)),
            doubts=tuple(self._doubts[order] for order in sorted(self._doubts)),
        )
