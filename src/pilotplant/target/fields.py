"""What stands at a path of a command or an event: `quantity`, `lines.component`, and names that are close to a wrong
one."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec


class Place(NamedTuple):
    """The kind of what stands at a path; or the part of it that is not there, and what could have been meant."""

    kind: Any = None
    missing: str = ""
    known: tuple[str, ...] = ()


def place(struct: Any, path: str) -> Place:
    """What stands there; lists are stepped into."""
    kind: Any = struct
    for name in path.split("."):
        inner = element(kind)
        fields = kinds_of(inner) if inner is not None else {}
        if name not in fields:
            return Place(missing=name, known=tuple(fields))
        kind = fields[name]
    return Place(kind)


def kinds_of(struct: Any) -> Mapping[str, Any]:
    """The fields of a struct, as they are sent, with their kinds."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def element(kind: Any) -> Any:
    """The struct that this is, or that it is a list of; nothing where there is none."""
    for each in _choices(kind):
        inner = get_args(each)[0] if get_origin(each) in (tuple, list) and get_args(each) else each
        for choice in _choices(inner):
            if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
                return choice
    return None


def is_text(kind: Any) -> bool:
    """Whether a text can stand there, or one of a list of words."""
    return any(
        (isinstance(each, type) and issubclass(each, str))
        or (get_origin(each) is Literal and all(isinstance(word, str) for word in get_args(each)))
        for each in _choices(kind)
    )


def _choices(kind: Any) -> tuple[Any, ...]:
    origin = get_origin(kind)
    if origin is Annotated:
        return _choices(get_args(kind)[0])
    if origin in (tuple, list, Literal) or not get_args(kind):
        return (kind,)
    return tuple(each for part in get_args(kind) for each in _choices(part))
