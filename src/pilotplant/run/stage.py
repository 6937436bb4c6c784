"""Where a run takes place, live or within this process: its clock, its host, and how the target is handled."""

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from pilotplant.run.preparation import Data, Prepared
from pilotplant.run.request import RunRequest

EPOCH = 1_772_431_200.0
"""Where a clock is virtual, the run begins on a Monday, 2 March 2026, 06:00 UTC: always the same, so that the same seed
gives the same bytes."""


class Stage(Protocol):
    """One run's surroundings."""

    @property
    def awaits(self) -> int:
        """How often the middleware has waited since it was started; 0 where that is not known."""
        ...

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the work to its end, on the clock of this stage."""
        ...

    def prepare(self, request: RunRequest, data: Data, directory: Path) -> Prepared:
        """The estate, ready to be entered."""
        ...

    async def start_target(self, prepared: Prepared) -> None:
        """Start the middleware and subscribe it to events."""
        ...

    async def revive_target(self) -> None:
        """The end of the stimuli: whatever was killed must be there again, and is killed no more."""
        ...

    async def stop_target(self) -> None:
        """End the middleware and everything that belongs to it."""
        ...

    @property
    def target_processes(self) -> Sequence[int]:
        """The process ids of the middleware's instances; none where it was not started by us, or is no process."""
        ...

    def died(self) -> str:
        """Why the middleware ended by itself; empty while it lives."""
        ...
