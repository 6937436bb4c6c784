"""Makes things happen: plans when each stimulus of a scenario occurs, and lets the systems of record act."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from pilotplant.kernel.draws import Draws
from pilotplant.ledger.records import Stimulus as StimulusRecord
from pilotplant.model.errors import UsageError
from pilotplant.model.instants import WireSeconds
from pilotplant.model.operation import Command
from pilotplant.model.outcome import Refused
from pilotplant.model.suggestions import did_you_mean
from pilotplant.scenario.model import Happening, StimulusSpec
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import System


class Occurrence(NamedTuple):
    """One time that a stimulus occurs: when, in wire seconds since the start; which; and what names its chance."""

    moment: float
    number: int
    key: str


def occurrences(specs: Sequence[StimulusSpec], draws: Draws) -> list[Occurrence]:
    """When everything occurs, in order. Each occurrence has chance of its own: one fewer changes no other."""
    plan = [
        Occurrence(moment, number, key if spec.at is not None else f"{key}.{position}")
        for number, spec in enumerate(specs)
        for key in (spec.key or str(number),)
        for position, moment in enumerate(_moments(spec, draws, key))
    ]
    return sorted(plan, key=lambda occurrence: (occurrence.moment, occurrence.number))


def _moments(spec: StimulusSpec, draws: Draws, key: str) -> list[float]:
    """When a stimulus occurs, from a stream of its own."""
    chance = draws.fresh(f"arrivals|{key}|{spec.do}")
    if spec.at is not None:
        return [spec.start + spec.at]
    if spec.count is not None and spec.over is not None:
        gap_s = spec.over / spec.count
        return [spec.start + (position + chance.random()) * gap_s for position in range(spec.count)]
    assert spec.rate is not None and spec.for_ is not None
    found: list[float] = []
    moment = chance.expovariate(spec.rate)
    while moment < spec.for_:
        found.append(spec.start + moment)
        moment += chance.expovariate(spec.rate)
    return found


class Stimulation:
    """The stimuli of a run."""

    def __init__(self, specs: Sequence[Happening], estate: Estate, plan: Sequence[Occurrence]) -> None:
        self._estate = estate
        self._digest = blake2b(digest_size=16)
        self.done = 0
        self.impossible = 0
        """How many came to nothing: there was nothing to do, or it was refused."""
        self.skipped: list[str] = []
        """What could not happen, because something else (the target, say) had been at the system of record."""
        self.origin = 0.0
        """The wire moment from which the plan counts."""
        self._specs = specs
        self.plan = plan
        self.systems = {spec.do: estate.of_kind(spec.do.partition(".")[0]) for spec in specs}
        self.parameters = [catalog.stimuli()[spec.do].parameters.model_validate(spec.with_) for spec in specs]

    def start(self, origin: float) -> None:
        """Schedule everything, counted from this wire moment of the run."""
        self.origin = origin
        for occurrence in self.plan:
            delay = WireSeconds(origin + occurrence.moment - self._estate.world.env.now)
            self._estate.world.later(delay, partial(self.occur, occurrence))

    @property
    def finished(self) -> bool:
        """Whether everything has happened."""
        return self.done == len(self.plan)

    @property
    def digest(self) -> str:
        """A hash of what happened: the same for the same seed, whatever the target does."""
        return self._digest.hexdigest()

    def occur(self, occurrence: Occurrence) -> None:
        """Let it happen, now."""
        self.done += 1
        moment, number, key = occurrence
        spec, world = self._specs[number], self._estate.world
        chance = world.draws.fresh(f"stimulus|{key}|{spec.do}")
        systems = self.systems[spec.do]
        system: System = systems[chance.randrange(len(systems))]
        acts = catalog.stimuli()[spec.do].plan(system.behaviour, self.parameters[number], chance)
        self._digest.update(f"{spec.do}|{moment:.6f}|{system.name}".encode())
        if not acts:
            self.impossible += 1
        for part, (operation, command) in enumerate(acts):
            self._digest.update(operation.name.encode() + _told(command, world.mark))
            values = tuple(str(getattr(command, key, "")) for key in operation.keys)
            ledger = system.ledger
            number_ = ledger.operations[operation.name]
            ledger.write(StimulusRecord, world.env.now, system.number, number_, values, self.origin + moment, part)
            outcome = system.apply(operation, command)
            if isinstance(outcome, Refused):
                self.impossible += 1
                why = f"{outcome.rejection.code} {outcome.rejection.detail}".strip()
                self.skipped.append(f"{spec.do} could not happen: {system.name} refused {operation.name} ({why})")
                return


def occur_once(estate: Estate, stimulus: str, parameters: Mapping[str, Any], key: str) -> None:
    """Let a system of record do something now: `occur_once(estate, "mes.order.complete", {}, "sample-1")`."""
    if stimulus not in catalog.stimuli():
        raise UsageError(f"there is no stimulus `{stimulus}`{did_you_mean(stimulus, catalog.stimuli())}")
    if not estate.of_kind(stimulus.partition(".")[0]):
        raise UsageError(f"the estate has no system that could do `{stimulus}`")
    spec = StimulusSpec.model_validate({"do": stimulus, "at": 0, "with": dict(parameters), "key": key})
    world = estate.world
    stimulation = Stimulation([spec], estate, occurrences([spec], world.draws))
    world.advance()
    stimulation.start(world.env.now)
    world.advance()
    if stimulation.skipped:
        raise UsageError(stimulation.skipped[0])


def stimulus_of(name: str) -> str:
    """The stimulus that a name means: its own, or that of an event which it brings about (`mes.order.completed`)."""
    known = catalog.stimuli()
    if name in known:
        return name
    brings = [each for each in known if name in catalog.events() and name.startswith(each)]
    if brings:
        return max(brings, key=len)
    events = [event for event in catalog.events() if any(event.startswith(each) for each in known)]
    raise UsageError(f"nothing can be done that is called `{name}`{did_you_mean(name, (*known, *events))}")


def _told(command: Command, mark: str) -> bytes:
    """What a command says. Moments count from when it really happened, which is never the same twice."""
    fields = msgspec.structs.asdict(command).items()
    told = msgspec.json.encode({name: value for name, value in fields if not isinstance(value, datetime)})
    return told.replace(mark.encode(), b"") if mark else told
