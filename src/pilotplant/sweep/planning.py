"""From a sweep document to runs that can be made: every point with all that it names, loaded and checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from pilotplant import __version__
from pilotplant.dataset.tables import content_of
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError
from pilotplant.resources import Project
from pilotplant.run.whatif import model_of
from pilotplant.scenario.loading import EstateSetup, Setup, load_run
from pilotplant.sweep.document import Point, SweepSpec, points_of
from pilotplant.sweep.measuring import Task
from pilotplant.target.model import TargetSpec

DEFAULT_TARGET = "reference"


@dataclass(frozen=True)
class Planned:
    """A point and what it is a run of."""

    point: Point
    setup: Setup
    target: TargetSpec
    inputs: str
    """A hash of everything that its runs depend on, but the seed."""
    data: str = ""
    """A hash of the project's own tables, where the estate has them in place of generated ones."""

    def key(self, seed: int) -> str:
        """Names the run of a seed in the cache."""
        return blake2b(f"{self.inputs}|{seed}".encode(), digest_size=16).hexdigest()

    def task(self, project: Project, seed: int, folder: str = "") -> Task:
        """The run of a seed, to be made by somebody."""
        return Task(self.key(seed), seed, project, self.setup, self.target, self.data, folder)


@dataclass(frozen=True)
class Plan:
    """All points of an experiment."""

    spec: SweepSpec
    project: Project
    points: tuple[Planned, ...]

    @classmethod
    def of(cls, project: Project, spec: SweepSpec) -> "Plan":
        """Load and check every point. A mistake in a path or a value is told as `run --set` tells it."""
        target, own = spec.target or DEFAULT_TARGET, own_systems(project)
        planned: list[Planned] = []
        read: dict[Path, str] = {}
        for point in points_of(spec):
            (setup,), chosen = load_run(project, [spec.scenario], point.overrides, target)
            data = _content(setup.setup, read)
            planned.append(Planned(point, setup, chosen, _hash(setup, chosen, data + own), data))
        return cls(spec, project, tuple(planned))

    @property
    def key(self) -> str:
        """A hash of the whole experiment."""
        told = "|".join((self.spec.model_dump_json(), *(planned.inputs for planned in self.points)))
        return blake2b(told.encode(), digest_size=6).hexdigest()

    def command(self, point: Point, seed: int) -> str:
        """The command that makes one run of a point by itself."""
        from shlex import join

        words = ["pilotplant", "run", self.spec.scenario, "--mode", "whatif"]
        if self.spec.target:
            words += ["--target", self.spec.target]
        words += ["--seed", str(seed)]
        for override in point.overrides:
            words += ["--set", override]
        return join(words)


def _content(setup: EstateSetup, read: dict[Path, str]) -> str:
    """A hash of the estate's own tables, each folder read once."""
    if not setup.estate.data.from_:
        return ""
    folder = setup.root / setup.estate.data.from_
    if folder not in read:
        read[folder] = content_of(folder)
    return read[folder]


def _hash(setup: Setup, target: TargetSpec, own: str) -> str:
    told = {
        "engine": engine(),
        "own": own,
        "scenario": setup.scenario.model_dump(mode="json", by_alias=True),
        "estate": setup.setup.estate.model_dump(mode="json"),
        "profiles": {name: profile.model_dump(mode="json") for name, profile in setup.setup.profiles.items()},
        "flows": [flow.model_dump(mode="json") for flow in setup.flows],
        "model": model_of(setup, target).model_dump(mode="json"),
        "declares": target.declares.model_dump(mode="json"),
    }
    return blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()


@cache
def engine() -> str:
    """A hash of the engine itself: what another version of it came to is not what this one would."""
    package = Path(__file__).resolve().parents[1]
    return _code(package, package.rglob("*.py"))


def own_systems(project: Project) -> str:
    """A hash of the systems that a project brings itself."""
    return _code(project.root, project.root.glob("simulators/*/*.py"))


def _code(root: Path, paths: Iterable[Path]) -> str:
    digest = blake2b(__version__.encode(), digest_size=16)
    for path in sorted(paths):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def validate_studies(project: Project) -> list[str]:
    """Check every study of the project with all that it names; returns what was checked."""
    problems = Problems()
    for path in project.names("studies").values():
        try:
            Plan.of(project, Document.read(path).validate(SweepSpec))
        except DocumentError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    return [f"studies/{name}" for name in project.names("studies")]
