"""What names the stimuli of a run: the same for one seed, whenever they really happened."""

from pathlib import Path
from typing import Any

from pilotplant.run.stimulation import Stimulation, occurrences
from pilotplant.scenario.model import StimulusSpec
from tests.estates import bench


def digest(directory: Path, *, late_s: float = 0.0, **parameters: Any) -> str:
    """The digest of one change that is released `late_s` after its moment."""
    directory.mkdir()
    estate = bench(directory)
    spec = StimulusSpec.model_validate({"do": "plm.change.release", "at": "1s", "with": parameters})
    stimulation = Stimulation([spec], estate.estate, occurrences([spec], estate.world.draws))
    stimulation.start(estate.world.env.now + late_s)
    estate.pass_time(2)
    assert stimulation.finished and not stimulation.skipped
    return stimulation.digest


def test_the_digest_of_dated_changes_does_not_depend_on_when_they_were_released(tmp_path: Path) -> None:
    prompt, late = digest(tmp_path / "a", effective_in="5s"), digest(tmp_path / "b", late_s=0.003, effective_in="5s")
    assert prompt == late
    assert prompt != digest(tmp_path / "c"), "that it has a date is part of what happened"
