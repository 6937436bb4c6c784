"""The pacer: lets a SimPy environment follow an asyncio clock, real or virtual.

Before anything is handled the environment is advanced to the loop's now; between two requests one timer wakes the pacer
at the next SimPy event. It never calls `env.run(until=…)`, which requeues its stop event and spins; a tick time-out
moves `env.now` instead. A behaviour that raises ends the run: the error is kept and handed to `on_failure`, and never
surfaces in the request that happened to advance the clock.
"""

import asyncio
from collections.abc import Callable
from math import inf

from pilotplant.kernel.world import World


class Pacer:
    """Drives `world.env` from the running asyncio loop."""

    def __init__(self, world: World, on_failure: Callable[[BaseException], None], start: float | None = None) -> None:
        self.world = world
        self._loop = asyncio.get_running_loop()
        self.start = self._loop.time() - world.env.now if start is None else start
        """The moment of the loop's clock from which wire time counts."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = inf
        self._on_failure = on_failure
        self._advancing = False
        self.failed = False
        self.wake_ups = 0
        world.wake = self.arm
        world.advance = self.advance

    def advance(self, due: float = 0.0) -> None:
        """Handle everything up to now (or up to `due`, if the timer fired a hair early), then set `env.now` to now."""
        if self._advancing or self.failed:
            return
        env = self.world.env
        moment: float = env.now
        delta = max(due, self._loop.time() - self.start) - moment
        self._advancing = True
        try:
            if delta > 0:
                env.timeout(delta)
                moment += delta  # the very sum that the tick computed: one rounding, not two
            # Also where no time has passed: what begins now is due now, and a virtual clock waits for it.
            while env.peek() <= moment:
                env.step()
        except Exception as error:
            self.failed = True
            self._on_failure(error)
        finally:
            self._advancing = False
        self.arm()

    def arm(self) -> None:
        """See to it that the pacer wakes at the next event."""
        if self._advancing or self.failed:
            return
        due = self.world.env.peek()
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._loop.call_at(self.start + due, self._fire)

    def _fire(self) -> None:
        due, self._due, self._timer = self._due, inf, None
        self.wake_ups += 1
        self.advance(due)
        self.arm()  # also when nothing was due any more

    def stop(self) -> None:
        """Let go of the loop."""
        self.failed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
