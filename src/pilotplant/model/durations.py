"""Durations and rates as people write them in YAML."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from pilotplant.model.errors import UsageError
from pilotplant.model.instants import seconds


def _duration(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a duration such as 250ms, 30s, 15m or 1h30m")
    return seconds(value) if isinstance(value, str) else float(value)


_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|min|h)")
_PER_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def _rate(value: object) -> object:
    return value if isinstance(value, float) else per_second(value)  # a number: as a resolved scenario is written


def per_second(value: object) -> float:
    """What `90/min` says, per second."""
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{value!r} is not a rate; write it like 20/s, 90/min or 500/h")
    return float(match[1]) / _PER_S[match[2]]


Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str | float), Field(ge=0)]
"""Seconds, written as `30s`, `15m`, `250ms` or a number."""

Rate = Annotated[float, BeforeValidator(_rate, json_schema_input_type=str), Field(gt=0)]
"""Occurrences per second, written as `20/s`, `90/min` or `500/h`."""


def length(text: str, flag: str) -> float:
    """A duration that a flag was given."""
    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
