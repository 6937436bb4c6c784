"""Runs the reference, with a defect or as it is: in this process on a virtual clock, or as a process of its own."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pilotplant.checks.result import Result
from pilotplant.model.errors import InternalError, UsageError
from pilotplant.prove.planted import VARIABLE
from pilotplant.resources import Project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run
from pilotplant.target.model import TargetSpec

REFERENCE = "reference"


@dataclass(frozen=True)
class Runner:
    """Can be sent to another process."""

    project: Project
    mode: Literal["live", "inprocess"]
    folder: Path
    """Where run directories stand for as long as their runs take."""

    def __call__(self, scenario: str, seed: int, defect: str | None) -> Result:
        """Run once."""
        (setup,), target = load_run(self.project, [scenario], [], REFERENCE)
        with TemporaryDirectory(dir=self.folder) as directory:
            request = RunRequest(
                self.project,
                setup,
                with_defect(target, defect or ""),
                seed,
                only_null_target,
                mode=self.mode,
                directory=Path(directory),
            )
            finished = run(request)
        if finished.crashed:
            raise InternalError(f"{scenario}, seed {seed}, {defect or 'no defect'}: {finished.crashed[0]}")
        return finished.result


def with_defect(target: TargetSpec, defect: str) -> TargetSpec:
    """The reference with a defect planted, however it is started; without one if the name is empty."""
    if target.start is None or target.inprocess is None:
        message = f"the project's target `{target.target}` is not the reference that comes with Pilotplant"
        raise UsageError(message, help="`prove` is about that one: give yours another name.")
    told = {VARIABLE: defect}
    start = target.start.model_copy(update={"environment": target.start.environment | told})
    inprocess = target.inprocess.model_copy(update={"environment": target.inprocess.environment | told})
    return target.model_copy(update={"start": start, "inprocess": inprocess})
