"""Identities that are found in what a target sends by rules of its own: kept beside what was sent, never shown on the
wire, since the real system would not know them either."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, cast

import msgspec

Found = Mapping[str, tuple[str, ...]]
"""By key, the identities that one line (or a whole command) carries."""


class Several(str):
    """One text for several identities: a line that sums up what belongs to each of them."""

    __slots__ = ("parts",)

    parts: tuple[str, ...]

    def __new__(cls, parts: Sequence[str]) -> "Several":
        made = super().__new__(cls, " ".join(parts))
        made.parts = tuple(parts)
        return made


def parts_of(value: object) -> tuple[str, ...]:
    """The identities that a key holds; none of an empty one."""
    if isinstance(value, Several):
        return value.parts
    text = "" if value is None else str(value)
    return (text,) if text else ()


def expanded(values: Sequence[object]) -> Iterable[tuple[str, ...]]:
    """The keys of every effect that one line stands for."""
    if Several in map(type, values):
        return product(*(parts_of(value) or ("",) for value in values))
    return (tuple(map(str, values)),)


def with_identity(command: Any, found: Found) -> Any:
    """The command (or a line of one) with what was found in place of what it says, or beside it where it has no such
    field."""
    kind: Any = _widened(cast(Hashable, type(command)), tuple(sorted(found.keys() - set(command.__struct_fields__))))
    told = {name: getattr(command, name) for name in command.__struct_fields__}
    told |= {key: parts[0] if len(parts) == 1 else Several(parts) for key, parts in found.items()}
    return kind(**told)


@cache
def _widened(kind: Any, names: tuple[str, ...]) -> Any:
    if not names:
        return kind
    fields = [(name, str, "") for name in names]
    return msgspec.defstruct(
        kind.__name__, fields, bases=(kind,), frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
    )
