"""Whether the faults of a scenario can ever strike: one that cannot would only make the verdict unknown, after the
run."""

from collections.abc import Iterator, Mapping, Sequence

from pilotplant.exchange.profile import OAuth2, ProfileSpec
from pilotplant.faults.correlated_outage import CorrelatedOutage
from pilotplant.faults.fault import Fault, keys_of
from pilotplant.flows.checking import Flaw
from pilotplant.flows.grammar import FlowSpec
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.systems import catalog
from pilotplant.systems.estate import EstateSpec

AFTERMATH_S = 0.3
"""So long after the last stimulus faults are lifted: what it sets off happens under them as well."""


def impossible(
    scenario: ScenarioSpec, estate: EstateSpec, profiles: Mapping[str, ProfileSpec], flows: Sequence[FlowSpec]
) -> Iterator[Flaw]:
    """What is wrong with the faults of a scenario, each at its place. Names are looked up elsewhere."""
    ends_s = _end_s(scenario)
    for position, fault in enumerate(scenario.faults):
        place = ("faults", position)
        if scenario.stimuli and fault.window.from_s > ends_s:
            message = f"the stimuli are over after {ends_s:g} s, and all faults with them: this one is never armed"
            yield Flaw((*place, "window", "from_s"), message, code="PP-VALUE")
        for flaw in _unfit(fault, estate, profiles):
            yield Flaw((*place, *flaw.path), flaw.message, flaw.given, flaw.candidates, code="PP-VALUE")
        judged = [name for flow in flows for name in _may_be_refused(flow)]
        if fault.refuses_for_good and not fault.objection() and fault.match.operation not in judged:
            message = f"no flow says what must follow when `{fault.match.operation}` is refused for good (`on_reject`)"
            yield Flaw((*place, "match", "operation"), message, candidates=tuple(judged), code="PP-VALUE")


def unfit(fault: Fault, estate: EstateSpec, profiles: Mapping[str, ProfileSpec]) -> Iterator[Flaw]:
    """Why a fault can never strike in an estate, wherever it comes from."""
    yield from _unknown(fault, estate)
    yield from _unfit(fault, estate, profiles)


def named() -> tuple[str, ...]:
    """What `match.operation` may say."""
    return (*catalog.operations(), *catalog.events(), catalog.TOKEN)


def _unknown(fault: Fault, estate: EstateSpec) -> Iterator[Flaw]:
    operation, system = fault.match.operation, fault.match.system
    if operation and operation not in named():
        message = f"there is no operation or event `{operation}`"
        yield Flaw(("match", "operation"), message, operation, named())
    present = _systems(estate)
    if system and system not in present:
        yield Flaw(("match", "system"), f"the estate has no system `{system}`", system, present)


def _unfit(fault: Fault, estate: EstateSpec, profiles: Mapping[str, ProfileSpec]) -> Iterator[Flaw]:
    operation, system = fault.match.operation, fault.match.system
    place = ("match", "operation")
    if operation in catalog.events() and not fault.strikes(delivery=True):
        yield Flaw(place, f"`{fault.KIND}` strikes requests, and `{operation}` is an event")
    elif operation in (*catalog.operations(), catalog.TOKEN) and not fault.strikes(delivery=False):
        yield Flaw(place, f"`{fault.KIND}` strikes the delivery of events, and `{operation}` is an operation")
    elif objection := fault.objection():
        yield Flaw(place if operation else (), objection)
    elif operation in named() and operation != catalog.TOKEN:
        yield from _misplaced(operation, system, estate)
    yield from _keyless(fault, estate)
    if fault.FILES:
        own = system if system in profiles else system.partition("@")[0]
        asked = [p for name, p in profiles.items() if own in ("", name, p.system)]
        if not any(profile.channel == "file" for profile in asked):
            yield Flaw(("match", "system") if system else (), "no system that it is matched to drops files")
    if fault.TOKENS or operation == catalog.TOKEN:
        own = system if system in profiles else system.partition("@")[0]
        asked = [p for name, p in profiles.items() if own in ("", name, p.system)]
        if not any(isinstance(profile.auth, OAuth2) for profile in asked):
            yield Flaw(("match", "system") if system else (), "no system that it is matched to issues tokens")
    if isinstance(fault, CorrelatedOutage):
        present = _systems(estate)
        for number, name in enumerate(fault.systems):
            if name not in present:
                yield Flaw(("systems", number), f"the estate has no system `{name}`", name, present)


def _misplaced(operation: str, system: str, estate: EstateSpec) -> Iterator[Flaw]:
    kind = operation.partition(".")[0]
    if kind not in estate.systems:
        yield Flaw(("match", "operation"), f"the estate has no `{kind}`")
    elif system and system.partition("@")[0] != kind:
        yield Flaw(("match", "system"), f"`{operation}` belongs to `{kind}`, so nothing of `{system}` can match")


def _keyless(fault: Fault, estate: EstateSpec) -> Iterator[Flaw]:
    operation = fault.match.operation
    known = keys_of(operation) if operation in named() else _all_keys()
    for key, value in fault.match.keys.items():
        if key not in known:
            message = f"`{operation}` has no key `{key}`" if operation else f"nothing has a key `{key}`"
            yield Flaw(("match", "keys", key), message, key, known)
        elif key == "plant" and value not in estate.plants:
            yield Flaw(("match", "keys", key), f"the estate has no plant `{value}`", value, tuple(estate.plants))


def _all_keys() -> tuple[str, ...]:
    names = (*catalog.operations(), *catalog.events())
    return tuple(sorted({key for name in names for key in keys_of(name)}))


def _systems(estate: EstateSpec) -> tuple[str, ...]:
    return tuple(sorted({part for name, kind, _plants in estate.instances() for part in (name, kind)}))


def _may_be_refused(flow: FlowSpec) -> list[str]:
    return [flow.steps[step].effect for step in flow.on_reject.of if step in flow.steps] if flow.on_reject else []


def cut_short(scenario: ScenarioSpec) -> Iterator[str]:
    """Faults that are meant to last longer than anything happens: they are lifted when the stimuli are over."""
    ends_s = _end_s(scenario)
    for fault in scenario.faults if scenario.stimuli else ():
        until_s = fault.window.to_s
        if until_s is not None and until_s > ends_s + AFTERMATH_S:
            yield (
                f"`{fault.KIND}` is meant to last until {until_s:,.9g} s, but the stimuli are over after "
                f"{ends_s:,.9g} s, and all faults with them: let the stimuli last as long"
            )


def _end_s(scenario: ScenarioSpec) -> float:
    """When the last stimulus has happened at the latest."""
    return max(
        (stimulus.start + (stimulus.at or stimulus.over or stimulus.for_ or 0.0) for stimulus in scenario.stimuli),
        default=0.0,
    )
