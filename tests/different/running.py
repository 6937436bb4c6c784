"""Runs of the shipped scenarios against a middleware that a factory builds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pilotplant.resources import Project, bundled
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import Finished, RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run
from pilotplant.target.model import Declares, in_process

SCENARIOS = sorted(Project(bundled(), bundled(), writable=False).names("scenarios"))


def ran(
    create: Callable[..., Any],
    scenario: str,
    seed: int,
    directory: Path,
    *,
    declares: Declares | None = None,
    overrides: Sequence[str] = (),
    root: Path | None = None,
) -> Finished:
    """One run in this process, in the project at `root` or in what ships."""
    project = Project(root or bundled(), bundled(), writable=False)
    (setup,), _null = load_run(project, [scenario], list(overrides), "null")
    name = create.__module__.rpartition(".")[2].replace("_", "-")
    target = in_process(name).model_copy(update={"declares": declares or Declares(backoff_cap=2.0, timeout=5.0)})
    request = RunRequest(project, setup, target, seed, only_null_target, "inprocess", create, directory)
    return run(replace(request, overrides=overrides))
