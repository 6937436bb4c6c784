"""From names to checked documents: a scenario with its estate, profiles and flows; a target. All problems come at
once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ValidationError

from pilotplant.drive.whatif.checking import flaws_of_model
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.fault import Fault, fault_kinds
from pilotplant.flows.checking import Flaw, absent_systems, flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.model.field_places import Loc
from pilotplant.model.suggestions import did_you_mean
from pilotplant.model.threshold import read as read_threshold
from pilotplant.resources import Kind, Project
from pilotplant.scenario.model import Happening, Mode, ScenarioSpec
from pilotplant.scenario.overrides import (
    ESTATE,
    NOTHING,
    PROFILES,
    Overrides,
    overridden,
    sorted_by_document,
    with_plants,
)
from pilotplant.scenario.possible import impossible, named, unfit
from pilotplant.systems import catalog
from pilotplant.systems.estate import EstateSpec
from pilotplant.target.checking import flaws_of_target
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.model import TargetSpec

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
EACH = "*"
"""In a path through plain data: every element of a list."""


@dataclass(frozen=True)
class EstateSetup:
    """An estate and the profiles of its systems: by kind, and where a kind has several profiles also by system."""

    estate: EstateSpec
    profiles: dict[str, ProfileSpec]
    root: Path = Path()
    """The project: what `data: {from: …}` is relative to."""


@dataclass(frozen=True)
class Setup:
    """Everything that a run of a scenario is made from."""

    scenario: ScenarioSpec
    setup: EstateSetup
    flows: list[FlowSpec]
    left_out: tuple[str, ...] = ()
    """Steps of flows that are not carried out in this run, and why."""

    @property
    def untested(self) -> list[str]:
        """Steps of flows whose systems this estate does not have, or that nothing carries out."""
        kinds = self.setup.estate.systems
        return [
            *self.left_out,
            *(
                f"{flow.flow}: {step} (the estate has no such system)"
                for flow in self.flows
                for step in absent_systems(flow, kinds)
            ),
        ]


def meant_for(project: Project, mode: Mode) -> list[str]:
    """The scenarios of the project that may be run in a mode. Those that cannot be read are among them: whoever reads
    them says why."""
    names: list[str] = []
    for name, path in project.names("scenarios").items():
        try:
            modes = Document.read(path).data.get("modes")
        except (DocumentError, AttributeError):
            modes = None
        if not modes or mode in modes:
            names.append(name)
    return names


def load_estate(project: Project, name: str) -> EstateSetup:
    """An estate with its profiles."""
    catalog.include(project.root)
    problems = Problems()
    setup = _estate(project, name, problems)
    problems.raise_if_any()
    assert setup is not None
    return setup


def load_flows(project: Project, setup: EstateSetup) -> list[FlowSpec]:
    """All flows of the project that something in this estate can trigger."""
    problems = Problems()
    flows = [_flow(project, name, problems) for name in project.names("flows")]
    problems.raise_if_any()
    kinds = setup.estate.systems
    return [
        flow
        for flow in flows
        if flow is not None and any(trigger.partition(".")[0] in kinds for trigger in flow.triggers)
    ]


def load_scenario(project: Project, name: str) -> Setup:
    """A scenario with everything that it names."""
    return load_scenarios(project, [name])[0]


def load_scenarios(project: Project, names: Iterable[str]) -> list[Setup]:
    """Several scenarios; the problems of all of them are reported together."""
    catalog.include(project.root)
    problems = Problems()
    setups = _scenarios(project, names, (), problems)
    problems.raise_if_any()
    return setups


def without_scenario(project: Project, estate: str, name: str) -> Setup:
    """An estate in which nothing happens but what its systems do by themselves, with all flows of the project."""
    catalog.include(project.root)
    problems = Problems()
    setup = _estate(project, estate, problems)
    flows = [_flow(project, each, problems) for each in project.names("flows")]
    problems.raise_if_any()
    assert setup is not None
    known = [flow for flow in flows if flow is not None]
    scenario = ScenarioSpec(scenario=name, estate=estate, flows=[flow.flow for flow in known])
    return Setup(scenario, setup, known)


def read_fault(text: str, setup: EstateSetup) -> Fault:
    """A fault for an estate, as JSON or YAML; the problems of all its fields are reported together."""
    document = Document.parse(text, "fault")
    problems = Problems()
    given = document.data.get("fault") if isinstance(document.data, dict) else None
    kind = fault_kinds().get(given) if isinstance(given, str) else None
    if kind is None:
        message = f"a fault needs `fault`, one of {', '.join(fault_kinds())}"
        raise DocumentError([document.problem(("fault",), "PP-VALUE", message, candidates=fault_kinds())])
    fault = document.validate(kind)
    _report(document, unfit(fault, setup.estate, setup.profiles), problems)
    problems.raise_if_any()
    return fault


def load_run(
    project: Project, names: Iterable[str], overrides: Iterable[str], target: str
) -> tuple[list[Setup], TargetSpec]:
    """Scenarios, each with `a.b=c` overrides applied, and a target; the problems of all are reported together."""
    catalog.include(project.root)
    problems = Problems()
    setups = _scenarios(project, names, tuple(overrides), problems)
    chosen = _address(target) or _target(project, target, problems)
    problems.raise_if_any()
    assert chosen is not None
    return setups, chosen


def read_flow(path: Path) -> FlowSpec:
    """A flow from a file of its own; what it names need not be there."""
    problems = Problems()
    loaded = _read(path, FlowSpec, problems)
    problems.raise_if_any()
    assert loaded is not None
    return loaded[1]


def validate_all(project: Project) -> list[str]:
    """Check every document of the project; returns what was checked."""
    catalog.include(project.root)
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


def _scenarios(project: Project, names: Iterable[str], overrides: tuple[str, ...], problems: Problems) -> list[Setup]:
    setups = [_scenario(project, project.find("scenarios", name), overrides, problems) for name in names]
    return [setup for setup in setups if setup is not None]


def _scenario(project: Project, path: Path, overrides: tuple[str, ...], problems: Problems) -> Setup | None:
    try:
        document = Document.read(path)
    except DocumentError as error:
        problems.extend(error.problems)
        return None
    given = sorted_by_document(overrides)
    changed = _overridden(document, given.scenario, "", problems)
    if changed is None:
        return None
    found = Problems()
    setup = _checked_scenario(project, changed, found, given)
    _take_over(found, changed, problems)
    return setup


def _overridden(document: Document, overrides: tuple[str, ...], prefix: str, problems: Problems) -> Document | None:
    """The document with `a.b=c` applied. What an override breaks has no place in the file: it is the place itself."""
    if not overrides:
        return document
    place = " ".join(f"--set {prefix}{override}" for override in overrides)
    content = overridden(document.data, overrides)
    if prefix == ESTATE:
        content = with_plants(content, document.data)
    try:
        return Document.parse(yaml.safe_dump(content, sort_keys=False), place)
    except DocumentError as error:
        problems.extend(error.problems)
        return None


def _take_over(found: Problems, document: Document, problems: Problems) -> None:
    """Hand on what was found, without a line where an override stands for the document."""
    for problem in found.sorted():
        from_override = document.path.startswith("--set ") and problem.path == document.path
        problems.add(replace(problem, line=0, column=0, excerpt="") if from_override else problem)


def _checked_scenario(
    project: Project, document: Document, problems: Problems, overrides: Overrides = NOTHING
) -> Setup | None:
    """A scenario with all it names. Names are looked up even where something else is wrong: all comes at once."""
    scenario: ScenarioSpec | None = None
    try:
        scenario = document.validate(ScenarioSpec)
    except DocumentError as error:
        problems.extend(error.problems)
    setup, flows = check_parts(project, document, problems, overrides)
    if scenario is None or setup is None:
        return None
    check_parameters(document, scenario.stimuli, "stimuli", problems)
    _report(document, impossible(scenario, setup.estate, setup.profiles, flows), problems)
    if scenario.model is not None:
        _report(document, flaws_of_model(scenario.model, project.names("flows")), problems)
    return Setup(scenario, setup, flows)


def check_parts(
    project: Project, document: Document, problems: Problems, overrides: Overrides = NOTHING
) -> tuple[EstateSetup | None, list[FlowSpec]]:
    """What a scenario or a load profile names: its estate, its flows, and everything that it says of them."""
    setup: EstateSetup | None = None
    for place, name in _texts(document.data, "estate"):
        setup = _named(project, document, place, "estates", name, problems, partial(_estate, overrides=overrides))
    flows = [
        _named(project, document, place, "flows", name, problems, _flow)
        for place, name in _texts(document.data, "flows", EACH)
    ]
    _report(document, _scenario_flaws(document.data, setup), problems)
    return setup, [flow for flow in flows if flow is not None]


def _texts(content: Any, *path: str, at: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """The texts to which a path through plain data leads, each with its place; other shapes are passed over."""
    if not path:
        if isinstance(content, str):
            yield at, content
    elif path[0] == EACH and isinstance(content, list):
        for position, entry in enumerate(content):
            yield from _texts(entry, *path[1:], at=(*at, position))
    elif isinstance(content, dict) and path[0] in content:
        yield from _texts(content[path[0]], *path[1:], at=(*at, path[0]))


def load_target(project: Project, name: str) -> TargetSpec:
    """A target by name, by file, or (an address) one that already runs and takes its events there."""
    catalog.include(project.root)
    problems = Problems()
    target = _address(name) or _target(project, name, problems)
    problems.raise_if_any()
    assert target is not None
    return target


def _address(name: str) -> TargetSpec | None:
    """The target that an address stands for."""
    if not name.startswith(("http://", "https://")):
        return None
    try:
        return TargetSpec(target=name, deliver=DeliverSpec(url=name))
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"the address to deliver to: {reason}") from None


def _target(project: Project, name: str, problems: Problems) -> TargetSpec | None:
    loaded = _read(project.find("targets", name), TargetSpec, problems)
    if loaded is None:
        return None
    _report(loaded[0], _target_flaws(loaded[1], project.names("flows")), problems)
    return loaded[1]


def _read(
    path: Path, model: type[M], problems: Problems, overrides: tuple[str, ...] = (), prefix: str = ""
) -> tuple[Document, M] | None:
    try:
        document = Document.read(path)
    except DocumentError as error:
        problems.extend(error.problems)
        return None
    changed = _overridden(document, overrides, prefix, problems)
    if changed is None:
        return None
    try:
        return changed, changed.validate(model)
    except DocumentError as error:
        found = Problems()
        found.extend(error.problems)
        _take_over(found, changed, problems)
        return None


def _named(
    project: Project,
    document: Document,
    place: Loc,
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


def _estate(project: Project, name: str, problems: Problems, overrides: Overrides = NOTHING) -> EstateSetup | None:
    loaded = _read(project.find("estates", name), EstateSpec, problems, overrides.estate, ESTATE)
    if loaded is None:
        return None
    document, estate = loaded
    _report(document, _estate_flaws(estate), problems)
    for kind in overrides.profiles:
        if kind not in estate.systems:
            raise UsageError(f"--set {PROFILES}{kind}: the estate has no `{kind}`{did_you_mean(kind, estate.systems)}")
    profiles: dict[str, ProfileSpec] = {}
    for kind, entries in estate.systems.items():
        if kind not in catalog.kinds():
            continue
        read: dict[str, ProfileSpec] = {}
        for position, spec in enumerate(entries):
            changes = overrides.profiles.get(kind, ())
            profile = read.get(spec.profile) or _profile(
                project, document, kind, position, spec.profile, problems, changes
            )
            if profile is not None:
                read[spec.profile] = profile
        if read:
            profiles[kind] = next(iter(read.values()))
        if len(read) > 1:
            chosen = estate.profiles()
            named = [name for name, of_kind, _plants in estate.instances() if of_kind == kind]
            profiles |= {name: read[chosen[name]] for name in named if chosen[name] in read}
    return EstateSetup(estate, profiles, project.root)


def _profile(
    project: Project,
    document: Document,
    kind: str,
    position: int,
    name: str,
    problems: Problems,
    overrides: tuple[str, ...] = (),
) -> ProfileSpec | None:
    """The profile that an entry of an estate names."""
    known = [entry for entry in project.names("profiles") if entry.startswith(f"{kind}/")]
    wanted = f"{kind}/{name}"
    if wanted in known:
        prefix = f"{PROFILES}{kind}."
        loaded = _read(project.find("profiles", wanted), ProfileSpec, problems, overrides, prefix)
        return loaded[1] if loaded is not None else None
    listed = isinstance(document.data["systems"][kind], list)
    place = ("systems", kind, position, "profile") if listed else ("systems", kind, "profile")
    candidates = [entry.partition("/")[2] for entry in known]
    message = f"`{kind}` has no profile `{name}`"
    problems.add(document.problem(place, "PP-NOT-FOUND", message, given=name, candidates=candidates))
    return None


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
        else:
            serves, entries = catalog.kinds()[kind].serves, estate.systems[kind]
            alone = len(entries) == 1 and not entries[0].plants
            if any(serves not in ("either", entry.per) for entry in entries) or (serves == "estate" and not alone):
                wants = "one for all plants (`per: estate`)" if serves == "estate" else "one per plant (`per: plant`)"
                yield Flaw(("systems", kind), f"`{kind}` has to be {wants}", code="PP-VALUE")
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


def _scenario_flaws(content: Any, setup: EstateSetup | None) -> Iterator[Flaw]:
    stimuli = catalog.stimuli()
    for place, name in (*_texts(content, "stimuli", EACH, "do"), *_texts(content, "arrivals", EACH, "do")):
        if name not in stimuli:
            yield Flaw(place, f"there is no stimulus `{name}`", name, tuple(stimuli))
        elif setup is not None and (kind := name.partition(".")[0]) not in setup.estate.systems:
            yield Flaw(place, f"the estate has no `{kind}` that could do this", code="PP-VALUE")
    for place, expression in _texts(content, "thresholds", EACH):
        try:
            read_threshold(expression)
        except ValueError as error:
            yield Flaw(place, str(error), code="PP-VALUE")
    for place, operation in _texts(content, "faults", EACH, "match", "operation"):
        if operation and operation not in named():
            yield Flaw(place, f"there is no operation or event `{operation}`", operation, named())
    if setup is None:
        return
    present = {part for name, kind, _plants in setup.estate.instances() for part in (name, kind)}
    for place, system in _texts(content, "faults", EACH, "match", "system"):
        if system and system not in present:
            yield Flaw(place, f"the estate has no system `{system}`", system, tuple(sorted(present)))


def check_parameters(document: Document, entries: Sequence[Happening], field: str, problems: Problems) -> None:
    """What a document gives a stimulus under `with`, against what that stimulus takes."""
    for position, stimulus in enumerate(entries):
        known = catalog.stimuli().get(stimulus.do)
        if known is not None:
            try:
                known.parameters.model_validate(stimulus.with_)
            except ValidationError as error:
                problems.extend(document.problems_of(error, known.parameters, at=(field, position, "with")))


def _target_flaws(target: TargetSpec, flows: Iterable[str]) -> Iterator[Flaw]:
    if not target.deliveries and target.start is None and target.inprocess is None and target.model is None:
        message = "a target needs `deliver`, `start`, `inprocess` or `model`: nothing could reach it"
        yield Flaw((), message, code="PP-VALUE")
    if target.model is not None:
        yield from flaws_of_model(target.model, flows, whole=True)
    yield from flaws_of_target(target)
