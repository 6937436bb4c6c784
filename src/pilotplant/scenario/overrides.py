"""`--set a.b=c`: fields of a scenario that the command line overrides, before anything is validated."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import yaml

from pilotplant.model.errors import UsageError


def overridden(content: Any, overrides: Iterable[str]) -> Any:
    """A copy of the document's data with `path=value` applied; list elements go by number: `stimuli.0.count=40`."""
    changed = deepcopy(content)
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not all(path.split(".")):
            raise UsageError(f"--set {override!r} is not of the form a.b=c")
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UsageError(f"--set {path}: {text[:80]!r} is not a YAML value") from None
        _put(changed, path.split("."), value, path)
    return changed


def _put(content: Any, keys: list[str], value: object, path: str) -> None:
    for key in keys[:-1]:
        if isinstance(content, dict):
            # A mapping that the document leaves out, such as `quiescence`; whether it may be there, validation tells.
            content = content.setdefault(key, {})
        elif isinstance(content, list):
            content = content[_position(content, key, path)]
        else:
            raise UsageError(f"--set {path}: there is nothing below that could be set")
    if isinstance(content, list):
        content[_position(content, keys[-1], path)] = value
    elif isinstance(content, dict):
        content[keys[-1]] = value
    else:
        raise UsageError(f"--set {path}: there is nothing below `{'.'.join(keys[:-1])}` that could be set")


def _position(content: list[Any], key: str, path: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 9 and int(key) < len(content)):
        raise UsageError(f"--set {path}: `{key}` is not one of the {len(content)} elements, counted from 0")
    return int(key)
