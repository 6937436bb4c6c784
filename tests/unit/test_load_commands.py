"""Around a load: the command that repeats it, what is left of a broken search, workers elsewhere, doors."""

import asyncio
import signal
import subprocess
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml

from pilotplant.cli.commands.load import _where, _words
from pilotplant.drive.live import door as doors_
from pilotplant.drive.live.doors import Door
from pilotplant.load.capacity import Capacity
from pilotplant.load.drivers import be_a_worker
from pilotplant.load.loading import LoadSetup
from pilotplant.load.model import LoadSpec
from pilotplant.load.running import find_capacity, written
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.run.running import _repro
from pilotplant.target import warden
from tests.unit.test_load_capacity import FLAT, came_to, load_spec, under_load


def test_the_command_that_repeats_a_load_says_all_that_it_was_told() -> None:
    words = (*_words(2, "10.0.0.1:5557", 3, "10.0.0.1"), "--scale", "0.1")
    given = {"replayed": "", "scenario_named": "day", "target_named": "hub", "command": "load", "seed": 4}
    request: Any = SimpleNamespace(**given, mode="live", processes=True, overrides=(), words=words)
    assert _repro(request) == (
        "pilotplant load day --target hub --seed 4 --processes --workers 2 --master 10.0.0.1:5557 --expect 3 "
        "--host 10.0.0.1 --scale 0.1"
    )
    assert _words(None, None, 0, "127.0.0.1") == ()


def test_the_profile_of_an_attempt_is_a_document(tmp_path: Path) -> None:
    profile = load_spec()
    path = written(profile, tmp_path)
    assert LoadSpec.model_validate(yaml.safe_load(path.read_text("utf-8"))) == profile


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
    assert [len(each.attempts) for each in kept] == [1, 2]
    last = kept[-1]
    assert not last.finished and last.verdict is Verdict.UNKNOWN and last.exit == Exit.UNKNOWN
    assert last.knee_per_s == 10 and "not finished" in last.summary


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
