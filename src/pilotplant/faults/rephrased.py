"""The event says what it always says, in other words: JSON allows the same to be written in many ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Alter, Change, Envelope, Respond, Script, before

How = Literal["spaced", "reordered", "escaped", "exponents", "extended"]


def _spaced(envelope: Envelope) -> bytes:
    return b"\r\n " + msgspec.json.format(msgspec.json.encode(envelope), indent=4) + b"\n\t "


def _reordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _reordered(value[name]) for name in sorted(value, reverse=True)}
    return [_reordered(entry) for entry in value] if isinstance(value, list) else value


def _escaped(envelope: Envelope) -> bytes:
    """Every character of every text as an escape: `\\u0049\\u0054\\u004d` is `ITM`."""
    return _written(envelope, lambda value: f"{value!r}")


def _written(value: Any, number: Callable[[float], str]) -> bytes:
    if isinstance(value, Mapping):
        inner = b",".join(_text(name) + b":" + _written(entry, number) for name, entry in value.items())
        return b"{" + inner + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(_written(entry, number) for entry in value) + b"]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return msgspec.json.encode(value)
    return number(value).encode()


def _text(text: str) -> bytes:
    units = text.encode("utf-16-be", "surrogatepass")
    return b'"' + b"".join(b"\\u%02x%02x" % tuple(units[at : at + 2]) for at in range(0, len(units), 2)) + b'"'


def _exponents(value: Any) -> Any:
    """`4.0` as `4000.0e-3`, wherever a number is no whole one anyway."""
    raw = msgspec.json.encode(value) if not isinstance(value, Mapping | list) else b""
    if isinstance(value, Mapping):
        return {name: _exponents(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_exponents(entry) for entry in value]
    return (
        msgspec.Raw(f"{value * 1000!r}e-3".encode())
        if isinstance(value, float) and abs(value) < 1e9
        else msgspec.Raw(raw)
    )


_PHRASES: Mapping[How, Callable[[Envelope], Envelope | bytes]] = {
    "spaced": _spaced,
    "reordered": _reordered,
    "escaped": _escaped,
    "exponents": lambda envelope: msgspec.json.encode(_exponents(envelope)),
    "extended": lambda envelope: {**envelope, "extension": {"of": ["a", None, 1e300]}, "dataschema": "urn:x:2"},
}


@dataclass(frozen=True, slots=True)
class Phrased(Change):
    """The same in other words."""

    how: How = "spaced"

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        return _PHRASES[self.how](envelope)


class Rephrased(Fault):
    """`{fault: rephrased, match: {operation: mes.order.completed}, how: escaped, probability: 0.5}`"""

    KIND: ClassVar[str] = "rephrased"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"

    how: How = "spaced"
    """How it is written: with blanks, with fields in another order, with escapes, with exponents, with more fields."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Respond, Alter(self.KIND, Phrased(self.how)))
