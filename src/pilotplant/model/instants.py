"""Two kinds of time that must never be mixed, and the one pair that carries both.

Wire time is what a client's stopwatch shows: latency, Retry-After, token life, rate windows. It is never scaled.
Business time is what a plant's calendar shows: production durations, lead times, effectivity. It runs at `speed`.
Both are plain floats at run time; `NewType` keeps them apart for the type checker at no cost.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, NewType

import msgspec

WireSeconds = NewType("WireSeconds", float)
"""A duration in wire time, or an instant in wire time counted from the start of the run."""

BusinessSeconds = NewType("BusinessSeconds", float)
"""A duration in business time."""

BusinessInstant = NewType("BusinessInstant", float)
"""A moment on the business calendar: seconds since the Unix epoch."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment in a command. It names its offset: without one it would mean whatever zone the harness runs in."""


class Instant(NamedTuple):
    """Now, on both clocks."""

    wire: WireSeconds
    business: BusinessInstant


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Read a duration that people write: `250ms`, `30s`, `15m`, `1h30m`, `2d`."""
    compact = text.strip().replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write it like 250ms, 30s, 15m or 1h30m")
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))


_FIRST = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def iso(moment: float) -> str:
    """A Unix moment as RFC 3339 in UTC with milliseconds. A moment outside the calendar reads as the calendar's end."""
    shown = datetime.fromtimestamp(min(max(moment, _FIRST), _LAST), UTC).replace(tzinfo=None)
    return shown.isoformat(timespec="milliseconds") + "Z"


def from_iso(text: str) -> BusinessInstant:
    """The inverse of `iso`; accepts any offset."""
    return BusinessInstant(datetime.fromisoformat(text).timestamp())
