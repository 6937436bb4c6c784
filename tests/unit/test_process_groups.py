"""What a process group has worked while nobody saw it move, and how long it waited for a processor."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pilotplant.load import samples
from pilotplant.target.process_groups import WATCHABLE, Effort, Groups

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


another = worker


def tell(*processes: "subprocess.Popen[str]", word: str) -> None:
    """Tell them, and wait until they have done so."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(word + "\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()


def test_work_counts_and_idleness_does_not(worker: "subprocess.Popen[str]") -> None:
    effort = Effort()
    effort.since_last([worker.pid], 10.0)
    tell(worker, word="work")
    assert 0.19 <= effort.since_last([worker.pid], 10.0) <= 10.0
    tell(worker, word="work")
    assert effort.since_last([worker.pid], 0.05) == 0.05, "never more than the time that has passed"
    tell(worker, word="nothing")
    effort.since_last([worker.pid], 10.0)
    assert effort.since_last([worker.pid], 10.0) < 0.05
    assert effort.since_last([], 10.0) == 0.0


def test_a_group_has_its_members_only(worker: "subprocess.Popen[str]") -> None:
    assert Groups().members([worker.pid]) == [worker.pid]
    assert Groups().members([]) == []


def test_who_shares_a_processor_waits_for_it(worker: "subprocess.Popen[str]", another: "subprocess.Popen[str]") -> None:
    both = [worker.pid, another.pid]
    for process in both:
        os.sched_setaffinity(process, {min(os.sched_getaffinity(0))})
    groups = samples.GroupUsage()
    before = groups.usage(both)
    tell(worker, another, word="work")
    waited_s = groups.usage(both).waited_s - before.waited_s
    assert waited_s > 0.1, "each has worked for 0.2 s"
    assert before.waited_s >= 0 and samples.own([worker.pid]).waited_s > samples.own().waited_s - 1e-9
