"""What a process has used: processor time, memory, open files, and how long the machine let it wait for a processor.
Read from the operating system, for the ledger."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pilotplant.target.process_groups import UNKNOWN, WATCHABLE, Groups, fields, scheduled

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Usage(NamedTuple):
    """What was used up to now, and for how long all threads together waited for a processor; -1: not known."""

    cpu_s: float
    rss_bytes: int
    handles: int
    waited_s: float


NOTHING_KNOWN = Usage(float(UNKNOWN), UNKNOWN, UNKNOWN, float(UNKNOWN))


def own(others: Iterable[int] = ()) -> Usage:
    """What this process has used, and others that belong to it."""
    times = os.times()
    usage = _of_process(os.getpid()) if WATCHABLE else NOTHING_KNOWN
    usages = [each for each in map(_of_process, others) if each is not NOTHING_KNOWN]
    cpu_s = times.user + times.system + sum(each.cpu_s for each in usages)
    whole = NOTHING_KNOWN if usage is NOTHING_KNOWN else _together([usage, *usages])
    return whole._replace(cpu_s=cpu_s)


def each_own(others: Mapping[str, int]) -> dict[str, Usage]:
    """What this process has used, which has the estate, and each of the others by itself: whoever is busiest is what
    limits."""
    if not others or not WATCHABLE:
        return {}
    usages = {"estate": own(), **{name: _of_process(process) for name, process in others.items()}}
    return {} if NOTHING_KNOWN in usages.values() else usages


class GroupUsage:
    """What process groups use while they are watched."""

    def __init__(self) -> None:
        self._groups = Groups()

    def usage(self, leaders: Sequence[int]) -> Usage:
        """What all processes of these groups have used together; those that have ended count no more."""
        members = self._groups.members(leaders)
        usages = [usage for usage in map(_of_process, members) if usage is not NOTHING_KNOWN]
        return _together(usages) if usages else NOTHING_KNOWN


def _together(usages: Sequence[Usage]) -> Usage:
    cpu_s, rss_bytes, handles, waited_s = map(sum, zip(*usages, strict=True))
    waits = [each.waited_s for each in usages]
    return Usage(cpu_s, int(rss_bytes), int(handles), waited_s if min(waits) >= 0 else float(UNKNOWN))


def _of_process(process: int) -> Usage:
    found = fields(f"/proc/{process}/stat")
    if len(found) < 22:
        return NOTHING_KNOWN
    try:
        handles = len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        handles = UNKNOWN
    threads = scheduled([process])
    waited_s = sum(queued for _ran, queued in threads.values()) / 1e9 if threads else float(UNKNOWN)
    return Usage((int(found[11]) + int(found[12])) / _TICKS, int(found[21]) * _PAGE, handles, waited_s)
