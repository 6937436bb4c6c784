"""What a difference between two values tells: a unit, a separator, a time zone, a cut; or nothing."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from math import isclose

from pilotplant.dataset.units import LOCAL_UNITS

SCHEMA_BENDS = re.compile("field|enum|type|schema")
"""Fault kinds that change the form of an event."""

_NOTHING = frozenset(("", "None", "null", "nil", "undefined", "NaN"))
_FACTORS = {1 / 12, 12.0, 60.0, 3600.0} | {factor for _unit, factor in LOCAL_UNITS.values()}
_POWERS = (10.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1e6)
_QUARTER_S = 900.0
_ZONE_MAX_S = 14 * 3600.0
_DAY_S = 86_400.0
_CUT_MIN = 3


class Kind(Enum):
    """A kind of defect in data, by the step that findings carry."""

    UNIT = "unit"
    SEPARATOR = "decimal"
    ZONE = "time-zone"
    TEXT = "text"
    NULL = "null"
    SCHEMA = "schema"
    COLLISION = "key-collision"

    @property
    def title(self) -> str:
        """As people call it."""
        return _TITLES[self]


_TITLES = {
    Kind.UNIT: "Unit or scale",
    Kind.SEPARATOR: "Decimal separator",
    Kind.ZONE: "Time zone",
    Kind.TEXT: "Cut or recoded text",
    Kind.NULL: "Null against absent",
    Kind.SCHEMA: "Schema",
    Kind.COLLISION: "Keys of two plants",
}

Telling = tuple[frozenset[Kind], str]
"""What a value may mean, and the words for it."""


def tellings(values: Iterable[tuple[str, str, str]]) -> list[Telling]:
    """What the differing values tell; those that can mean one thing only come first."""
    told: list[Telling] = []
    for what, held, intended in values:
        kinds = _of(held, intended)
        if kinds:
            told.append((kinds, f"{what} is {held or 'nothing'}, {intended or 'nothing'} is meant"))
    return sorted(told, key=lambda each: len(each[0]))


def likely(kinds: frozenset[Kind], votes: Counter[Kind]) -> Kind:
    """Of what a value may mean, what the others mean; a unit, where nothing decides."""
    order = list(Kind)
    return max(kinds, key=lambda kind: (votes[kind], -order.index(kind)))


def telling_text(held: str, intended: str) -> Kind | None:
    """What a difference between two texts tells."""
    if (held in _NOTHING) != (intended in _NOTHING):
        return Kind.NULL
    if held in _NOTHING:
        return Kind.NULL if held != intended else None
    if held.lstrip("0") == intended.lstrip("0") or _without_zeros(held) == _without_zeros(intended):
        return Kind.TEXT
    if len(held) >= _CUT_MIN and len(held) < len(intended) and intended.startswith(held):
        return Kind.TEXT
    return Kind.TEXT if held in _recoded(intended) else None


def _of(held: str, intended: str) -> frozenset[Kind]:
    moments = _moment(held), _moment(intended)
    if moments[0] is not None and moments[1] is not None:
        return _of_moments(moments[0], moments[1], dates=len(intended) == 10)
    numbers = _number(held), _number(intended)
    if numbers[0] is not None and numbers[1] is not None:
        return _of_numbers(numbers[0], numbers[1])
    kind = telling_text(held, intended)
    # A row that is not there at all, or one too many, is no empty value.
    return (
        frozenset((kind,)) if kind is not None and not (kind is Kind.NULL and "" in (held, intended)) else frozenset()
    )


def _of_moments(held: float, intended: float, *, dates: bool) -> frozenset[Kind]:
    shift_s = abs(held - intended)
    if dates:
        return frozenset((Kind.ZONE,)) if shift_s == _DAY_S else frozenset()
    rest_s = shift_s % _QUARTER_S
    whole = min(rest_s, _QUARTER_S - rest_s) <= 1.0
    return frozenset((Kind.ZONE,)) if whole and _QUARTER_S - 1 <= shift_s <= _ZONE_MAX_S else frozenset()


def _of_numbers(held: float, intended: float) -> frozenset[Kind]:
    kinds: set[Kind] = set()
    if held == intended:
        return frozenset((Kind.TEXT,))  # the same number, written in another way
    if not held or not intended or held * intended < 0:
        return frozenset()
    ratio = held / intended
    digits = _digits(intended)
    if digits and (_same(ratio, 10.0**digits) or held == float(int(intended))):
        kinds.add(Kind.SEPARATOR)
    if any(_same(ratio, factor) or _same(ratio, 1 / factor) for factor in _FACTORS):
        kinds.add(Kind.UNIT)
    if not kinds and any(_same(ratio, power) or _same(ratio, 1 / power) for power in _POWERS):
        kinds.add(Kind.UNIT)
        if ratio > 1 and (digits or _same(ratio, 10.0)):
            kinds.add(Kind.SEPARATOR)  # 24.0 may have become 240, and what was converted has other digits than before
    return frozenset(kinds)


def _same(a: float, b: float) -> bool:
    return isclose(a, b, rel_tol=5e-4)


def _digits(number: float) -> int:
    """How many digits follow the separator."""
    return len(f"{number:.6f}".rstrip("0").partition(".")[2])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    if len(text) < 10 or text[4:5] != "-":
        return None
    try:
        return datetime.fromisoformat(text if len(text) > 10 else f"{text}T00:00:00+00:00").timestamp()
    except ValueError:
        return None


def _without_zeros(text: str) -> str:
    """Every group of digits without its leading zeros."""
    return re.sub(r"\d+", lambda found: found[0].lstrip("0") or "0", text)


def _recoded(text: str) -> set[str]:
    """What becomes of a text that is taken for one in another character set."""
    ways = {text.encode("ascii", "replace").decode(), text.encode("ascii", "ignore").decode()}
    ways.add(text.encode().decode("latin-1"))
    ways.add(text.encode().decode("cp1252", "replace"))
    ways.add(text.encode("ascii", "replace").decode().replace("?", "\N{REPLACEMENT CHARACTER}"))
    return ways - {text}
