"""What people are told of a fault: what it does, its fields, and an example. All of it is read off its class."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from sys import modules
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from pilotplant.faults.fault import Fault, fault_kinds

_EXAMPLE = re.compile(r"`(\{.*\})`")


@dataclass(frozen=True)
class FieldEntry:
    """A setting of a fault."""

    name: str
    takes: str
    default: str
    about: str


@dataclass(frozen=True)
class Entry:
    """A fault as it is shown."""

    kind: str
    strikes: str
    about: str
    example: str
    own: tuple[FieldEntry, ...]
    common: tuple[FieldEntry, ...]


def entries() -> Iterator[Entry]:
    """All faults, by name."""
    for kind in sorted(fault_kinds()):
        yield entry(fault_kinds()[kind])


def entry(fault: type[Fault]) -> Entry:
    """A fault, read off its class."""
    fields = [_field(name, info) for name, info in fault.model_fields.items() if name != "fault"]
    return Entry(
        kind=fault.KIND,
        strikes={"requests": "requests", "deliveries": "deliveries of events", "both": "both"}[fault.STRIKES],
        about=(modules[fault.__module__].__doc__ or "").strip(),
        example=_example(fault),
        own=tuple(field for field in fields if field.name not in Fault.model_fields),
        common=tuple(field for field in fields if field.name in Fault.model_fields),
    )


def _example(fault: type[Fault]) -> str:
    found = _EXAMPLE.search(fault.__doc__ or "")
    assert found is not None, f"the docstring of {fault.__name__} shows no example"
    return found[1]


def _field(name: str, info: FieldInfo) -> FieldEntry:
    default = "needed" if info.is_required() else _shown(info.get_default())
    return FieldEntry(name, _takes(info.annotation), default, (info.description or "").replace("\n", " "))


def _takes(annotation: Any) -> str:
    """What a field takes, in words; of what may also be left out, the rest."""
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if annotation in _WORDS or origin is list:
        return _WORDS.get(annotation, "list")
    return _takes(arguments[0]) if arguments and origin is not dict else "mapping"


_WORDS: dict[Any, str] = {float: "number", int: "whole number", str: "text", bool: "true | false"}


def _shown(default: object) -> str:
    if default is None or default == "":
        return "not set"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default) if isinstance(default, int | str) else "all"
