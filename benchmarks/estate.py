"""How long the largest estate that ships takes to be up, and how much memory: against its data alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from pilotplant.resources import Project, bundled
from pilotplant.run.preparation import generate_data
from pilotplant.scenario.loading import load_estate

ESTATE = "twelve-plants"
LIMIT_S = 20.0
LIMIT_GIB = 3.0


def run(quick: bool) -> Iterable[str]:
    """Lines to print."""
    del quick
    start = perf_counter()
    data = generate_data(load_estate(Project(bundled(), bundled(), writable=False), ESTATE), 0)
    data_s = perf_counter() - start
    stock, items = len(data.dataset.stock), len(data.dataset.items)
    del data
    took_s, peak_kib = _up()
    yield f"{ESTATE}: {items:,} items, {stock:,} stock quants; the data and their digest alone take {data_s:.1f} s"
    yield f"ready {took_s:.1f} s after process start (limit {LIMIT_S:g} s), {took_s / data_s:.1f} × the data"
    if peak_kib:
        yield f"at most {peak_kib / 1024**2:.2f} GiB in memory (limit {LIMIT_GIB:g} GiB)"


def _up() -> tuple[float, int]:
    """Seconds until it was ready, and the peak of its memory where the platform tells."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pilotplant", "up", "--estate", ESTATE, "--format", "json", "--out", folder]
        start = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            took_s = perf_counter() - start
            assert json.loads(line)["ready"], line
            return took_s, _peak_kib(process.pid)
        finally:
            os.kill(process.pid, signal.SIGINT)
            process.communicate()


def _peak_kib(process_id: int) -> int:
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
