"""What a state holds, as bytes that differ if anything in it was changed: cheap enough for every request."""

import pickle
from io import BytesIO
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import msgspec

from pilotplant.dataset.records import Dataset

_UNCHANGING = (Dataset, FunctionType, MethodType, BuiltinFunctionType, msgspec.msgpack.Encoder, msgspec.json.Encoder)
"""Master data, and what states hold to work with: nothing of it is state."""


def snapshot(state: Any) -> bytes:
    """The bytes for a state. They are compared with others of the same state, and never read."""
    try:
        return _pickled(state)
    except (pickle.PicklingError, TypeError, ValueError, AttributeError, RecursionError):
        return _told(state, set()).encode(
            "utf-8", "surrogatepass"
        )  # slower, of whatever a project's own state is made of


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return (str, ()) if isinstance(value, _UNCHANGING) else NotImplemented


def _pickled(state: Any) -> bytes:
    file = BytesIO()
    pickler = _Pickler(file, pickle.HIGHEST_PROTOCOL)
    pickler.fast = True  # so that what is equal is written equally, be it the same object or another
    pickler.dump(state)
    return file.getvalue()


def _told(value: Any, within: set[int]) -> str:
    if isinstance(value, _UNCHANGING) or id(value) in within:
        return ""
    inner = within | {id(value)}
    if isinstance(value, dict):
        return "{" + ",".join(f"{_told(key, inner)}:{_told(held, inner)}" for key, held in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ",".join(_told(each, inner) for each in value) + "]"
    if isinstance(value, msgspec.Struct):
        return type(value).__name__ + _told([getattr(value, name) for name in value.__struct_fields__], inner)
    if hasattr(value, "__dict__"):
        return type(value).__name__ + _told(vars(value), inner)
    return repr(value)
