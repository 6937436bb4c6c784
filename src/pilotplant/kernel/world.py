"""What a simulator may know of the world: now, later, and chance. Nothing else reaches it from outside.

The SimPy environment runs in *wire* seconds since the start of the run; business durations are divided by `speed` on
their way in. So a pacer compares the environment with the loop's own clock without multiplying, and cannot livelock on
rounding at odd speeds.
"""

from collections.abc import Callable, Generator
from typing import Any

import simpy

from pilotplant.kernel.draws import Draws
from pilotplant.model.instants import BusinessInstant, BusinessSeconds, Instant, WireSeconds


class World:
    """Time and chance for everything that is simulated."""

    def __init__(self, *, seed: int, epoch: float, speed: float = 1.0, mark: str = "") -> None:
        if not speed > 0:
            raise ValueError(f"speed={speed} must be positive")
        self.env = simpy.Environment()
        self.draws = Draws(seed, mark)
        self.epoch = epoch
        self.speed = speed
        self.mark = mark
        """What the numbers of this run carry, if its target may remember those of another."""
        self.wake: Callable[[], None] = lambda: None
        """Set by a pacer: something was scheduled."""
        self.advance: Callable[[], None] = lambda: None
        """Set by a pacer: bring `env.now` up to the clock before something is recorded."""

    def now(self) -> Instant:
        """Now, on both clocks."""
        wire = self.env.now
        return Instant(WireSeconds(wire), BusinessInstant(self.epoch + wire * self.speed))

    def unix(self) -> float:
        """Wire time as a Unix moment, for what leaves the process (token expiry, CloudEvents `time`)."""
        return self.epoch + float(self.env.now)

    def wire_delay(self, duration: BusinessSeconds) -> WireSeconds:
        """How long a business duration takes on the wire at this speed."""
        return WireSeconds(duration / self.speed)

    def later(self, delay: WireSeconds, action: Callable[[], None]) -> None:
        """Call `action` after a wire delay."""
        self._call(delay, action)

    def later_business(self, delay: BusinessSeconds, action: Callable[[], None]) -> None:
        """Call `action` after a business delay."""
        self._call(WireSeconds(delay / self.speed), action)

    def _call(self, delay: WireSeconds, action: Callable[[], None]) -> None:
        timeout = self.env.timeout(max(0.0, delay))
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _event: action())
        self.wake()

    def process(self, generator: Generator[Any, Any, Any]) -> simpy.Process:
        """Start a SimPy process; its time-outs are in wire seconds (use `wire_delay`)."""
        process = self.env.process(generator)
        self.wake()
        return process
