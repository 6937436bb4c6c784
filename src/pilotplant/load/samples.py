"""What a process has used: processor time, memory, open files. Read from the operating system, for the ledger."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from pilotplant.target import groups
from pilotplant.target.groups import UNKNOWN, WATCHABLE

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
    usage = _of_process(os.getpid()) if WATCHABLE else NOTHING_KNOWN
    usages = [each for each in map(_of_process, others) if each is not NOTHING_KNOWN]
    cpu_s = times.user + times.system + sum(each.cpu_s for each in usages)
    if usage is NOTHING_KNOWN:
        return Usage(cpu_s, UNKNOWN, UNKNOWN)
    rss_bytes, handles = (usage[at] + sum(each[at] for each in usages) for at in (1, 2))
    return Usage(cpu_s, int(rss_bytes), int(handles))


def each_own(others: Sequence[int]) -> list[Usage]:
    """What this process has used, and each of the others by itself: whoever is busiest is what limits."""
    usages = [own(), *map(_of_process, others)] if others and WATCHABLE else []
    return [] if NOTHING_KNOWN in usages else usages


class Groups:
    """Process groups that are watched."""

    def __init__(self) -> None:
        self._groups = groups.Groups()

    def usage(self, leaders: Sequence[int]) -> Usage:
        """What all processes of these groups have used together; those that have ended count no more."""
        members = self._groups.members(leaders)
        usages = [usage for usage in map(_of_process, members) if usage is not NOTHING_KNOWN]
        if not usages:
            return NOTHING_KNOWN
        cpu_s, rss_bytes, handles = map(sum, zip(*usages, strict=True))
        return Usage(cpu_s, int(rss_bytes), int(handles))


def _of_process(process: int) -> Usage:
    fields = groups.fields(f"/proc/{process}/stat")
    if len(fields) < 22:
        return NOTHING_KNOWN
    try:
        handles = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        handles = UNKNOWN
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE, handles)
