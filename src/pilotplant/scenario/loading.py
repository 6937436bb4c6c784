"""From names to checked documents: a scenario with its estate, profiles and flows; a target. All problems come at
once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from pilotplant.exchange.profile import ProfileSpec
from pilotplant.flows.checking import Flaw, absent_systems, flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.model.threshold import read as read_threshold
from pilotplant.resources import Kind, Project
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.scenario.overrides import overridden
from pilotplant.systems import catalog
from pilotplant.systems.estate import EstateSpec
from pilotplant.target.model import DeliverSpec, TargetSpec

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True)
class EstateSetup:
    """An estate and the profiles of its systems, by kind."""

    estate: EstateSpec
    profiles: dict[str, ProfileSpec]


@dataclass(frozen=True)
class Setup:
    """Everything that a run of a scenario is made from."""

    scenario: ScenarioSpec
    setup: EstateSetup
    flows: list[FlowSpec]

    @property
    def untested(self) -> list[str]:
        """Steps of flows whose systems this estate does not have."""
        kinds = self.setup.estate.systems
        return [
            f"{flow.flow}: {step} (the estate has no such system)"
            for flow in self.flows
            for step in absent_systems(flow, kinds)
        ]


def load_estate(project: Project, name: str) -> EstateSetup:
    """An estate with its profiles."""
    problems = Problems()
    setup = _estate(project, name, problems)
    problems.raise_if_any()
    assert setup is not None
    return setup


def load_scenario(project: Project, name: str) -> Setup:
    """A scenario with everything that it names."""
    return load_scenarios(project, [name], [])[0]


def load_scenarios(project: Project, names: Iterable[str], overrides: Iterable[str]) -> list[Setup]:
    """Several scenarios, each with `a.b=c` overrides applied; the problems of all of them are reported together."""
    problems = Problems()
    setups = [_scenario(project, project.find("scenarios", name), tuple(overrides), problems) for name in names]
    problems.raise_if_any()
    return [setup for setup in setups if setup is not None]


def validate_all(project: Project) -> list[str]:
    """Check every document of the project; returns what was checked."""
    problems = Problems()
    checked: list[str] = []
    for path in project.names("scenarios").values():
        _scenario(project, path, (), problems)
    for name in project.names("estates"):
        _estate(project, name, problems)
    for name in project.names("flows"):
        _flow(project, name, problems)
    for path in project.names("profiles").values():
        _read(path, ProfileSpec, problems)
    for name in project.names("targets"):
        _target(project, name, problems)
    problems.raise_if_any()
    for kind in ("scenarios", "estates", "flows", "profiles", "targets"):
        checked.extend(f"{kind}/{name}" for name in project.names(kind))
    return checked


def _scenario(project: Project, path: Path, overrides: tuple[str, ...], problems: Problems) -> Setup | None:
    loaded = _read(path, ScenarioSpec, problems)
    if loaded is None:
        return None
    document, scenario = loaded
    if overrides:
        scenario = overridden(scenario, overrides)
    setup = _named(project, document, ("estate",), "estates", scenario.estate, problems, _estate)
    flows: list[FlowSpec] = []
    for position, flow_name in enumerate(scenario.flows):
        flow = _named(project, document, ("flows", position), "flows", flow_name, problems, _flow)
        if flow is not None:
            flows.append(flow)
    _report(document, _scenario_flaws(scenario, setup), problems)
    _check_parameters(document, scenario, problems)
    return Setup(scenario, setup, flows) if setup is not None else None


def load_target(project: Project, name: str) -> TargetSpec:
    """A target by name, by file, or (an address) one that already runs and takes its events there."""
    if name.startswith(("http://", "https://")):
        if not urlsplit(name).hostname:
            raise UsageError(f"{name!r} is not an address; write it like http://127.0.0.1:8080/events")
        return TargetSpec(target=name, deliver=DeliverSpec(url=name))
    problems = Problems()
    target = _target(project, name, problems)
    problems.raise_if_any()
    assert target is not None
    return target


def _target(project: Project, name: str, problems: Problems) -> TargetSpec | None:
    loaded = _read(project.find("targets", name), TargetSpec, problems)
    if loaded is None:
        return None
    _report(loaded[0], _target_flaws(loaded[1]), problems)
    return loaded[1]


def _read(path: Path, model: type[M], problems: Problems) -> tuple[Document, M] | None:
    try:
        document = Document.read(path)
        return document, document.validate(model)
    except DocumentError as error:
        problems.extend(error.problems)
        return None


def _named(
    project: Project,
    document: Document,
    place: tuple[str | int, ...],
    kind: Kind,
    name: str,
    problems: Problems,
    load: Callable[[Project, str, Problems], T | None],
) -> T | None:
    """What a document names: loaded, or the name reported where it stands."""
    names = project.names(kind)
    if name in names:
        return load(project, name, problems)
    message = f"there is no {kind[:-1]} `{name}`"
    problems.add(document.problem(place, "PP-NOT-FOUND", message, given=name, candidates=names))
    return None


def _estate(project: Project, name: str, problems: Problems) -> EstateSetup | None:
    loaded = _read(project.find("estates", name), EstateSpec, problems)
    if loaded is None:
        return None
    document, estate = loaded
    _report(document, _estate_flaws(estate), problems)
    profiles: dict[str, ProfileSpec] = {}
    for kind, spec in estate.systems.items():
        if kind not in catalog.kinds():
            continue
        known = [entry for entry in project.names("profiles") if entry.startswith(f"{kind}/")]
        wanted = f"{kind}/{spec.profile}"
        if wanted not in known:
            place = ("systems", kind, "profile")
            message = f"`{kind}` has no profile `{spec.profile}`"
            candidates = [entry.partition("/")[2] for entry in known]
            problems.add(document.problem(place, "PP-NOT-FOUND", message, given=spec.profile, candidates=candidates))
            continue
        profile = _read(project.find("profiles", wanted), ProfileSpec, problems)
        if profile is not None:
            profiles[kind] = profile[1]
    return EstateSetup(estate, profiles)


def _flow(project: Project, name: str, problems: Problems) -> FlowSpec | None:
    loaded = _read(project.find("flows", name), FlowSpec, problems)
    if loaded is None:
        return None
    _report(loaded[0], flaws_of(loaded[1]), problems)
    return loaded[1]


def _report(document: Document, flaws: Iterable[Flaw], problems: Problems) -> None:
    for flaw in flaws:
        problems.add(document.problem(flaw.path, flaw.code, flaw.message, given=flaw.given, candidates=flaw.candidates))


def _estate_flaws(estate: EstateSpec) -> Iterator[Flaw]:
    for kind in estate.systems:
        if kind not in catalog.kinds():
            yield Flaw(("systems", kind), f"there is no system `{kind}`", kind, tuple(catalog.kinds()))
    if "plm" not in estate.systems:
        yield Flaw(
            ("systems",), "an estate needs a `plm`: it owns what everything else is compared with", code="PP-VALUE"
        )
    try:
        estate.plan()
    except ValueError as error:
        yield Flaw(("data",), str(error), code="PP-VALUE")
    for code, plant in estate.plants.items():
        if not _zone_exists(plant.time_zone):
            yield Flaw(("plants", code, "time_zone"), f"there is no time zone `{plant.time_zone}`", code="PP-VALUE")


def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _scenario_flaws(scenario: ScenarioSpec, setup: EstateSetup | None) -> Iterator[Flaw]:
    stimuli = catalog.stimuli()
    for position, stimulus in enumerate(scenario.stimuli):
        if stimulus.do not in stimuli:
            yield Flaw(
                ("stimuli", position, "do"), f"there is no stimulus `{stimulus.do}`", stimulus.do, tuple(stimuli)
            )
            continue
        kind = stimulus.do.partition(".")[0]
        if setup is not None and kind not in setup.estate.systems:
            yield Flaw(("stimuli", position, "do"), f"the estate has no `{kind}` that could do this", code="PP-VALUE")
    for position, expression in enumerate(scenario.thresholds):
        try:
            read_threshold(expression)
        except ValueError as error:
            yield Flaw(("thresholds", position), str(error), code="PP-VALUE")
    named = {**catalog.operations(), **catalog.events()}
    for position, fault in enumerate(scenario.faults):
        operation = fault.match.operation
        if operation and operation not in named:
            place = ("faults", position, "match", "operation")
            yield Flaw(place, f"there is no operation or event `{operation}`", operation, tuple(named))


def _check_parameters(document: Document, scenario: ScenarioSpec, problems: Problems) -> None:
    """What a scenario gives a stimulus under `with`, against what that stimulus takes."""
    for position, stimulus in enumerate(scenario.stimuli):
        known = catalog.stimuli().get(stimulus.do)
        if known is not None:
            try:
                known.parameters.model_validate(stimulus.with_)
            except ValidationError as error:
                problems.extend(document.problems_of(error, known.parameters, at=("stimuli", position, "with")))


def _target_flaws(target: TargetSpec) -> Iterator[Flaw]:
    for position, event in enumerate(target.deliver.events if target.deliver else ()):
        if event not in catalog.events():
            yield Flaw(("deliver", "events", position), f"there is no event `{event}`", event, tuple(catalog.events()))
    if target.deliver is None and target.start is None:
        yield Flaw((), "a target needs `deliver`, `start` or both: nothing could reach it", code="PP-VALUE")
