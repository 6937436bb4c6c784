"""`pilotplant explore` and `replay` as a user has them: real runs, real processes."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.integration.command_line import LIMIT_S, Project

GONE_WITHIN_S = 10.0
TINY = """\
scenario: tiny
estate: small
stimuli:
  - {do: mes.order.complete, count: 3, over: 200ms}
flows: [production-confirmation]
quiescence: {quiet: 200ms, give_up: 5s}
"""
NULL = ("explore", "scenarios/tiny.yaml", "--mode", "live", "--target", "null")


def test_what_fails_is_shrunk_saved_and_replayed(project: Project) -> None:
    project.write("scenarios/tiny.yaml", TINY)
    done = project.call(*NULL, "--runs", "4", "--jobs", "2", "--seed", "3", "--format", "json")
    assert done.code == 1, done.said
    told = done.json()
    (found,) = told["found"]
    assert (told["runs"], told["fail"], found["check"], found["run"]) == (1, 1, "completeness", 0)
    assert (found["stimuli"], found["faults"], found["shrinking"]["finished"]) == (1, 0, True)
    assert not project.runs.exists(), "no run directory is left"
    path = Path(found["file"])
    assert path.parent == project.root / "reports" / "explored"
    saved = yaml.safe_load(path.read_text("utf-8"))
    assert saved["found"] == {
        "seed": found["seed"],
        "mode": "live",
        "target": "null",
        "check": "completeness",
        "step": found["step"],
    }
    assert found["replay"] == f"pilotplant replay reports/explored/{path.name}"
    for named in (f"reports/explored/{path.name}", path.stem, path.name):
        again = project.call("replay", named, "--format", "json", "--report", "json")
        (brief,) = again.json()
        assert again.code == 1 and brief["repro"] == f"pilotplant replay {named}", again.said
        assert (brief["scenario"], brief["seed"], brief["target"]) == (path.stem, found["seed"], "null")
    mended = project.call("replay", path.stem, "--target", "quick")
    assert mended.code == 0 and "PASS" in mended.out, mended.said


def test_for_people_a_finding_looks_as_in_a_run(project: Project) -> None:
    project.write("scenarios/tiny.yaml", TINY)
    done = project.call(*NULL, "--runs", "2", "--jobs", "1", "--no-faults", "--out", "found")
    (path,) = (project.root / "found").glob("*.yaml")
    assert done.code == 1 and "FAIL completeness" in done.out, done.said
    assert f"saved: found/{path.name}\n    replay: pilotplant replay found/{path.name}\n" in done.out
    assert done.out.rstrip().endswith("FAIL   exit 1") and "1 run: 0 passed, 1 failed, 0 undecided" in done.out
    assert "exploring, 1 failed" in done.err and "shrinking completeness" in done.err


def test_a_correct_middleware_passes_and_leaves_nothing(project: Project) -> None:
    done = project.call("explore", "short", "--mode", "live", "--runs", "2", "--jobs", "2", "--no-faults")
    assert done.code == 0 and "2 runs: 2 passed, 0 failed, 0 undecided" in done.out, done.said
    assert not (project.root / "reports").exists()


def test_a_campaign_in_which_nothing_is_decided_is_unknown(project: Project) -> None:
    project.write("scenarios/idle.yaml", "scenario: idle\nestate: small\nflows: [production-confirmation]\n")
    done = project.call("explore", "idle", "--mode", "live", "--target", "null", "--runs", "2", "--no-faults")
    assert done.code == 4 and "2 undecided" in done.out and "the run proves nothing" in done.out, done.said


def test_a_run_is_replayed_from_its_directory_with_what_was_set(project: Project) -> None:
    first = project.call("run", "short", "--target", "null", "--seed", "5", "--set", "stimuli.0.count=2")
    directory = project.run_directory
    before = project.run_info()
    project.write("scenarios/short.yaml", "scenario: short\n")  # the directory has it as it was
    out = project.root / "again"
    again = project.call("replay", directory.name, "--out", str(out), "--report", "json")
    assert first.code == again.code == 1, again.said
    (made,) = out.glob("*/run.json")
    after = json.loads(made.read_bytes())
    for same in ("scenario", "target", "seed", "mode", "data_digest", "stimuli_digest"):
        assert after[same] == before[same], same
    assert after["repro"] == f"pilotplant replay {directory.name}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explore", "shrt"), "did you mean `short`"),
        (("explore", "short", "--target", "http://127.0.0.1:9/events"), "runs already"),
        (("explore", "short", "--runs", "0"), "--runs"),
        (("explore", "short", "--mode", "whatif"), "--mode"),
        (("replay", "nothing"), "there is no run `nothing`"),
        (("replay", "nothing.yaml"), "there is no file `nothing.yaml`"),
        (("replay", "scenarios/short.yaml"), "does not say what was found with it"),
    ],
)
def test_what_cannot_work_is_said_before_anything_runs(project: Project, words: tuple[str, ...], said: str) -> None:
    done = project.call(*words)
    assert done.code == 2 and said in done.err, done.said
    assert not (project.root / "reports").exists()


def test_a_run_directory_that_is_damaged_is_reported(project: Project) -> None:
    project.write("reports/runs/broken/run.json", "{}")
    done = project.call("replay", "broken")
    assert done.code == 2 and "run.json cannot be read" in done.err, done.said


def test_a_target_that_cannot_be_started_ends_the_campaign(project: Project) -> None:
    project.write("targets/gone.yaml", "target: gone\nstart: {command: [no-such-program]}\n")
    done = project.call("explore", "short", "--mode", "live", "--target", "gone", "--runs", "3")
    assert done.code == 5 and "PP-TARGET" in done.err, done.said


def children(parent: int) -> list[int]:
    """The processes that a process has started and that are there still."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else ["", "0"]
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_campaign_that_is_ended_leaves_no_process(
    project: Project, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = project.root / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", os.fspath(temporary))
    process = project.start("explore", "short", "--mode", "live", "--runs", "500", "--jobs", "2", "--target", "quick")
    assert process.stderr is not None
    assert process.stderr.readline().rstrip().endswith("exploring"), "a first run has ended"
    started = children(process.pid)
    started += [child for each in started for child in children(each)]
    assert len(started) >= 2
    process.send_signal(how)
    out, err = process.communicate(timeout=LIMIT_S)
    deadline = time.monotonic() + GONE_WITHIN_S
    while left := [each for each in started if alive(each)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)
    if how is not signal.SIGKILL:
        assert process.returncode == 130 and "interrupted" in err, out + err
        assert "Traceback" not in out + err, err
        assert not list(temporary.iterdir()), "nothing is left behind"
