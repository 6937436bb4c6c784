"""Custom fields: what operations accept from this target beyond what they declare. Real systems are extended too."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from pilotplant.model.operation import Operation

Kind = Literal["text", "number", "flag"]
Extensions = Mapping[str, Mapping[str, Kind]]
"""By operation, the fields by path: `batch`, or `lines.item_text` for one in every line."""

_TYPES: dict[str, Any] = {"text": str | None, "number": float | None, "flag": bool | None}


def extended(operations: Mapping[str, Operation], extensions: Extensions) -> Mapping[str, Operation]:
    """The operations with their custom fields. What they are called with is checked as before."""
    asked = {name: fields for name, fields in extensions.items() if name in operations}
    if not asked:
        return operations
    made = {name: replace(operations[name], command=widened(operations[name].command, f)) for name, f in asked.items()}
    return {**operations, **made}


def widened(kind: type[Any], fields: Mapping[str, Kind]) -> type[Any]:
    """The struct with more fields, and those within its lists with theirs."""
    own: list[tuple[str, Any, Any]] = []
    below: dict[str, dict[str, Kind]] = {}
    for path, what in fields.items():
        name, _, rest = path.partition(".")
        if rest:
            below.setdefault(name, {})[rest] = what
        else:
            own.append((name, _TYPES[what], None))
    hints = get_type_hints(kind, include_extras=True)
    for name, inner in below.items():
        (element, *_more) = get_args(hints[name])
        own.append((name, tuple[widened(element, inner), ...], ()))  # type: ignore[misc]
    return msgspec.defstruct(
        kind.__name__, own, bases=(kind,), frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def place_of(kind: type[Any], path: str) -> str:
    """What is wrong with the path of a custom field; empty if nothing is."""
    name, _, rest = path.partition(".")
    hints = get_type_hints(kind, include_extras=True)
    if not rest:
        return f"`{name}` is a field of the operation already" if name in hints else ""
    inner = hints.get(name)
    if inner is None or get_origin(inner) is not tuple:
        return f"`{name}` is no list of the operation"
    return place_of(get_args(inner)[0], rest)
