"""A scenario unfolded: every occurrence of every stimulus stands by itself, so that any of them can be left out."""

from pilotplant.kernel.draws import Draws
from pilotplant.run.stimulation import occurrences
from pilotplant.scenario.model import ScenarioSpec, StimulusSpec


def unfolded(scenario: ScenarioSpec, seed: int) -> ScenarioSpec:
    """The same scenario with this seed, one stimulus for each occurrence. Each keeps its chance, and so does each
    fault."""
    stimuli = [
        StimulusSpec(do=scenario.stimuli[number].do, at=round(moment, 6), with_=scenario.stimuli[number].with_, key=key)
        for moment, number, key in occurrences(scenario.stimuli, Draws(seed))
    ]
    faults = [fault.model_copy(update={"key": fault.key or str(n)}) for n, fault in enumerate(scenario.faults)]
    return scenario.model_copy(update={"stimuli": stimuli, "faults": faults})
