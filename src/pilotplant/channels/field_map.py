"""What becomes of an event's data for a receiver with names, units and constants of its own. Data, never code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Field:
    """What becomes of one field. `times` is applied to numbers; `values` translates what is a code."""

    to: str = ""
    drop: bool = False
    constant: Any = None
    """Set where the receiver wants what the event does not say; then there is nothing to rename."""
    times: float = 1.0
    values: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    """The field beside it that says in which unit it is counted."""


@dataclass(frozen=True)
class Unit:
    """What the receiver calls a unit, and how many of its own make one of ours."""

    to: str
    times: float = 1.0


class FieldMap:
    """Renames, converts, drops and adds fields, wherever they stand: `consumption.quantity` leads into lists."""

    def __init__(
        self, fields: Mapping[str, Field], units: Mapping[str, Unit] | None = None, *, only: bool = False
    ) -> None:
        self._here: dict[str, Field] = {}
        below: dict[str, dict[str, Field]] = {}
        for path, what in fields.items():
            name, _, rest = path.partition(".")
            if rest:
                below.setdefault(name, {})[rest] = what
            else:
                self._here[name] = what
        self._below = {name: FieldMap(inner, units, only=only) for name, inner in below.items()}
        self._units = units or {}
        self._only = only
        self._idle = not fields and not only

    def apply(self, content: Any) -> Any:
        """The content as the receiver wants it."""
        if self._idle:
            return content
        if isinstance(content, Sequence) and not isinstance(content, str):
            return [self.apply(entry) for entry in content]
        if not isinstance(content, Mapping):
            return content
        mapped: dict[str, Any] = {}
        for name, value in content.items():
            what = self._here.get(name)
            if what is None and self._only and name not in self._below:
                continue
            if what is not None and what.drop:
                continue
            inner = self._below[name].apply(value) if name in self._below else value
            mapped[what.to or name if what else name] = self._converted(what, inner, content) if what else inner
        for name, what in self._here.items():
            if what.constant is not None:
                mapped[what.to or name] = what.constant
        return mapped

    def _converted(self, what: Field, value: Any, beside: Mapping[str, Any]) -> Any:
        if isinstance(value, str):
            unit = self._units.get(value) if what.unit == "." else None
            return unit.to if unit else what.values.get(value, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        times = what.times
        if what.unit and (unit := self._units.get(str(beside.get(what.unit, "")))):
            times *= unit.times
        return value if times == 1.0 else round(value * times, 9)
