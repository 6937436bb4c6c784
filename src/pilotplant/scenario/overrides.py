"""`--set a.b=c`: fields of a scenario that the command line overrides."""

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import ValidationError

from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import did_you_mean
from pilotplant.scenario.model import ScenarioSpec


def overridden(scenario: ScenarioSpec, overrides: Iterable[str]) -> ScenarioSpec:
    """The scenario with `path=value` applied; list elements are addressed by number: `stimuli.0.count=40`."""
    content: Any = scenario.model_dump(mode="python", by_alias=True, exclude_unset=True)
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not path:
            raise UsageError(f"--set {override!r} is not of the form a.b=c")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UsageError(f"--set {path}: {text!r} is not a YAML value") from None
        _put(content, path.split("."), value, path)
    try:
        return ScenarioSpec.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"--set leaves an invalid scenario: {where}: {first['msg']}") from None


def _put(content: Any, keys: list[str], value: object, path: str) -> None:
    for key in keys[:-1]:
        content = _inside(content, key, path)
    last = keys[-1]
    if isinstance(content, list):
        content[_position(content, last, path)] = value
    elif isinstance(content, dict):
        content[last] = value
    else:
        raise UsageError(f"--set {path}: there is nothing to set below `{'.'.join(keys[:-1])}`")


def _inside(content: Any, key: str, path: str) -> Any:
    if isinstance(content, list):
        return content[_position(content, key, path)]
    if isinstance(content, dict):
        if key not in content:
            if key in ScenarioSpec.model_fields:
                content[key] = {}
            else:
                raise UsageError(f"--set {path}: there is no `{key}`{did_you_mean(key, content)}")
        return content[key]
    raise UsageError(f"--set {path}: `{key}` has nothing below it")


def _position(content: list[Any], key: str, path: str) -> int:
    if not key.isdigit() or int(key) >= len(content):
        raise UsageError(f"--set {path}: `{key}` is not one of the {len(content)} elements, counted from 0")
    return int(key)
