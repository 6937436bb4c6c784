"""What a call that no operation takes was probably meant to be, and why it is not: path, method, fields."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from pilotplant.model.operation import Operation
from pilotplant.model.suggestions import nearest

_ALIKE_MIN = 0.45
"""Less alike than this, two paths have nothing to do with each other."""


class Guess(NamedTuple):
    """The operation that looks most like a call, and in what the call differs."""

    operation: str
    why: str


def nearest_operation(method: str, path: str, systems: Mapping[str, Mapping[str, Operation]]) -> Guess | None:
    """The guess for a call; `systems` are the operations by the prefix of their system, its own first.

    The path is that of the whole address, so that a wrong prefix shows as well.
    """
    best: tuple[float, Guess] | None = None
    for prefix, operations in systems.items():
        for operation in operations.values():
            template = prefix + operation.path
            alike = _alike(path, template)
            score = alike + (0.05 if operation.method == method else 0.0)
            if alike >= _ALIKE_MIN and (best is None or score > best[0]):
                best = score, Guess(operation.name, _why(method, path, operation, template))
    return best[1] if best else None


def _alike(path: str, template: str) -> float:
    given, wanted = path.strip("/").lower().split("/"), template.strip("/").lower().split("/")
    if len(given) == len(wanted):
        parts = [
            1.0 if b.startswith("{") else SequenceMatcher(None, a, b).ratio()
            for a, b in zip(given, wanted, strict=True)
        ]
        return sum(parts) / len(parts)
    return SequenceMatcher(None, path.lower(), template.lower()).ratio() * 0.9


def _why(method: str, path: str, operation: Operation, template: str) -> str:
    reasons = []
    if _alike(path, template) < 1.0 or len(path.strip("/").split("/")) != len(template.strip("/").split("/")):
        reasons.append(f"its path is {template}")
    if method != operation.method:
        reasons.append(f"its method is {operation.method}")
    return " and ".join(reasons) or "only the spelling differs"


def field_hint(operation: Operation, detail: str) -> str:
    """What to do about a body that does not fit, from what the decoder said of it."""
    quoted = detail.split("`")
    if len(quoted) < 2:
        return ""
    name = quoted[1]
    known = set(_fields(operation.command))
    if "unknown field" in detail:
        meant = nearest(name, known)
        rename = f"it may be `{meant}`; " if meant else ""
        return f"{rename}a custom field has to be declared in `extensions` of the target"
    if "missing required field" in detail:
        return f"the target has to send `{name}`"
    return ""


def _fields(kind: Any) -> Iterable[str]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        yield field.encode_name
        for inner in get_args(hints[field.name]):
            yield from _fields(inner)
