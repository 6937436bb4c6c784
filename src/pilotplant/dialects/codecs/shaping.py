"""Plain data from a format without types (XML) in the shape that a type asks for: lists where there is one element,
mappings where there is none."""

import types
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from pilotplant.dialects.codecs.codec import Unreadable

_LISTS = (list, tuple, set, frozenset)


def shaped(content: Any, wanted: Any) -> Any:
    """The content with single elements as lists, and empty elements as what the type makes of nothing."""
    wanted = _bare(wanted)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in _LISTS:
        entries = content if isinstance(content, list) else [] if content in ("", None) else [content]
        inner = arguments[0] if arguments else Any
        return [shaped(entry, inner) for entry in entries]
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        if content == "":
            content = {}
        if isinstance(content, Mapping):
            return _fields(content, wanted)
    return _number(content) if wanted in (float, int, bool) and isinstance(content, str) else content


def _number(text: str) -> str:
    """A number, or a truth, without what stands around it; endless ones are none, as in JSON."""
    written = text.strip()
    try:
        finite = isfinite(float(written))
    except ValueError:
        return written
    if not finite:
        raise Unreadable(f"{written[:40]!r} is no number")
    return written


def _fields(content: Mapping[str, Any], wanted: type[msgspec.Struct]) -> dict[str, Any]:
    found = dict(content)
    hints = get_type_hints(wanted, include_extras=True)
    for field in msgspec.structs.fields(wanted):
        name = field.encode_name
        if name in found:
            found[name] = shaped(found[name], hints[field.name])
        elif field.required and get_origin(_bare(hints[field.name])) in _LISTS:
            found[name] = []
    return found


def _bare(wanted: Any) -> Any:
    """A type without what annotates it, and without `None`."""
    while get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    if get_origin(wanted) in (Union, types.UnionType):
        members = [each for each in get_args(wanted) if each is not type(None)]
        return _bare(members[0]) if len(members) == 1 else Any
    return wanted
