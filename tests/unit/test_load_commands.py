"""Around a load: the command that repeats it, what is left of a broken search, workers elsewhere, doors."""

import asyncio
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from pilotplant.cli.commands.load import _where, _words
from pilotplant.cli.main import app
from pilotplant.drive.live import door as doors_
from pilotplant.drive.live.doors import Door
from pilotplant.explore.replaying import of_run
from pilotplant.load import running
from pilotplant.load.conclusion import Capacity
from pilotplant.load.drivers import be_a_worker
from pilotplant.load.driving import Driving
from pilotplant.load.loading import LoadSetup
from pilotplant.load.model import LoadSpec
from pilotplant.load.running import find_capacity, written
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.resources import find_project
from pilotplant.run.request import RunRequest
from pilotplant.run.running import _repro
from pilotplant.target import warden
from tests.unit.test_load_capacity import FLAT, came_to, load_spec, under_load


def test_the_command_that_repeats_a_load_says_all_that_it_was_told() -> None:
    words = (*_words(2, "10.0.0.1:5557", 3, "10.0.0.1"), "--scale", "0.1")
    given = {"replayed": "", "scenario_named": "day", "target_named": "hub", "command": "load", "seed": 4}
    more = {"mode": "live", "processes": True, "overrides": (), "words": words, "project": find_project()}
    request: Any = SimpleNamespace(**given, **more)
    assert _repro(request) == (
        "pilotplant load day --target hub --seed 4 --processes --workers 2 --master 10.0.0.1:5557 --expect 3 "
        "--host 10.0.0.1 --scale 0.1"
    )
    assert _words(None, None, 0, "127.0.0.1") == ()


def test_the_profile_of_an_attempt_is_a_document(tmp_path: Path) -> None:
    profile = load_spec()
    path = written(profile, tmp_path)
    assert LoadSpec.model_validate(yaml.safe_load(path.read_text("utf-8"))) == profile


RICH = """
load: rich
estate: three-plants
speed: 60
workers: 3
arrivals:
  - {do: mes.order.complete, shape: poisson, rate: 1/min, for: 30s, key: shop, start: 2s}
  - {do: plm.change.release, shape: ramp, from: 1/s, to: 3/s, for: 7s, with: {affected_median: 1, affected_p95: 3}}
faults:
  - {fault: latency, match: {system: erp}, delay_s: 0.02, window: {from_s: 1, to_s: 2}}
  - {fault: outage, match: {operation: erp.item.get}, answer: dropped, max_count: 2}
flows: [production-confirmation, engineering-change]
thresholds: [confirmation_to_stock p95 < 3s]
capacity: {from: 7/s, to: 70/s, hold: 3300ms}
soak: {warm_up: 0.2}
"""


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[RunRequest, Driving]]]:
    """Calls the command in a project, runs nothing, and returns what would have been run."""
    begun: list[tuple[RunRequest, Driving]] = []

    def run(request: RunRequest, act: Any) -> Any:
        begun.append((request, act.__self__))
        return SimpleNamespace(
            result=came_to(msgspec.structs.replace(under_load(), curves=(FLAT,)), exit=Exit.INTERNAL),
            directory=request.directory,
        )

    def call(*words: str) -> list[tuple[RunRequest, Driving]]:
        begun.clear()
        done = CliRunner().invoke(app, ["load", *words, "--format", "json"])
        assert begun, done.output
        return [*begun]

    monkeypatch.setattr(running, "run", run)
    shutil.copytree(Path(__file__).parents[2] / "examples" / "fast-hub", tmp_path / "shop floor")
    (tmp_path / "shop floor" / "loadtests" / "rich.yaml").write_text(RICH, "utf-8")
    monkeypatch.chdir(tmp_path / "shop floor")
    return call


@pytest.mark.parametrize(
    "words",
    [
        ("how-much",),
        ("loadtests/rich.yaml", "--scale", "3", "--seed", "7"),
        ("steady-day", "--target", "one-at-a-time", "--workers", "2", "--processes", "--out", "my runs"),
        ("steady-day", "--master", "10.0.0.1:5557", "--expect", "3", "--host", "10.0.0.1", "--token", "T"),
        ("how-much", "--project", "shop floor"),
    ],
    ids=" ".join,
)
def test_the_command_of_an_attempt_repeats_it(
    words: tuple[str, ...], attempts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--project" in words:
        monkeypatch.chdir(tmp_path)
    (request, driving), *_ = attempts(*words, "--find-capacity")
    name, load, *again = shlex.split(_repro(request))
    assert (name, load) == ("pilotplant", "load")
    ((same, drives),) = attempts(*again, *(("--token", "T") if "--token" in words else ()))
    assert drives._plan == driving._plan and drives._profile == driving._profile
    assert drives._drivers.expected == driving._drivers.expected and driving._plan.occurrences
    for field in ("setup", "target", "seed", "address", "processes", "project"):
        assert getattr(same, field) == getattr(request, field)
    assert _repro(same) == _repro(request)


def test_what_was_found_before_ctrl_c_is_not_lost() -> None:
    setup: Any = SimpleNamespace(setup=SimpleNamespace(profiles={}), scenario=None)
    kept: list[Capacity] = []

    class Setup(LoadSetup):
        def with_profile(self, profile: LoadSpec) -> LoadSetup:
            return Setup(profile, setup)

    def attempt(load: LoadSetup, _name: str) -> Any:
        if load.profile.rate > 15:
            raise KeyboardInterrupt
        return SimpleNamespace(result=came_to(msgspec.structs.replace(under_load(), curves=(FLAT,))))

    with pytest.raises(KeyboardInterrupt):
        find_capacity(Setup(load_spec(), setup), "shop", 0, attempt, kept.append)
    assert [len(each.attempts) for each in kept] == [1, 2, 2]
    assert [each.exit for each in kept] == [Exit.UNKNOWN, Exit.UNKNOWN, Exit.INTERRUPTED]
    last = kept[-1]
    assert not last.finished and last.verdict is Verdict.UNKNOWN
    assert last.knee_per_s == 10 and "not finished (broken off while 20 a second was tried)" in last.summary
    assert "was to be tried" not in last.summary


@pytest.mark.parametrize("broken_off", [False, True])
def test_a_search_can_be_shown_again_and_is_the_latest(broken_off: bool, attempts: Any, monkeypatch: Any) -> None:
    again = vars(running)["run"]

    def run(request: RunRequest, act: Any) -> Any:
        (request.directory / "run.json").touch()  # type: ignore[operator]
        if broken_off:
            raise KeyboardInterrupt
        return again(request, act)

    monkeypatch.setattr(running, "run", run)
    call = CliRunner().invoke
    done = call(app, ["load", "how-much", "--find-capacity", "--seed", "3"])
    ends = Exit.INTERRUPTED if broken_off else Exit.INTERNAL
    assert done.exit_code == ends and "capacity.html" in done.stdout, done.output
    assert ("counted in arrivals" in done.stdout) != broken_off
    shown = call(app, ["report"])
    assert shown.exit_code == ends and shown.stdout.splitlines()[:3] == done.stdout.splitlines()[:3]
    command = "pilotplant load how-much --find-capacity --target fast-hub --seed 3"
    for refused in (call(app, ["replay", "latest"]), call(app, ["ledger", "show", "latest"])):
        told = " ".join(refused.output.split())
        assert refused.exit_code == Exit.USAGE and "search for capacity" in told
        assert command in told and "01-rate-" in told


def test_what_a_load_did_is_not_replayed_and_the_command_is_named(tmp_path: Path) -> None:
    info = dict.fromkeys(("run", "scenario", "target", "mode", "started", "git"), "x")
    repro = "pilotplant load steady-day --target reference --seed 4"
    more = {"argv": [], "versions": {}, "seed": 4, "repro": repro, "configuration": {"load": {}}}
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(info | more))
    with pytest.raises(UsageError) as error:
        of_run(find_project(), tmp_path, None)
    assert repro in error.value.help


@pytest.mark.parametrize(
    ("host", "master", "refused"),
    [
        ("127.0.0.1", "0.0.0.0:5557", True),
        ("0.0.0.0", "10.0.0.1:5557", True),
        ("127.0.0.1", "127.0.0.1:5557", False),
        ("10.0.0.1", "0.0.0.0:5557", False),
    ],
)
def test_workers_elsewhere_have_to_reach_the_estate(host: str, master: str, refused: bool) -> None:
    settings: Any = SimpleNamespace(host=host)
    if refused:
        with pytest.raises(UsageError, match="cannot reach the estate"):
            _where(settings, None, 1, master, 2, "t")
    else:
        assert _where(settings, None, 1, master, 2, "t").remote == 2


@pytest.mark.parametrize(("code", "ends"), [(0, Exit.PASS), (1, Exit.UNKNOWN), (137, Exit.UNKNOWN)])
def test_a_worker_is_guarded_and_its_exit_code_is_no_verdict(
    code: int, ends: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    class Process:
        def __init__(self, command: list[str], stdin: Any, **_more: Any) -> None:
            started.append((command, stdin))
            self.stdin = SimpleNamespace(close=lambda: None)

        def wait(self) -> int:
            return code

    monkeypatch.setattr(subprocess, "Popen", Process)
    assert be_a_worker(("10.0.0.1", 5557), "t") == ends
    ((command, stdin),) = started
    assert warden.__file__ in command and stdin == subprocess.PIPE


class Stubborn:
    """A process that never ends by itself."""

    def __init__(self) -> None:
        self.killed = False

    def is_alive(self) -> bool:
        """Until it is killed."""
        return not self.killed

    def kill(self) -> None:
        """End it."""
        self.killed = True

    def join(self, _timeout: float) -> None:
        """It is gone."""


@pytest.mark.parametrize(("port", "deadline_s"), [(0, 30.0), (8080, 0.5)])
def test_doors_are_waited_for_together_and_not_at_all_where_they_never_opened(port: int, deadline_s: float) -> None:
    async def end_all() -> float:
        loop = asyncio.get_running_loop()
        began, doors = loop.time(), []
        for _ in range(5):
            door = Door(SimpleNamespace(name="erp"), SimpleNamespace())  # type: ignore[arg-type]
            door._process, door.port = Stubborn(), port
            doors.append(door)
        for door in doors:
            await door.until_ended(began + deadline_s)
        assert all(door._process.killed for door in doors)
        return loop.time() - began

    assert asyncio.run(end_all()) < 2.4


@pytest.mark.parametrize("said", [None, doors_.END])
def test_a_door_whose_estate_is_gone_already_just_ends(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)
    ours, theirs = Pipe()
    if said is not None:
        ours.send(said)
    else:
        ours.close()
    doors_.be_a_door(theirs)
