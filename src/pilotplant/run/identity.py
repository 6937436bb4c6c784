"""The identity of a run: its name, its directory, and what run.json says of it."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from pilotplant import __version__
from pilotplant.checks.result import Figure


class RunInfo(msgspec.Struct, kw_only=True):
    """What `run.json` holds: everything that is needed to replay the run, or to make its reports again."""

    run: str
    scenario: str
    target: str
    mode: str
    seed: int
    argv: list[str]
    repro: str
    started: str
    versions: dict[str, str]
    git: str
    configuration: dict[str, Any]
    """The resolved documents: scenario, estate, profiles, flows, target."""
    limits_of_evidence: list[str] = []
    data_digest: str = ""
    stimuli_digest: str = ""
    mark: str = ""
    """What the numbers of the run carry; with the seed it gives the same run again."""
    duration_s: float = 0.0
    notes: list[str] = []
    model_figures: list[Figure] = []
    """What-if: what only the model knows of itself."""
    ended: str = ""

    def write(self, directory: Path) -> None:
        """Write it beside the ledger, whole or not at all."""
        content = msgspec.json.format(msgspec.json.encode(self), indent=2)
        replace_file(directory / "run.json", content)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a reader never sees half of it."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    os.replace(draft, path)


def legible(text: str) -> str:
    """The text as it can be written to a file: what came from the command line need not be Unicode."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def new_directory(runs: Path, scenario: str, moment: datetime) -> Path:
    """A directory for this run: `<utc>-<scenario>-<n>`, never one that is there already."""
    stamp = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1, 10_000):
        path = runs / f"{stamp}-{scenario}-{number:02d}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise AssertionError(f"ten thousand runs within a second in {runs}")


@cache
def versions() -> dict[str, str]:
    """What this run was made with."""
    found = {"pilotplant": __version__, "python": platform.python_version(), "platform": sys.platform}
    for package in ("simpy", "msgspec", "starlette", "uvicorn", "pydantic"):
        found[package] = version(package)
    return found


@cache
def git_revision(directory: Path) -> str:
    """The revision of the project that the run belongs to; empty outside of git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
