"""`--set a.b=c`: fields of a scenario that the command line overrides, before anything is validated."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import yaml

from pilotplant.model.errors import UsageError

ESTATE = "estate."
PROFILES = "profiles."
_PLANTS_MAX = 200


@dataclass(frozen=True)
class Overrides:
    """What is overridden, sorted by the document that it belongs to."""

    scenario: tuple[str, ...] = ()
    estate: tuple[str, ...] = ()
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By kind of system."""


NOTHING = Overrides()


def sorted_by_document(overrides: Iterable[str]) -> Overrides:
    """`estate.…` goes to the estate, `profiles.<kind>.…` to the profiles of that kind, all else to the scenario."""
    scenario: list[str] = []
    estate: list[str] = []
    profiles: dict[str, tuple[str, ...]] = {}
    for override in overrides:
        if override.startswith(ESTATE):
            estate.append(override.removeprefix(ESTATE))
        elif override.startswith(PROFILES):
            kind, _, rest = override.removeprefix(PROFILES).partition(".")
            profiles[kind] = (*profiles.get(kind, ()), rest)
        else:
            scenario.append(override)
    return Overrides(tuple(scenario), tuple(estate), profiles)


def with_plants(content: Any, before: Any) -> Any:
    """An estate whose `plants` was overridden by a number: so many of its plants, and beyond them copies in turn."""
    wanted = content.get("plants") if isinstance(content, dict) else None
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not isinstance(before.get("plants"), dict):
        return content
    if not 1 <= wanted <= _PLANTS_MAX:
        raise UsageError(f"estate.plants={wanted} must be from 1 to {_PLANTS_MAX}")
    originals: list[str] = list(before["plants"])
    plants: dict[str, Any] = {}
    copies: dict[str, list[str]] = {code: [] for code in originals}
    for number in range(wanted):
        turn, code = divmod(number, len(originals))
        name = originals[code] if not turn else f"{originals[code]}_{turn + 1}"
        plants[name] = before["plants"][originals[code]]
        copies[originals[code]].append(name)
    systems = {kind: _serving(entries, copies) for kind, entries in content.get("systems", {}).items()}
    return {**content, "plants": plants, "systems": {kind: kept for kind, kept in systems.items() if kept != []}}


def _serving(entries: Any, copies: Mapping[str, list[str]]) -> Any:
    """The systems of a kind; where they name plants, the plants that there are."""
    if isinstance(entries, dict) and entries.get("plants"):
        kept = [name for code in entries["plants"] for name in copies.get(code, [])]
        return {**entries, "plants": kept} if kept else []
    if isinstance(entries, list):
        return [kept for entry in entries if (kept := _serving(entry, copies)) != []]
    return entries


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
