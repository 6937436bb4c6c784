"""The command line as a user has it: a small project in a folder of its own, and `pilotplant` as a process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration import warm

LIMIT_S = 60.0
"""Far above what any of these commands takes: reached only by one that hangs."""

ESTATE = """\
estate: small
plants:
  DE01: {name: Leipzig, time_zone: Europe/Berlin}
  US01: {name: Grand Rapids, time_zone: America/Detroit, currency: USD}
systems:
  plm: {profile: standard}
  erp: {profile: cloud}
  mes: {profile: standard, per: plant}
  desk: {profile: standard}
data: {items: 40, depth_min: 1, depth_max: 2, suppliers: 2, work_centres: 2, production_orders: 2, dispatched: 0}
"""
SCENARIO = """\
scenario: short
about: A few orders are finished.
estate: small
stimuli:
  - {do: mes.order.complete, count: 6, over: 300ms}
flows: [production-confirmation]
quiescence: {quiet: 300ms, give_up: 10s}
"""
TARGET = """\
target: quick
start:
  command: ["{python}", -m, pilotplant.reference, --port, "{port}", --database, "{work}/reference.sqlite"]
  ready: {url: "http://127.0.0.1:{port}/health", within: 10s}
deliver: {url: "http://127.0.0.1:{port}/events"}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams, for the message of an assertion."""
        return f"exit {self.code}\n{self.out}\n{self.err}"

    def json(self) -> Any:
        """The result for programs."""
        return json.loads(self.out)


class Project:
    """A user's project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "reports" / "runs"
        self.write("pilotplant.toml", 'target = "quick"\n')
        self.write("simulators/estates/small.yaml", ESTATE)
        self.write("scenarios/short.yaml", SCENARIO)
        self.write("targets/quick.yaml", TARGET)

    def write(self, name: str, text: str) -> Path:
        """Put a file into the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def program(self, name: str, text: str) -> Path:
        """Put a Python program into the project, and a target beside it that starts the program with a port."""
        self.write(
            f"targets/{name}.yaml",
            f"target: {name}\nstart:\n"
            f'  command: ["{{python}}", "{self.root / name}.py", "{{port}}"]\n'
            '  ready: {url: "http://127.0.0.1:{port}/health", within: 10s}\n'
            'deliver: {url: "http://127.0.0.1:{port}/events"}\n',
        )
        return self.write(f"{name}.py", text)

    def call(self, *words: str | bytes, environment: Mapping[str, str] | None = None) -> Done:
        """Run `pilotplant` in the project and wait for it."""
        return pilotplant(self.root, *words, environment=environment)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start `pilotplant` in the project, to be ended by the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "pilotplant", *words],
            cwd=self.root,
            env=environment_of(None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background has them ignore Ctrl-C, and children inherit that.
            preexec_fn=_heed_interrupts if os.name == "posix" else None,
        )

    @property
    def run_directory(self) -> Path:
        """The only run directory there is."""
        (directory,) = self.runs.glob("*/")
        return directory

    def run_info(self) -> Any:
        """What the only run says of itself."""
        return json.loads((self.run_directory / "run.json").read_bytes())


def pilotplant(
    folder: Path, *words: str | bytes, environment: Mapping[str, str] | None = None, limit_s: float = LIMIT_S
) -> Done:
    """Run `pilotplant` in a folder and wait for it; with an `environment` in a process that was started with it."""
    if warm.POSSIBLE and environment is None:
        done = warm.run(words, folder, environment_of(None), limit_s)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "pilotplant", *words],
            cwd=folder,
            env=environment_of(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in out + err, out + err
    return Done(done.returncode, out, err)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment_of(more: Mapping[str, str] | None) -> dict[str, str]:
    """The environment without what would configure Pilotplant from outside."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PILOTPLANT_")}
    return {**inherited, "NO_COLOR": "1", **(more or {})}
