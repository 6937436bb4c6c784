"""The lives of the target: whether all are over, so that nothing more can come of it."""

from typing import Any

from pilotplant.ledger.records import Crash, Restart


class Lives:
    """Follows its starts and ends; there may be several instances of it at once."""

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self.over = False
        """Whether it is dead, with every instance of it."""

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        return {Crash: (None, self.on_crash), Restart: (None, self.on_restart)}

    def on_crash(self, record: Crash) -> None:
        """An instance died."""
        self._alive.discard(record.incarnation)
        self.over = not self._alive

    def on_restart(self, record: Restart) -> None:
        """It was started, perhaps again, perhaps beside another."""
        self._alive.add(record.incarnation)
        self.over = False
