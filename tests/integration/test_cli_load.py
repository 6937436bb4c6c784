"""`pilotplant load` as a user has it: Locust in processes of its own, and whatever may happen to it."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.checks.result import Result
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Driven, Sample, Stimulus
from tests.integration.command_line import Project

PROFILE = """\
load: short-load
estate: small
arrivals:
  - {do: mes.order.complete, shape: constant, rate: 40/s, for: 1s}
flows: [production-confirmation]
thresholds: [confirmation_to_stock p95 < 30s, facts.lost == 0]
quiescence: {quiet: 300ms, give_up: 10s}
"""


@pytest.fixture
def loaded(project: Project) -> Project:
    """A project with a load profile."""
    project.write("loadtests/short-load.yaml", PROFILE)
    return project


def result_of(project: Project) -> Result:
    """What the only run came to."""
    return msgspec.json.decode((project.run_directory / "result.json").read_bytes(), type=Result)


def records(project: Project, kind: type[Any]) -> list[Any]:
    """Records of one kind of the only run."""
    return [record for record in Ledger(project.run_directory) if isinstance(record, kind)]


def test_a_load_runs_to_its_verdict_and_tells_its_figures(loaded: Project) -> None:
    done = loaded.call("load", "short-load")
    assert done.code == 0, done.said
    assert "40 arrivals in 1.0 s" in done.out and "processors: " in done.out
    result = result_of(loaded)
    load = result.load
    assert load is not None
    assert (load.planned, load.happened, load.begun, load.finished) == (40, 40, 40, 40)
    assert sum(load.curve("arrivals")) == pytest.approx(40 * 4)  # a value is a rate, for a quarter of a second
    assert load.curve("open")[-1] == 0
    (latency,) = load.latencies
    assert latency.count == 40 and 0 < latency.at(50.0) <= latency.at(99.0) <= latency.max_s
    assert {used.process for used in load.used} == {"harness", "target", "drivers"}
    assert result.repro == "pilotplant load short-load --target quick --seed 0"
    assert all(stimulus.t > stimulus.planned - 1e-6 for stimulus in records(loaded, Stimulus)), "nothing is early"
    again = loaded.call("report", loaded.run_directory.name, "--report", "md")
    assert again.code == 0, again.said


def test_two_workers_share_the_work(loaded: Project) -> None:
    done = loaded.call("load", "short-load", "--workers", "2")
    assert done.code == 0, done.said
    (driven,) = records(loaded, Driven)
    assert (driven.planned, driven.happened, driven.note) == (40, 40, "")


def driver_processes(project: Project) -> list[int]:
    """The processes of Locust that work for this project, by the folder that they run in."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                folder = (entry / "cwd").readlink()
            except OSError:
                continue
            if b"locust" in words and folder == project.root and b"warden.py" not in b" ".join(words):
                found.append(int(entry.name))
    return found


def until(condition: Any, limit_s: float = 30.0) -> Any:
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return found


def long_load(project: Project) -> None:
    """Make the profile last longer than any test waits."""
    project.write("loadtests/short-load.yaml", PROFILE.replace("for: 1s", "for: 60s"))


def driving(project: Project, below: str = "") -> bool:
    """Whether arrivals happen."""
    written = project.runs.glob(f"*/{below}ledger.msgpack")
    found = [path for path in written if path.stat().st_size > 100]  # a header, and not half of it
    return bool(found) and any(isinstance(record, Stimulus) for record in Ledger(found[0]))


def test_a_driver_that_dies_leaves_an_unknown_that_says_so(loaded: Project) -> None:
    long_load(loaded)
    process = loaded.start("load", "short-load")
    until(lambda: driving(loaded))
    for number in driver_processes(loaded):
        os.kill(number, signal.SIGKILL)
    out, err = process.communicate(timeout=40)
    assert process.returncode == 4, out + err
    assert "planned arrivals never happened" in out and "ended by itself with exit code 137" in out
    assert not driver_processes(loaded)


def test_ctrl_c_ends_a_load_and_leaves_nobody_behind(loaded: Project) -> None:
    long_load(loaded)
    process = loaded.start("load", "short-load")
    until(lambda: driving(loaded))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40)
    assert process.returncode == 130, out + err
    assert "interrupted" in err and "Traceback" not in err
    assert not driver_processes(loaded)
    assert records(loaded, Sample) and records(loaded, Driven), "the ledger can be read"


def test_a_target_that_dies_ends_the_load_and_is_judged(loaded: Project) -> None:
    long_load(loaded)
    loaded.program("frail", FRAIL)
    process = loaded.start("load", "short-load", "--target", "frail")
    out, err = process.communicate(timeout=40)
    assert process.returncode == 1, out + err
    assert "completeness" in out and "the target ended by itself" in out
    assert not driver_processes(loaded)


SLOW_S = 150.0
"""So long may it take to start half a dozen processes on a machine that is busy with something else."""


def effects(project: Project, directory: Path) -> list[tuple[str, int]]:
    """What was committed in a run, and in which version."""
    return sorted((record.effect, record.version) for record in Ledger(directory) if isinstance(record, Commit))


def test_systems_in_processes_of_their_own_come_to_the_same(loaded: Project) -> None:
    """Two runs of some seconds, since what is compared are live runs."""
    verdicts, committed = [], []
    for words in ((), ("--processes",)):
        process = loaded.start("load", "short-load", *words, "--out", str(loaded.root / "out"), "-q")
        out, err = process.communicate(timeout=SLOW_S)
        assert process.returncode == 0, out + err
        (directory,) = (loaded.root / "out").glob("2*")
        result = msgspec.json.decode((directory / "result.json").read_bytes(), type=Result)
        verdicts.append({check.check: check.verdict for check in result.checks})
        committed.append(effects(loaded, directory))
        segments = {path.name for path in (directory / "segments").glob("*")}
        directory.rename(loaded.root / f"run{len(verdicts)}")
    assert verdicts[0] == verdicts[1] and committed[0] == committed[1] != []
    assert {"main", "erp", "plm", "desk"} < segments and len(segments) >= 5


def doors(process: int) -> list[int]:
    """The processes of systems that a run has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            parent = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"spawn_main" in words and int(parent) == process:
            found.append(int(entry.name))
    return found


def test_a_process_of_a_system_that_dies_leaves_an_unknown_that_says_so(loaded: Project) -> None:
    long_load(loaded)
    process = loaded.start("load", "short-load", "--processes")
    until(lambda: any(loaded.runs.glob("*/target*")) and driver_processes(loaded), SLOW_S)
    started = doors(process.pid)
    until(lambda: driving(loaded, "segments/main/"), SLOW_S)
    os.kill(started[0], signal.SIGKILL)
    out, err = process.communicate(timeout=SLOW_S)
    assert process.returncode == 4, out + err
    assert re.search(r"the process of \S+ ended by itself \(signal 9\)", out), out
    assert "Traceback" not in err and not driver_processes(loaded)
    assert not [number for number in started if Path(f"/proc/{number}").exists()]


def test_what_processes_cannot_do_is_refused(loaded: Project) -> None:
    loaded.write(
        "loadtests/faulty.yaml", PROFILE.replace("short-load", "faulty") + "faults: [{fault: response-lost}]\n"
    )
    done = loaded.call("load", "faulty", "--processes")
    assert done.code == 2, done.said
    assert "--processes does not go with the profile's faults" in done.err


FRAIL = """\
import sys, threading, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Events(BaseHTTPRequestHandler):
    seen = 0
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204); self.end_headers()
        Events.seen += 1
        if Events.seen > 20:
            os._exit(3)
    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Events).serve_forever()
"""


def test_what_is_wrong_with_a_profile_is_told_with_its_place(loaded: Project) -> None:
    loaded.write("loadtests/short-load.yaml", PROFILE.replace("constant", "constantly").replace("small", "smal"))
    done = loaded.call("load", "short-load")
    assert done.code == 2, done.said
    assert "did you mean `constant`" in done.err and "there is no estate `smal`" in done.err
    assert "short-load.yaml:2:" in done.err
    assert loaded.call("validate").code == 2


def test_without_locust_the_hint_is_exact(loaded: Project) -> None:
    loaded.write("hide/locust_is_missing.py", "")
    loaded.write("hide/sitecustomize.py", HIDE)
    done = loaded.call("load", "short-load", environment={"PYTHONPATH": str(loaded.root / "hide")})
    assert done.code == 2, done.said
    assert "pip install 'pilotplant[load]'" in done.err


HIDE = """\
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "locust" else find(name, package)
"""
