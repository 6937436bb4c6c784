"""`pilotplant prove` with real runs: the judge catches what is planted, and says nothing of the reference."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.command_line import LIMIT_S, Project

EVERY = "d02_takes_202_as_done", "d10_repeats_after_timeout", "d25_whole_batch_resent"


def test_planted_defects_are_caught_by_the_checks_that_name_them(project: Project) -> None:
    words = [word for name in EVERY for word in ("--defect", name)]
    done = project.call("prove", *words, "--seeds", "1", "--jobs", "2", "--format", "json")
    assert done.code == 0, done.said
    matrix = done.json()
    assert set(matrix) == {"reference", "defects", "elapsed_s"}
    assert matrix["reference"] == {"runs": 1, "false_alarms": 0, "unknown": 0}
    assert [(told["id"], told["caught"], told["check"]) for told in matrix["defects"]] == [
        ("d02_takes_202_as_done", True, "sequencing"),
        ("d10_repeats_after_timeout", True, "once"),
        ("d25_whole_batch_resent", True, "once"),
    ]
    assert all(
        set(told) == {"id", "name", "caught", "check", "scenario", "seeds", "also"} for told in matrix["defects"]
    )
    assert not project.runs.exists(), "its runs leave nothing behind"


def test_a_defect_is_caught_live_too(project: Project) -> None:
    done = project.call("prove", "--live", "--defect", "d02_takes_202_as_done", "--seeds", "1", "--jobs", "1")
    assert done.code == 0, done.said
    table, certificate = done.out.splitlines()[:2], done.out.splitlines()[3]
    assert table[1].split()[:3] == ["d02_takes_202_as_done", "caught", "sequencing"]
    assert certificate.startswith("1 of 1 defect caught by their own check; the reference: 1 run, 0 false alarms")
    page = (project.root / "reports/proven/matrix.html").read_text("utf-8")
    assert "d02_takes_202_as_done" in page and "had been told" in page


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_campaign_ends_its_processes(project: Project, how: signal.Signals) -> None:
    process = project.start("prove", "--defect", "d10", "--seeds", "500", "--jobs", "2")
    assert process.stderr is not None
    assert process.stderr.readline().rstrip().endswith("proving")
    while len(children := _children(process.pid)) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(how)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert "interrupted" in err and "Traceback" not in err
    deadline = time.monotonic() + 10
    while left := [child for child in children if Path(f"/proc/{child}").is_dir()]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


def _children(parent: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            words = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split() if entry.isdigit() else []
        except OSError:  # it ended meanwhile
            continue
        if words and int(words[1]) == parent:
            found.append(int(entry))
    return found
