"""From a sweep document to runs that can be made: every point with all that it names, loaded and checked."""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from pilotplant import __version__
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError
from pilotplant.resources import Project
from pilotplant.run.whatif import model_of
from pilotplant.scenario.loading import Setup, load_run
from pilotplant.sweep.document import Point, SweepSpec, points_of
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

    def key(self, seed: int) -> str:
        """Names the run of a seed in the cache."""
        return blake2b(f"{self.inputs}|{seed}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Plan:
    """All points of an experiment."""

    spec: SweepSpec
    project: Project
    points: tuple[Planned, ...]

    @classmethod
    def of(cls, project: Project, spec: SweepSpec) -> "Plan":
        """Load and check every point. A mistake in a path or a value is told as `run --set` tells it."""
        target = spec.target or DEFAULT_TARGET
        planned: list[Planned] = []
        for point in points_of(spec):
            (setup,), chosen = load_run(project, [spec.scenario], point.overrides, target)
            planned.append(Planned(point, setup, chosen, _hash(setup, chosen)))
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


def _hash(setup: Setup, target: TargetSpec) -> str:
    told = {
        "engine": engine(),
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
    digest = blake2b(__version__.encode(), digest_size=16)
    package = Path(__file__).resolve().parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
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
