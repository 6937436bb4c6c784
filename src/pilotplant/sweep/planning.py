"""From a sweep document to runs that can be made: every point with all that it names, loaded and checked."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import msgspec

from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError
from pilotplant.resources import Project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import refuse_other_modes
from pilotplant.run.whatif import model_of, with_modelled_flows
from pilotplant.scenario.loading import EstateSetup, Setup, load_run
from pilotplant.sweep.document import Point, SweepSpec, points_of
from pilotplant.sweep.loaded import engine, own_systems, tables_of
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
    own: str = ""
    """A hash of the project's own systems."""
    left_out: tuple[str, ...] = ()
    """Steps of flows that its runs do not carry out, and why."""

    def key(self, seed: int) -> str:
        """Names the run of a seed in the cache."""
        return blake2b(f"{self.inputs}|{seed}".encode(), digest_size=16).hexdigest()

    def task(self, project: Project, seed: int, folder: str = "") -> Task:
        """The run of a seed, to be made by somebody."""
        return Task(self.key(seed), seed, project, self.setup, self.target, engine(), self.own, self.data, folder)


@dataclass(frozen=True)
class Plan:
    """All points of an experiment."""

    spec: SweepSpec
    project: Project
    points: tuple[Planned, ...]

    @classmethod
    def of(cls, project: Project, spec: SweepSpec) -> "Plan":
        """Load and check every point, as far as the start of a run would. A mistake in a path or a value is told as
        `run --set` tells it."""
        spec = spec if spec.target else spec.model_copy(update={"target": DEFAULT_TARGET})
        own = own_systems(project.root)
        planned: list[Planned] = []
        read: dict[Path, str] = {}
        for point in points_of(spec):
            (setup,), chosen = load_run(project, [spec.scenario], point.overrides, spec.target)
            left_out = _left_out(RunRequest(project, setup, chosen, 0, only_null_target, "whatif"))
            data = _content(setup.setup, read)
            inputs = _hash(setup, chosen, data + own)
            planned.append(Planned(point, setup, chosen, inputs, data, own, left_out))
        return cls(spec, project, tuple(planned))

    @property
    def key(self) -> str:
        """A hash of the whole experiment."""
        told = "|".join((self.spec.model_dump_json(), *(planned.inputs for planned in self.points)))
        return blake2b(told.encode(), digest_size=6).hexdigest()

    @cached_property
    def first(self) -> frozenset[str]:
        """The keys of the first run of each point."""
        return frozenset(planned.key(self.spec.seed) for planned in self.points)

    def command(self, point: Point, seed: int) -> str:
        """The command that makes one run of a point by itself."""
        from shlex import join

        words = ["pilotplant", "run", self.spec.scenario, "--mode", "whatif"]
        words += ["--target", self.spec.target, "--seed", str(seed)]
        for override in point.overrides:
            words += ["--set", override]
        return join(words)


def _left_out(request: RunRequest) -> tuple[str, ...]:
    """What a run would leave out. Raises where it would not even begin."""
    refuse_other_modes(request)
    return tuple(with_modelled_flows(request).setup.untested)


def _content(setup: EstateSetup, read: dict[Path, str]) -> str:
    """A hash of the estate's own tables, each folder read once."""
    folder = setup.root / (setup.estate.data.from_ or "")
    if folder not in read:
        read[folder] = tables_of(setup)
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


def validate_studies(project: Project, target: str = DEFAULT_TARGET) -> list[str]:
    """Check every study of the project with all that it names; returns what was checked. The target is whose model is
    meant where a study names none."""
    problems = Problems()
    for path in project.names("studies").values():
        try:
            spec = Document.read(path).validate(SweepSpec)
            Plan.of(project, spec.model_copy(update={"target": spec.target or target}))
        except DocumentError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    return [f"studies/{name}" for name in project.names("studies")]
