"""Process groups that are watched: who belongs to them, how long they have worked unseen, or waited for a processor."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

UNKNOWN = -1
WATCHABLE = sys.platform == "linux"


def fields(path: str) -> list[str]:
    """The fields of a `stat` file after the name, which may hold anything."""
    try:
        return Path(path).read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


class Groups:
    """Who belongs to process groups. That is looked up only now and then: it costs milliseconds."""

    LOOK_EVERY = 10

    def __init__(self) -> None:
        self._members: list[int] = []
        self._asked = 0
        self._leaders: tuple[int, ...] = ()

    def members(self, leaders: Sequence[int]) -> list[int]:
        """The processes of these groups."""
        if not WATCHABLE or not leaders:
            return []
        if self._leaders != tuple(leaders) or self._asked % self.LOOK_EVERY == 0:
            self._leaders = tuple(leaders)
            numbers = (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
            self._members = [number for number in numbers if _group_of(number) in leaders]
        self._asked += 1
        return self._members


class Effort:
    """How long the threads of process groups have worked, or could not: they waited for a processor or for a disk.

    Whoever waits for the target to rest must not take a target that has no processor for one that has nothing to do.
    """

    def __init__(self) -> None:
        self._groups = Groups()
        self._seen: dict[str, int] = {}

    def since_last(self, leaders: Sequence[int], elapsed_s: float) -> float:
        """The seconds worked by all together since this was asked last, `elapsed_s` ago; never more than that."""
        seen = {thread: sum(times) for thread, times in scheduled(self._groups.members(leaders)).items()}
        worked_ns = sum(now - self._seen.get(thread, now) for thread, now in seen.items())
        self._seen = seen
        waits_for_a_disk = any(fields(f"{thread}/stat")[:1] == ["D"] for thread in seen)
        return elapsed_s if waits_for_a_disk else min(worked_ns / 1e9, elapsed_s)


def scheduled(processes: Sequence[int]) -> dict[str, tuple[int, int]]:
    """By thread of these processes, for how many nanoseconds it has run, and has waited for a processor."""
    found: dict[str, tuple[int, int]] = {}
    for process in processes:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{process}/task"):
                thread = f"/proc/{process}/task/{name}"
                with suppress(OSError, ValueError):
                    ran, queued = Path(f"{thread}/schedstat").read_text("ascii").split()[:2]
                    found[thread] = (int(ran), int(queued))
    return found


def _group_of(process: int) -> int:
    found = fields(f"/proc/{process}/stat")
    return int(found[2]) if len(found) > 2 else UNKNOWN
