"""Work that waits for its turn: a few workers, the urgent first, and nothing twice at the same time."""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pilotplant.reference.clock import Clock

Key = tuple[str, ...]
PAUSE_AFTER_DEFECT_S = 2.0

log = logging.getLogger("pilotplant.reference")


class Lane:
    """Carries out one kind of work. Only keys are held here; what is to be done stands in the database.

    `each` is how many workers all that begins with the same part of a key, a plant say, may keep busy; 0: all of them.
    """

    def __init__(
        self, name: str, work: Callable[[Key], Awaitable[None]], clock: Clock, *, workers: int, each: int = 0
    ) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._workers = workers
        self._each = each or workers
        self._busy: Counter[str] = Counter()
        self._held: defaultdict[str, deque[tuple[int, int, Key]]] = defaultdict(deque)
        """What had its turn while others of the same beginning kept their share of the workers busy."""
        self._queue: asyncio.PriorityQueue[tuple[int, int, Key]] = asyncio.PriorityQueue()
        self._waiting: set[Key] = set()
        self._running: dict[Key, int | None] = {}
        self._added = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, key: Key, *, urgency: int = 0) -> None:
        """Have this done. What is being worked on is looked at once more afterwards; lower urgency comes first."""
        if key in self._running:
            self._running[key] = urgency
        elif key not in self._waiting:
            self._waiting.add(key)
            self._added += 1
            self._queue.put_nowait((urgency, self._added, key))

    def add_later(self, key: Key, delay_s: float, *, urgency: int = 0) -> None:
        """Have this done after a while."""

        async def wait() -> None:
            await self._clock.sleep(delay_s)
            self.add(key, urgency=urgency)

        self._start(wait())

    def start(self) -> None:
        """Let the workers begin."""
        for _ in range(self._workers):
            self._start(self._serve())

    async def stop(self) -> None:
        """Stop wherever the work is; the database knows how to go on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        while True:
            urgency, place, key = await self._queue.get()
            if self._busy[key[0]] >= self._each:
                self._held[key[0]].append((urgency, place, key))
                continue
            self._busy[key[0]] += 1
            self._waiting.discard(key)
            self._running[key] = None
            failed = False
            try:
                await self._work(key)
            except Exception:
                # Our own defect, or the database's. The others must not suffer, and this must not be forgotten.
                log.exception("%s %s failed and will be tried again", self._name, "/".join(key))
                failed = True
            self._make_room(key[0])
            again = self._running.pop(key)
            if failed:
                self.add_later(key, PAUSE_AFTER_DEFECT_S, urgency=urgency)
            elif again is not None:
                self.add(key, urgency=again)

    def _make_room(self, beginning: str) -> None:
        self._busy[beginning] -= 1
        if held := self._held[beginning]:
            self._queue.put_nowait(held.popleft())
