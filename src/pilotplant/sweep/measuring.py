"""One run of a point: it leaves nothing behind but its figures. It can be sent to another process or computer."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from pilotplant.checks.result import Result
from pilotplant.model.errors import InternalError, UsageError
from pilotplant.model.verdict import Verdict
from pilotplant.resources import Project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.preparation import Data, generate_data
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import EstateSetup, Setup
from pilotplant.sweep.loaded import refuse_another, tables_of
from pilotplant.systems import catalog
from pilotplant.target.model import TargetSpec

_DATA_KEPT = 16


class Measurement(msgspec.Struct, frozen=True):
    """What a run came to."""

    key: str
    seed: int
    metrics: dict[str, float]
    verdict: str
    missed: tuple[str, ...] = ()
    """Thresholds that were not kept."""
    unknown: tuple[str, ...] = ()
    """Thresholds of which nothing was measured."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """A run to be made."""

    key: str
    seed: int
    project: Project
    setup: Setup
    target: TargetSpec
    engine: str
    """Hashes of what it is to be made with: the engine, and the project's own systems."""
    own: str
    data: str = ""
    """A hash of the project's own tables."""
    folder: str = ""
    """Where to write: it is cleared away by whoever hands out the tasks. Absent on another computer."""


def measure(task: Task) -> Measurement:
    """Make the run. What it writes goes to a folder for temporary files, and is removed."""
    catalog.include(task.project.root)
    refuse_another(task.project.root, task.engine, task.own)
    above = task.folder if task.folder and Path(task.folder).is_dir() else None
    with TemporaryDirectory(prefix="pilotplant-sweep-", dir=above, ignore_cleanup_errors=True) as folder:
        finished = run(
            RunRequest(
                task.project,
                task.setup,
                task.target,
                task.seed,
                only_null_target,
                "whatif",
                directory=Path(folder),
                data=data_of(task),
            )
        )
    if finished.crashed:
        raise InternalError(f"a check broke: {finished.crashed[0]}")
    result = finished.result
    missed, unknown = (
        tuple(threshold.expression for threshold in result.thresholds if threshold.verdict is verdict)
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN)
    )
    metrics = metrics_of(result, finished.settled)
    return Measurement(task.key, task.seed, metrics, str(result.verdict), missed, unknown, result.notes)


def data_of(task: Task) -> Data:
    """The data of a task's estate."""
    return _data(_Hashed(task.setup.setup, task.data), task.seed)


def metrics_of(result: Result, settled: bool) -> dict[str, float]:
    """The figures of the whole estate by name, and how much happened."""
    counts = msgspec.structs.asdict(result.counts)
    found = {name: float(value) for name, value in counts.items()}
    found |= {figure.name: figure.value for figure in result.figures if not figure.plant}
    found["facts_lost"] = float(sum(finding.check == "completeness" for finding in result.findings))
    found["thresholds_missed"] = float(sum(threshold.verdict == "fail" for threshold in result.thresholds))
    found["settled"] = float(settled)
    return found


class _Hashed:
    """An estate as the key of its data: what they are generated from, or what the tables hold that they are read
    from."""

    def __init__(self, setup: EstateSetup, content: str) -> None:
        self.setup = setup
        self.content = content
        self._plan = (setup.estate.plan(), content)

    def __hash__(self) -> int:
        return hash(self._plan)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self._plan == other._plan


@lru_cache(maxsize=_DATA_KEPT)
def _data(estate: _Hashed, seed: int) -> Data:
    """Points of one seed share their data: nobody changes them."""
    if estate.content != tables_of(estate.setup):
        raise UsageError(
            f"the tables in {estate.setup.estate.data.from_} are others than when the runs were planned",
            help="The same command plans them anew; on a cluster bring the same tables to its workers.",
        )
    return generate_data(estate.setup, seed)
