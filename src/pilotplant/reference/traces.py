"""Trace context (W3C): calls that an event causes belong to the trace of that event."""

import random
import re

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")


class Traces:
    """Continues traces."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def onward(self, traceparent: str) -> str:
        """The header of a call caused by what came with `traceparent`: the same trace, a span of its own."""
        match = _TRACEPARENT.fullmatch(traceparent)
        # All zeros would be invalid, hence the `or 1`.
        trace, flags = match.groups() if match else (f"{self._chance.getrandbits(128) or 1:032x}", "01")
        return f"00-{trace}-{self._chance.getrandbits(64) or 1:016x}-{flags}"
