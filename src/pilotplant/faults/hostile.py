"""Besides an event comes one that was made to break its reader: malformed, at the bounds, or meant to do harm.

It is signed as it should be, and about items that do not exist, so nothing can come of it: it has to be refused at the
door, or set aside and told to somebody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from zlib import crc32

import msgspec
from pydantic import Field

from pilotplant.faults.envelopes import another
from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Change, Copy, Envelope, Respond, Script, after

How = Literal[
    "truncated",
    "no-json",
    "blank",
    "list",
    "no-text",
    "deep",
    "out-of-range",
    "without-data",
    "null-data",
    "missing-field",
    "null-field",
    "wrong-type",
    "negative",
    "long",
    "oversized",
    "markup",
    "path",
    "template",
    "control",
    "unicode",
]
_HOSTILE = 8_000_000
_NOWHERE = "ITM-NOWHERE"
_MARK = "@out-of-range@"


def _essential(data: Mapping[str, Any]) -> str:
    """A field without which the event means nothing: a list of what it is about, or its first one."""
    return next((name for name, value in data.items() if isinstance(value, list)), next(iter(data)))


def _with(envelope: dict[str, Any], value: Any) -> dict[str, Any]:
    data = envelope["data"]
    return {**envelope, "data": {**data, _essential(data): value}}


def _without(envelope: dict[str, Any]) -> dict[str, Any]:
    data = envelope["data"]
    return {**envelope, "data": {name: value for name, value in data.items() if name != _essential(data)}}


def _negative(envelope: dict[str, Any]) -> dict[str, Any]:
    """All numbers below nothing; where there are none, a list of less than there can be."""
    data = envelope["data"]
    numbers = {name: -1.5 for name, value in data.items() if isinstance(value, int | float)}
    return {**envelope, "data": {**data, **numbers}} if numbers else _with(envelope, -1)


def _named(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda envelope: {**envelope, "data": _about(envelope["data"], name)}


def _about(data: Any, name: str) -> Any:
    """The same, about an item of this name."""
    if isinstance(data, dict):
        return {key: name if key == "item" else _about(value, name) for key, value in data.items()}
    return [_about(entry, name) for entry in data] if isinstance(data, list) else data


_encode = msgspec.json.encode
SPOIL: Mapping[How, Callable[[dict[str, Any]], Any]] = {
    "truncated": lambda envelope: _encode(envelope)[:-20],
    "no-json": lambda envelope: f"<event id='{envelope['id']}'/>".encode(),
    "blank": lambda envelope: b" " * (1 + crc32(envelope["id"].encode()) % 65_521),  # none is like another
    "list": lambda envelope: _encode([envelope]),
    "no-text": lambda envelope: _encode(envelope).replace(b'"source":"', b'"source":"\xff\xfe', 1),
    "deep": lambda envelope: _encode(_with(envelope, _MARK)).replace(f'"{_MARK}"'.encode(), b"[" * 3000 + b"]" * 3000),
    "out-of-range": lambda envelope: _encode(_with(envelope, _MARK)).replace(f'"{_MARK}"'.encode(), b"1e999"),
    "without-data": lambda envelope: {name: value for name, value in envelope.items() if name != "data"},
    "null-data": lambda envelope: {**envelope, "data": None},
    "missing-field": _without,
    "null-field": lambda envelope: _with(envelope, None),
    "wrong-type": lambda envelope: _with(envelope, "all of them"),
    "negative": _negative,
    "long": _named("ITM-" + "9" * 2000),
    "oversized": _named("ITM-" + "9" * 1_200_000),
    "markup": _named("ITM-<script>alert(1)</script>'; DROP TABLE items; --"),
    "path": _named("../../../../etc/passwd"),
    "template": _named("ITM-${7*7}{{7*7}}%n%s"),
    "control": _named("ITM-\x1b[31m\x7f\u202e\u0000"),
    "unicode": _named("ITM-\U0001f4a5\u0130\ufb01\u00df"),
}


@dataclass(frozen=True, slots=True)
class Spoilt(Change):
    """An event of its own that nobody can carry out."""

    how: How = "truncated"
    number: int = _HOSTILE

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        own = another(envelope, self.number)
        spoilt: Envelope | bytes = SPOIL[self.how]({**own, "data": _about(own["data"], _NOWHERE)})
        return spoilt


class Hostile(Fault):
    """`{fault: hostile, match: {operation: mes.order.completed}, how: deep, nth: 3}`"""

    KIND: ClassVar[str] = "hostile"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"

    how: How = "truncated"
    """What is wrong with it."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """How often it is sent at most until it is acknowledged."""
    number: Annotated[int, Field(ge=1_000_000, le=900_000_000)] = _HOSTILE
    """How much higher the numbers in it are than those of the event, so that two are about different things."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return after(script, Respond, Copy(self.KIND, Spoilt(self.how, self.number), attempts=self.attempts))
