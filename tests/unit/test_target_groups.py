"""What a process group has worked while nobody saw it move."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from pilotplant.target.groups import WATCHABLE, Effort, Groups

pytestmark = pytest.mark.skipif(not WATCHABLE, reason="read from /proc")

WORKER = """\
import sys, time
print(flush=True)
for line in sys.stdin:
    until = time.process_time() + 0.2
    while line.strip() == "work" and time.process_time() < until:
        pass
    print(flush=True)
"""


@pytest.fixture
def worker() -> Iterator["subprocess.Popen[str]"]:
    """A process in a group of its own that works when it is told to."""
    command = [sys.executable, "-S", "-c", WORKER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def tell(process: "subprocess.Popen[str]", word: str) -> None:
    """Tell it, and wait until it has done so."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    process.stdout.readline()


def test_work_counts_and_idleness_does_not(worker: "subprocess.Popen[str]") -> None:
    effort = Effort()
    effort.since_last([worker.pid], 10.0)
    tell(worker, "work")
    assert 0.19 <= effort.since_last([worker.pid], 10.0) <= 10.0
    tell(worker, "work")
    assert effort.since_last([worker.pid], 0.05) == 0.05, "never more than the time that has passed"
    tell(worker, "nothing")
    effort.since_last([worker.pid], 10.0)
    assert effort.since_last([worker.pid], 10.0) < 0.05
    assert effort.since_last([], 10.0) == 0.0


def test_a_group_has_its_members_only(worker: "subprocess.Popen[str]") -> None:
    assert Groups().members([worker.pid]) == [worker.pid]
    assert Groups().members([]) == []
