"""`pilotplant sweep` as its users call it: results, interruption, a Dask cluster, mistakes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

CLUSTER = """
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""
SMALL = ["sweep", "plant-offline", "--vary", "model.workers=1,2,16", "--metric", "confirmation_to_stock_p95"]


def command(project: Path, *words: str) -> list[str]:
    """The command line for a project."""
    (project / "pilotplant.toml").touch()
    return [sys.executable, "-m", "pilotplant", *words, "--project", str(project)]


def swept(project: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """What it says to programs."""
    done = subprocess.run(
        [*command(project, *words), "--format", "json"], capture_output=True, text=True, cwd=project, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_points_with_intervals_and_files(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, *SMALL, "--replications", "3", "--jobs", "2", "--out", str(tmp_path / "out")),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "3 points, 3 replications each (9 made, 0 known from before)" in done.stdout
    assert "±" in done.stdout and done.stdout.rstrip().endswith("exit 0")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html",
        "points.csv",
        "points.parquet",
        "runs.csv",
        "runs.parquet",
    }


def test_interrupted_and_resumed_nothing_is_lost(tmp_path: Path) -> None:
    words = [*SMALL, "--replications", "12", "--jobs", "2"]
    cache = tmp_path / "reports" / "sweeps" / "cache.jsonl"
    running = subprocess.Popen(command(tmp_path, *words), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    limit = monotonic() + 60
    while not (cache.exists() and cache.read_bytes().count(b"\n") >= 3):
        assert running.poll() is None and monotonic() < limit, "it never began"
        sleep(0.02)
    running.send_signal(signal.SIGINT)
    _out, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert b"Traceback" not in told and b"goes on from there" in told
    kept = cache.read_bytes().count(b"\n")
    assert 3 <= kept < 36
    resumed = swept(tmp_path, *words)
    assert (resumed["made"], resumed["cached"]) == (36 - kept, kept)
    assert cache.read_bytes().count(b"\n") == 36


def test_target_and_seed_that_the_project_has_settled_are_used(tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "hub.yaml").write_text("target: hub\nmodel: {workers: 2}\n")
    (tmp_path / "pilotplant.toml").write_text('target = "hub"\nseed = 40\n')
    swept(tmp_path, "sweep", "plant-offline", "--replications", "2", "--out", str(tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "--target hub --seed 40" in page and "model of hub" in page


@contextmanager
def cluster() -> Iterator[str]:
    """A scheduler and two workers on loopback; its address."""
    environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "True"}
    script = [sys.executable, "-c", CLUSTER]
    with subprocess.Popen(
        script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as running:
        assert running.stdin is not None and running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.stdin.close()
            running.wait(timeout=30)


def test_dask_gives_the_same(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = swept(tmp_path / "here", *SMALL, "--replications", "2", "--jobs", "2")
    with cluster() as address:
        there = swept(tmp_path / "there", *SMALL, "--replications", "2", "--dask", address)
    assert there["made"] == 6
    assert there["points"] == here["points"]


def test_no_cluster_at_the_address_is_5(tmp_path: Path) -> None:
    words = command(tmp_path, *SMALL, "--dask", "tcp://127.0.0.1:1")
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 5 and "no Dask scheduler" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep", "nothing-like-it"], "PP-NOT-FOUND"),
        (["sweep", "plant-offline", "--vary", "model.wrokers=1,2"], "did you mean `workers`"),
        (["sweep", "plant-offline", "--vary", "model.workers=5:1:1"], "is not a range"),
        (["sweep", "plant-offline", "--vary", "model.workers"], "path=a:b:step"),
        (["sweep", "plant-offline", "--set", "model"], "a.b=c"),
        (["sweep", "plant-offline", "--replications", "9", "--max", "4"], "less than"),
        (["sweep", "two-instances", "--replications", "2"], "a model is one"),
        (["sweep", "plant-offline", "--metric", "confirmation_to_stok_p95", "--replications", "2"], "did you mean"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, words: list[str], told: str) -> None:
    done = subprocess.run(command(tmp_path, *words), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stderr and "Traceback" not in done.stderr
