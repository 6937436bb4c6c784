"""How long a user waits: `--help`, and `up` from process start until the ready line, against a bare interpreter."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter


def run(quick: bool) -> Iterable[str]:
    """Lines to print."""
    times = 3 if quick else 9
    bare = median(_ended([sys.executable, "-c", "pass"]) for _ in range(times))
    help_ = median(_ended([sys.executable, "-m", "pilotplant", "--help"]) for _ in range(times))
    ready = median(_ready() for _ in range(times))
    yield f"bare interpreter {bare:.3f} s"
    yield f"pilotplant --help {help_:.3f} s (limit 0.25 s), {help_ / bare:.1f} × bare"
    yield f"pilotplant up, ready {ready:.3f} s after process start (limit 1.5 s), {ready / bare:.1f} × bare"


def _ended(command: list[str]) -> float:
    start = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - start


def _ready() -> float:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pilotplant", "up", "--format", "json", "--out", folder]
        start = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            took_s = perf_counter() - start
            assert json.loads(line)["ready"], line
            return took_s
        finally:
            os.kill(process.pid, signal.SIGINT)
            process.communicate()
