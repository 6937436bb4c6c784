"""What is to be run again: what a saved scenario or a run directory says of scenario, seed, mode and target."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from pilotplant.exchange.profile import ProfileSpec
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.errors import LedgerError, UsageError
from pilotplant.resources import Project
from pilotplant.run.identity import RunInfo
from pilotplant.scenario.loading import EstateSetup, Setup, load_run, load_scenario, load_target
from pilotplant.scenario.model import Mode, ScenarioSpec
from pilotplant.systems.estate import EstateSpec
from pilotplant.target.model import TargetSpec


@dataclass(frozen=True)
class Replay:
    """A run that is to be made again."""

    setup: Setup
    target: TargetSpec
    target_named: str
    seed: int
    mode: Mode


def of_scenario(project: Project, named: str, target: str | None) -> Replay:
    """What a saved scenario found; against another target if one is named."""
    found = load_scenario(project, named).scenario.found
    if found is None:
        message = f"`{named}` does not say what was found with it"
        raise UsageError(message, help=f"`pilotplant run {named}` runs an ordinary scenario.")
    wanted = target or found.target
    (setup,), chosen = load_run(project, [named], [], wanted)
    return Replay(setup, chosen, wanted, found.seed, found.mode)


def of_run(project: Project, directory: Path, target: str | None) -> Replay:
    """What a run directory holds: its documents as they were then."""
    path = directory / "run.json"
    try:
        info = msgspec.json.decode(path.read_bytes(), type=RunInfo)
        documents = info.configuration
        if "load" in documents:
            raise UsageError(f"{directory} is of a load, which is not replayed", help=f"Drive it again: {info.repro}")
        setup = Setup(
            ScenarioSpec.model_validate(documents["scenario"]),
            EstateSetup(
                EstateSpec.model_validate(documents["estate"]),
                {kind: ProfileSpec.model_validate(profile) for kind, profile in documents["profiles"].items()},
                project.root,
            ),
            [FlowSpec.model_validate(flow) for flow in documents["flows"]],
        )
        mode: Mode = TypeAdapter(Mode).validate_python(info.mode)
    except (OSError, KeyError, AttributeError, ValueError, msgspec.MsgspecError, ValidationError) as error:
        raise LedgerError(f"{path} cannot be read: {error}") from None
    chosen = load_target(project, target) if target else _target(project, info.target, documents.get("target"))
    return Replay(setup, chosen, target or info.target, info.seed, mode)


def _target(project: Project, name: str, kept: Any) -> TargetSpec:
    """The project's target of that name, or the one that was kept, unless its environment was (rightly) not."""
    if name in project.names("targets"):
        return load_target(project, name)
    try:
        target = TargetSpec.model_validate(kept)
    except ValidationError as error:
        raise LedgerError(f"what was kept of the target `{name}` cannot be read: {error}") from None
    if any(way is not None and way.environment for way in (target.start, target.inprocess)):
        message = f"the project has no target `{name}`, and its environment was not kept, since it may hold secrets"
        raise UsageError(message, help="Name the target: --target FILE.")
    return target
