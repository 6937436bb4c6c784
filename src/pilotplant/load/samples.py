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


def own() -> Usage:
    """What this process has used."""
    times = os.times()
    usage = _of_process(os.getpid()) if sys.platform == "linux" else NOTHING_KNOWN
    return Usage(times.user + times.system, usage.rss_bytes, usage.handles)


def of_groups(leaders: Sequence[int]) -> Usage:
    """What all processes of these process groups have used together; those that have ended count no more."""
    if sys.platform != "linux" or not leaders:
        return NOTHING_KNOWN
    wanted = set(leaders)
    cpu_s, rss_bytes, handles, seen = 0.0, 0, 0, False
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _group_of(entry.name) in wanted:
            usage = _of_process(int(entry.name))
            if usage is not NOTHING_KNOWN:
                seen = True
                cpu_s, rss_bytes, handles = cpu_s + usage.cpu_s, rss_bytes + usage.rss_bytes, handles + usage.handles
    return Usage(cpu_s, rss_bytes, handles) if seen else NOTHING_KNOWN


def _fields(process: str) -> list[str]:
    """The fields of `/proc/<pid>/stat` after the name, which may hold anything."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _group_of(process: str) -> int:
    fields = _fields(process)
    return int(fields[2]) if len(fields) > 2 else UNKNOWN


def _of_process(process: int) -> Usage:
    fields = _fields(str(process))
    if len(fields) < 22:
        return NOTHING_KNOWN
    try:
        handles = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        handles = UNKNOWN
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE, handles)
