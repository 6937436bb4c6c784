"""Those who look for what nobody tells: at the lists of systems that post no events, and into folders."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.looking import keep_watch
from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import Settings
from pilotplant.reference.store import Store


class Watching:
    """Begins with the work and ends with it. `take` makes what is found durable before it returns."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        plm: SystemClient,
        store: Store,
        take: Callable[[bytes], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._lookouts = []
        if settings.plm.events == "delta":
            every_s, back_s = settings.look_every_s, settings.look_back_s
            self._lookouts.append(parts.lookout(plm, store, take, clock, every_s=every_s, back_s=back_s))
        every_s = settings.fetch_every_s
        named = dict.fromkeys(access.files for access in settings.systems() if access.files)
        self._intakes = [parts.intake(Path(folder), take, clock, every_s=every_s) for folder in named]

    def start(self) -> None:
        """Begin to look."""
        self._tasks += [asyncio.create_task(keep_watch(lookout, self._clock)) for lookout in self._lookouts]
        self._tasks += [asyncio.create_task(intake.watch()) for intake in self._intakes]

    async def stop(self) -> None:
        """Look no more; what was not finished is looked for again in the next life."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
