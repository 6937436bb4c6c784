"""A what-if run is a pure function of its inputs: the same bytes again, whatever walks through sets of texts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(directory: Path, scenario: str, seed: int, hash_seed: str) -> dict[str, bytes]:
    """The ledger and the bodies of a run in a process of its own."""
    command = [sys.executable, "-m", "pilotplant", "run", scenario, "--mode", "whatif", "--seed", str(seed)]
    command += ["--out", str(directory), "--report", "json", "--quiet"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (path for path in directory.iterdir() if path.is_dir())
    return {name: (made / name).read_bytes() for name in ("ledger.msgpack", "bodies.pack")}


@pytest.mark.parametrize("scenario", ["eco-cascade", "ambiguous-timeouts"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, scenario: str) -> None:
    first = run(tmp_path / "1", scenario, 5, "1")
    assert run(tmp_path / "2", scenario, 5, "2") == first
    assert run(tmp_path / "3", scenario, 6, "1") != first, "another seed is another run"
