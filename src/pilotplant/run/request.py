"""What is to be run, how far a run is, and what it leaves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from pilotplant.checks.result import Result
from pilotplant.resources import Project
from pilotplant.run.preparation import Data, Prepared
from pilotplant.scenario.loading import Setup
from pilotplant.scenario.model import Mode
from pilotplant.target.model import TargetSpec


@dataclass(frozen=True)
class Progress:
    """How far a run is, for whoever watches."""

    phase: str
    done: int = 0
    total: int = 0
    detail: str = ""
    """More of the same phase, that changes all the time."""


def _silent(progress: Progress) -> None:
    del progress


@dataclass(frozen=True)
class RunRequest:
    """What is to be run."""

    project: Project
    setup: Setup
    target: TargetSpec
    seed: int
    elsewhere: Callable[[Prepared], ASGIApp]
    mode: Mode = "live"
    factory: str | Callable[..., Any] | None = None
    """Builds the target within this process, whatever its document says."""
    directory: Path | None = None
    argv: Sequence[str] = ()
    scenario_named: str = ""
    """How the user named the scenario: for the command that replays the run. Its own name if empty."""
    target_named: str = ""
    overrides: Sequence[str] = ()
    mark: str | None = None
    """What numbers carry, as the run had it that is to be repeated; if none is given, the run decides."""
    port: int = 0
    """Where the simulators listen; 0 takes a free one."""
    address: str = "127.0.0.1"
    processes: bool = False
    """Live: each system is reached in a process of its own, which writes its own segment of the ledger."""
    replayed: str = ""
    """What `pilotplant replay` was given, where this run replays something."""
    command: str = "run"
    """The command that makes such a run."""
    words: Sequence[str] = ()
    """What else that command has to be told."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further resolved documents, for run.json."""
    data: Data | None = None
    """The data of the estate and seed, if they were generated before."""
    on_progress: Callable[[Progress], None] = _silent


@dataclass(frozen=True)
class Finished:
    """What a run left behind."""

    result: Result
    directory: Path
    crashed: tuple[str, ...] = ()
    awaits: int = 0
    """In-process: how often the middleware waited, and so could have been killed."""
    settled: bool = True
    """Whether everything had come to rest before it was judged."""
