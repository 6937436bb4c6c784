"""What a process has used: processor time, memory, open files. Read from the operating system, for the ledger."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

UNKNOWN = -1
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Usage(NamedTuple):
    """What was used up to now."""

    cpu_s: float
    rss_bytes: int
    handles: int


NOTHING_KNOWN = Usage(float(UNKNOWN), UNKNOWN, UNKNOWN)


def own(others: Sequence[int] = ()) -> Usage:
    """What this process has used, and others that belong to it."""
    times = os.times()
    usage = _of_process(os.getpid()) if sys.platform == "linux" else NOTHING_KNOWN
    usages = [each for each in map(_of_process, others) if each is not NOTHING_KNOWN]
    cpu_s = times.user + times.system + sum(each.cpu_s for each in usages)
    if usage is NOTHING_KNOWN:
        return Usage(cpu_s, UNKNOWN, UNKNOWN)
    rss_bytes, handles = (usage[at] + sum(each[at] for each in usages) for at in (1, 2))
    return Usage(cpu_s, int(rss_bytes), int(handles))


def each_own(others: Sequence[int]) -> list[Usage]:
    """What this process has used, and each of the others by itself: whoever is busiest is what limits."""
    usages = [own(), *map(_of_process, others)] if others and sys.platform == "linux" else []
    return [] if NOTHING_KNOWN in usages else usages


class Groups:
    """Process groups that are watched. Who belongs to them is looked up only now and then: it costs milliseconds."""

    LOOK_EVERY = 10

    def __init__(self) -> None:
        self._members: list[int] = []
        self._asked = 0
        self._leaders: tuple[int, ...] = ()

    def usage(self, leaders: Sequence[int]) -> Usage:
        """What all processes of these groups have used together; those that have ended count no more."""
        if sys.platform != "linux" or not leaders:
            return NOTHING_KNOWN
        if self._leaders != tuple(leaders) or self._asked % self.LOOK_EVERY == 0:
            self._leaders = tuple(leaders)
            numbers = (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
            self._members = [number for number in numbers if _group_of(number) in leaders]
        self._asked += 1
        usages = [usage for usage in map(_of_process, self._members) if usage is not NOTHING_KNOWN]
        if not usages:
            return NOTHING_KNOWN
        cpu_s, rss_bytes, handles = map(sum, zip(*usages, strict=True))
        return Usage(cpu_s, int(rss_bytes), int(handles))


def _fields(process: int) -> list[str]:
    """The fields of `/proc/<pid>/stat` after the name, which may hold anything."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _group_of(process: int) -> int:
    fields = _fields(process)
    return int(fields[2]) if len(fields) > 2 else UNKNOWN


def _of_process(process: int) -> Usage:
    fields = _fields(process)
    if len(fields) < 22:
        return NOTHING_KNOWN
    try:
        handles = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        handles = UNKNOWN
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE, handles)
