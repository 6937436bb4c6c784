"""From names to checked documents: a scenario with its estate, profiles and flows; a target. All problems come at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from pilotplant.exchange.profile import ProfileSpec
from pilotplant.flows.checking import Flaw, absent_systems, flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.model.threshold import read as read_threshold
from pilotplant.resources import Project
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.systems import catalog
from pilotplant.systems.estate import EstateSpec
from pilotplant.target.model import DeliverSpec, TargetSpec

M = TypeVar("M", bound=BaseModel)


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
    problems = Problems()
    loaded = _read(project.find("scenarios", name), ScenarioSpec, problems)
    setup: EstateSetup | None = None
    flows: list[FlowSpec] = []
    if loaded is not None:
        document, scenario = loaded
        setup = _named(project, document, ("estate",), "estates", scenario.estate, problems, _estate)
        for position, flow_name in enumerate(scenario.flows):
            flow = _named(project, document, ("flows", position), "flows", flow_name, problems, _flow)
            if flow is not None:
                flows.append(flow)
        _report(document, _scenario_flaws(scenario, setup), problems)
    problems.raise_if_any()
    assert loaded is not None and setup is not None
    return Setup(loaded[1], setup, flows)


def load_flow(project: Project, name: str) -> FlowSpec:
    """A flow by itself."""
    problems = Problems()
    flow = _flow(project, name, problems)
    problems.raise_if_any()
    assert flow is not None
    return flow


def load_profile(path: Path) -> ProfileSpec:
    """A profile by itself."""
    problems = Problems()
    loaded = _read(path, ProfileSpec, problems)
    problems.raise_if_any()
    assert loaded is not None
    return loaded[1]


def load_target(project: Project, name: str) -> TargetSpec:
    """A target by name, by file, or (an address) one that already runs and takes its events there."""
    if name.startswith(("http://", "https://")):
        if not urlsplit(name).hostname:
            raise UsageError(f"{name!r} is not an address; write it like http://127.0.0.1:8080/events")
        return TargetSpec(target=name, deliver=DeliverSpec(url=name))
    problems = Problems()
    loaded = _read(project.find("targets", name), TargetSpec, problems)
    if loaded is not None:
        _report(loaded[0], _target_flaws(loaded[1]), problems)
    problems.raise_if_any()
    assert loaded is not None
    return loaded[1]


def _read(path: Path, model: type[M], problems: Problems) -> tuple[Document, M] | None:
    try:
        document = Document.read(path)
        return document, document.validate(model)
    except DocumentError as error:
        problems.extend(error.problems)
        return None


def _named(project, document, place, kind, name, problems, load):  # type: ignore[no-untyped-def]
    """What a document names: loaded, or the name reported where it stands."""
    names = project.names(kind)
    if name not in names:
        problems.add(
            document.problem(place, "PP-NOT-FOUND", f"there is no {kind[:-1]} `{name}`", given=name, candidates=names)
        )
        return None
    return load(project, name, problems)


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
        problems.add(
            document.problem(flaw.path, flaw.code, flaw.message, given=flaw.given, candidates=flaw.candidates)
        )


def _estate_flaws(estate: EstateSpec) -> Iterator[Flaw]:
    for kind in estate.systems:
        if kind not in catalog.kinds():
            yield Flaw(("systems", kind), f"there is no system `{kind}`", kind, tuple(catalog.kinds()))
    if "plm" not in estate.systems:
        yield Flaw(("systems",), "an estate needs a `plm`: it owns what everything else is compared with", code="PP-VALUE")
    try:
        estate.plan()
    except ValueError as error:
        yield Flaw(("data",), str(error), code="PP-VALUE")
    for code, plant in estate.plants.items():
        if not _zone_exists(plant.time_zone):
            yield Flaw(("plants", code, "time_zone"), f"there is no time zone `{plant.time_zone}`", code="PP-VALUE")


def _zone_exists(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _scenario_flaws(scenario: ScenarioSpec, setup: EstateSetup | None) -> Iterator[Flaw]:
    stimuli = catalog.stimuli()
    for position, stimulus in enumerate(scenario.stimuli):
        if stimulus.do not in stimuli:
            yield Flaw(("stimuli", position, "do"), f"there is no stimulus `{stimulus.do}`", stimulus.do, tuple(stimuli))
            continue
        kind = stimulus.do.partition(".")[0]
        if setup is not None and kind not in setup.estate.systems:
            yield Flaw(("stimuli", position, "do"), f"the estate has no `{kind}` that could do this", code="PP-VALUE")
        try:
            stimuli[stimulus.do].parameters.model_validate(stimulus.with_)
        except ValidationError as error:
            for detail in error.errors():
                place = ("stimuli", position, "with", *detail["loc"])
                fields = tuple(stimuli[stimulus.do].parameters.model_fields)
                given = str(detail["loc"][-1]) if detail["type"] == "extra_forbidden" else ""
                message = f"unknown field `{given}`" if given else detail["msg"]
                code = "PP-FIELD-UNKNOWN" if given else "PP-VALUE"
                yield Flaw(place, message, given, fields, code)
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


def _target_flaws(target: TargetSpec) -> Iterator[Flaw]:
    for position, event in enumerate(target.deliver.events if target.deliver else ()):
        if event not in catalog.events():
            yield Flaw(("deliver", "events", position), f"there is no event `{event}`", event, tuple(catalog.events()))
    if target.deliver is None and target.start is None:
        yield Flaw((), "a target needs `deliver`, `start` or both: nothing could reach it", code="PP-VALUE")
