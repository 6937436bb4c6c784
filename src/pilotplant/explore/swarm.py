"""Random runs of a scenario: each a pure function of the scenario, a base seed and the number of the run.

Each run leaves out much of what the scenario holds, because much hides defects: a later change, say, mends what an
earlier one broke.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from annotated_types import Ge, Le

from pilotplant.explore.unfolding import unfolded
from pilotplant.faults.fault import Fault, Scene, fault_kinds
from pilotplant.kernel.draws import Draws
from pilotplant.scenario.loading import Setup
from pilotplant.scenario.model import CrashSpec, ScenarioSpec, StimulusSpec
from pilotplant.systems import catalog

FEW = 5
FAULTS_WEIGHTS = (3, 3, 2, 1, 1)
"""How likely a run has no fault, one, two, three, four."""
BUNCH_S = 0.05
CRASHES_SHARE = 0.25
AWAITS_MAX = 2000
_SEED_BITS = 31
"""Of the seed of a run: short enough to be read out."""


@dataclass(frozen=True)
class Drawn:
    """A random run: what happens in it, and its seed."""

    number: int
    seed: int
    scenario: ScenarioSpec

    @property
    def size(self) -> int:
        """How much there is in it to shrink."""
        return len(self.scenario.stimuli) + len(self.scenario.faults)


def scene_of(setup: Setup) -> Scene:
    """What faults can strike: the operations and events of the flows, as far as the estate has the systems."""
    operations: list[str] = []
    events: list[str] = []
    for flow in setup.flows:
        events += [*flow.triggers, flow.cancelled_by]
        for step in flow.steps.values():
            operations += [step.commit, *(alternative.commit for alternative in step.accept)]
            events += [step.event, step.refused_by]
    present = setup.setup.estate.systems

    def there(names: list[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in names if name.partition(".")[0] in present))

    return Scene(there(operations), there(events), length_s(unfolded(setup.scenario, 0).stimuli))


def length_s(stimuli: Sequence[StimulusSpec]) -> float:
    """How long unfolded stimuli last; a second at least."""
    return max([1.0, *(stimulus.at or 0.0 for stimulus in stimuli)])


def drawn(scenario: ScenarioSpec, seed: int, number: int, scene: Scene | None, *, crashes: bool = False) -> Drawn:
    """A run of the swarm; without a scene, one without faults; with `crashes`, some kill the middleware at an await.
    Its thresholds are gone: under random faults slowness proves nothing."""
    run_seed = Draws(seed).number(f"explore|{number}") >> (64 - _SEED_BITS)
    draws = Draws(run_seed)
    whole = unfolded(scenario, run_seed)
    stimuli = _some(whole.stimuli, draws.fresh("swarm|subset"))
    stimuli = _timed(stimuli, length_s(whole.stimuli), draws.fresh("swarm|timing"))
    stimuli = _varied(stimuli, draws.fresh("swarm|parameters"))
    faults = _faults(whole.faults, scene, draws.fresh("swarm|faults")) if scene else []
    update: dict[str, Any] = {"stimuli": stimuli, "faults": faults, "thresholds": [], "found": None}
    if crashes:
        update["crash"] = _crash(draws.fresh("swarm|crash"))
    elif whole.crash is not None and whole.crash.every:
        update["crash"] = None  # killing it at every await would be many runs
    return Drawn(number, run_seed, whole.model_copy(update=update))


def _crash(chance: Random) -> CrashSpec | None:
    """In one run of four, once or twice; early ones are likelier, for a short run has few awaits."""
    if chance.random() >= CRASHES_SHARE:
        return None
    at = sorted({max(1, round(AWAITS_MAX ** chance.random())) for _ in range(chance.randint(1, 2))})
    return CrashSpec(at=at, restart_after=round(chance.uniform(0.1, 2), 1))


def _some(stimuli: list[StimulusSpec], chance: Random) -> list[StimulusSpec]:
    """Often a few, sometimes any share of them, sometimes all."""
    how = chance.random()
    if how < 0.2 or not stimuli:
        return stimuli
    wanted = chance.randint(1, FEW) if how < 0.6 else chance.randint(1, len(stimuli))
    kept = sorted(chance.sample(range(len(stimuli)), min(wanted, len(stimuli))))
    return [stimuli[position] for position in kept]


def _timed(stimuli: list[StimulusSpec], length_s: float, chance: Random) -> list[StimulusSpec]:
    """As they were, in another order, in bunches, or spread further apart."""
    moments = [stimulus.at or 0.0 for stimulus in stimuli]
    match chance.choice(("given", "shuffled", "bunched", "spread")):
        case "shuffled":
            chance.shuffle(moments)
        case "bunched":
            centres = [chance.uniform(0, length_s) for _ in range(chance.randint(1, 3))]
            moments = [chance.choice(centres) + chance.uniform(0, BUNCH_S) for _ in stimuli]
        case "spread":
            moments = [chance.uniform(0, 2 * length_s) for _ in stimuli]
    timed = [stimulus.model_copy(update={"at": round(at, 3)}) for stimulus, at in zip(stimuli, moments, strict=True)]
    return sorted(timed, key=lambda stimulus: stimulus.at or 0.0)


def _varied(stimuli: list[StimulusSpec], chance: Random) -> list[StimulusSpec]:
    """With the parameters that the scenario gives. A share that leaves it open, such as 0.15, may be none or all."""
    settled: dict[tuple[str, str], float] = {}
    for stimulus in stimuli:
        for name, value in _shares(stimulus):
            settled.setdefault((stimulus.do, name), chance.choice((value, value, 0.0, 1.0)))
    return [
        stimulus.model_copy(
            update={"with_": stimulus.with_ | {name: settled[stimulus.do, name] for name, _value in _shares(stimulus)}}
        )
        for stimulus in stimuli
    ]


def _shares(stimulus: StimulusSpec) -> list[tuple[str, float]]:
    """Parameters given to it that are a share strictly between none and all."""
    fields: Mapping[str, Any] = catalog.stimuli()[stimulus.do].parameters.model_fields
    return [
        (name, value)
        for name, value in stimulus.with_.items()
        if {Ge(0), Le(1)} <= set(fields[name].metadata) and isinstance(value, float) and 0 < value < 1
    ]


def _faults(given: Sequence[Fault], scene: Scene, chance: Random) -> list[Fault]:
    """None to four: those of the scenario, and any kind that says how it is drawn."""
    left = list(given)
    drawable = sorted(name for name, kind in fault_kinds().items() if kind.DRAWN is not None)
    chosen: list[Fault] = []
    again = any(fault.key.startswith("drawn-") for fault in given)  # what was found is explored once more
    for number in range(chance.choices(range(len(FAULTS_WEIGHTS)), FAULTS_WEIGHTS)[0]):
        if left and chance.random() < 0.3:
            chosen.append(left.pop(chance.randrange(len(left))))
            continue
        fault = fault_kinds()[chance.choice(drawable)].sampled(chance, scene)
        if fault is not None:
            chosen.append(fault.model_copy(update={"key": f"drawn-{number}{'-again' * again}"}))
    return chosen
