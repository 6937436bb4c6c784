"""Which of several instances on one database works: whoever holds the lock. The others take events and wait.

The lock is that of a file, held for as long as a connection is open: the operating system lets go of it when a process
dies, however it dies, and an instance that stands still keeps it. So there are never two, and nothing has to time out.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from pilotplant.reference.clock import Clock

LOOK_EVERY_S = 0.2


class Leadership:
    """The claim of one instance."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._lock = sqlite3.connect(file, timeout=0)
        self._lock.isolation_level = None
        self._clock = clock

    def take(self) -> bool:
        """Whether this instance is the one that works, from now on."""
        try:
            self._lock.execute("begin exclusive")
        except sqlite3.OperationalError:
            return False
        return True

    async def wait(self) -> None:
        """Wait until no other instance works."""
        while not self.take():
            await self._clock.sleep(LOOK_EVERY_S)

    async def watch(self, written: Callable[[], bool], go_on: Callable[[], None]) -> None:
        """Take on what the others have written down; for as long as this instance works."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            if written():
                go_on()

    def give_up(self) -> None:
        """Let another one work."""
        self._lock.close()
