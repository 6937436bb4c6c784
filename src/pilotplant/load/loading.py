"""From a name to a checked load profile, with its estate and flows; all problems come at once, each with its place."""

from dataclasses import dataclass, replace

from pilotplant.load.model import LoadSpec
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError
from pilotplant.resources import Project
from pilotplant.scenario.loading import Setup, check_parameters, check_parts, load_target
from pilotplant.systems import catalog
from pilotplant.target.model import TargetSpec


@dataclass(frozen=True)
class LoadSetup:
    """A load profile and everything that a run of it is made from."""

    profile: LoadSpec
    setup: Setup

    def with_profile(self, profile: LoadSpec) -> "LoadSetup":
        """The same with another profile for the same estate and flows."""
        return LoadSetup(profile, replace(self.setup, scenario=profile.scenario()))


def load_profile(project: Project, name: str) -> LoadSetup:
    """A load profile with all that it names."""
    problems = Problems()
    found = _profile(project, name, problems)
    problems.raise_if_any()
    assert found is not None
    return found


def load_profile_and_target(project: Project, name: str, target: str) -> tuple[LoadSetup, TargetSpec]:
    """A load profile and a target; the problems of both are reported together."""
    problems = Problems()
    found = _profile(project, name, problems)
    chosen: TargetSpec | None = None
    try:
        chosen = load_target(project, target)
    except DocumentError as error:
        problems.extend(error.problems)
    problems.raise_if_any()
    assert found is not None and chosen is not None
    return found, chosen


def validate_profiles(project: Project) -> list[str]:
    """Check every load profile of the project; returns what was checked."""
    problems = Problems()
    names = list(project.names("loadtests"))
    for name in names:
        _profile(project, name, problems)
    problems.raise_if_any()
    return [f"loadtests/{name}" for name in names]


def _profile(project: Project, name: str, problems: Problems) -> LoadSetup | None:
    catalog.include(project.root)
    try:
        document = Document.read(project.find("loadtests", name))
    except DocumentError as error:
        problems.extend(error.problems)
        return None
    profile: LoadSpec | None = None
    try:
        profile = document.validate(LoadSpec)
    except DocumentError as error:
        problems.extend(error.problems)
    setup, flows = check_parts(project, document, problems)
    if profile is None or setup is None:
        return None
    check_parameters(document, profile.arrivals, "arrivals", problems)
    return LoadSetup(profile, Setup(profile.scenario(), setup, flows))
