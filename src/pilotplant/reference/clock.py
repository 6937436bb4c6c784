"""Time, as the middleware asks for it: never from the operating system directly, so that tests can own it."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, how much has passed, and waiting."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let others work for so long."""
        ...


class SystemClock:
    """The clock of this computer."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
