"""What a user has settled for a project: a flag counts before `PILOTPLANT_*`, and that before the project's file."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pilotplant.model.errors import REGISTRY, DocumentError, Problem
from pilotplant.model.excerpt import excerpt
from pilotplant.model.suggestions import DID_YOU_MEAN, did_you_mean, listed
from pilotplant.resources import OWN_FILE, PYTHON_FILE

PREFIX = "PILOTPLANT_"
FORMATS = ("text", "json", "github")
MODES = ("live", "inprocess")
SEED_MAX = 2**63 - 1


@dataclass(frozen=True)
class Settings:
    """What commands go by. An empty list of the gate means all that the project has."""

    seed: int | None = None
    target: str = "reference"
    reports: tuple[str, ...] = ("json", "junit", "md", "html")
    out: Path | None = None
    """Where run directories go; without it, where the project keeps them."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    format: str = "text"
    gate_scenarios: tuple[str, ...] = ()
    gate_targets: tuple[str, ...] = ()
    gate_mode: Literal["live", "inprocess"] = "live"
    gate_pacts: str = ""
    """Where the pacts are that the gate verifies; without it, those of the project, if it has any."""
    gate_estate: str = "whole"
    """Whose simulators the pacts are verified against."""
    gate_aliases: tuple[str, ...] = ()
    """Which systems pacts call by another name, such as `SAP S/4=erp`."""
    gate_coverage: tuple[str, ...] = ()
    """How much has to be exercised, such as `operations=60`."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value.strip()


def _names(value: object) -> tuple[str, ...]:
    """From a file a list, from the environment one text with commas."""
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
        raise ValueError("must be a list of texts")
    return tuple(dict.fromkeys(filter(None, (entry.strip() for entry in entries))))


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return read


def _format(value: object) -> str:
    if value not in FORMATS:
        meant = did_you_mean(str(value), FORMATS)
        raise ValueError(f"must be one of {', '.join(f'`{each}`' for each in FORMATS)}{meant}")
    return str(value)


def _mode(value: object) -> str:
    if value not in MODES:
        raise ValueError(f"must be one of {', '.join(f'`{each}`' for each in MODES)}")
    return str(value)


_READERS: dict[str, Callable[[object], object]] = {
    "seed": _whole(0, SEED_MAX),
    "target": _text,
    "reports": _names,
    "out": lambda value: value if isinstance(value, Path) else Path(_text(value)),
    "host": _text,
    "port": _whole(0, 65535),
    "format": _format,
    "gate_scenarios": _names,
    "gate_targets": _names,
    "gate_mode": _mode,
    "gate_pacts": _text,
    "gate_estate": _text,
    "gate_aliases": _names,
    "gate_coverage": _names,
}
GATE = "gate"
GATE_PREFIX = "gate_"
"""In the file the gate is a table of its own: `[gate] scenarios = […]` is the setting `gate_scenarios`."""


def load_settings(root: Path, environment: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """The settings for a project; `flags` are what the command line gives, `None` where it gives nothing."""
    problems: list[Problem] = []
    chosen: dict[str, Any] = {}
    file = _File.of(root)
    if file is not None:
        for setting, value, place in file.settings(problems):
            _take(chosen, setting, value, place, problems)
        if "out" in chosen:
            chosen["out"] = root / chosen["out"]
    for setting in _READERS:
        if value := environment.get(PREFIX + setting.upper()):
            _take(chosen, setting, value, _place(PREFIX + setting.upper()), problems)
    for setting, given in flags.items():
        if given is not None:
            _take(chosen, setting, given, _place(f"--{setting.replace('_', '-')}"), problems)
    if problems:
        raise DocumentError(problems)
    return Settings(**chosen)


def _take(chosen: dict[str, Any], setting: str, value: object, place: Problem, problems: list[Problem]) -> None:
    """Choose a value, or say at its place why not."""
    try:
        chosen[setting] = _READERS[setting](value)
    except ValueError as error:
        # A suggestion stays last, where those who show it apart look for it.
        wanted, separator, meant = str(error).partition(DID_YOU_MEAN)
        given = f'"{value}"' if isinstance(value, str) else value
        message = f"`{setting.replace(GATE_PREFIX, 'gate.')}` {wanted}, got {given}{separator}{meant}"
        problems.append(replace(place, message=message))


def _place(source: str, line: int = 0, column: int = 0, marked: str = "") -> Problem:
    return Problem("PP-VALUE", "", source, line, column, marked, REGISTRY["PP-VALUE"].help)


@dataclass(frozen=True)
class _File:
    """The project's configuration: a file of its own, or a table in pyproject.toml."""

    name: str
    lines: list[str]
    table: Mapping[str, object]
    section: str
    """The name of the table; empty for a file of its own."""

    @classmethod
    def of(cls, root: Path) -> "_File | None":
        """The configuration of a project, if it has any."""
        for path, section in ((root / OWN_FILE, ""), (root / PYTHON_FILE, "tool.pilotplant")):
            if not path.is_file():
                continue
            text = _read(path)
            table: Any = _parse(path, text)
            for part in filter(None, section.split(".")):
                table = table.get(part, {}) if isinstance(table, dict) else {}
            return cls(str(path), text.splitlines(), table if isinstance(table, dict) else {}, section)
        return None

    def settings(self, problems: list[Problem]) -> Iterator[tuple[str, object, Problem]]:
        """What the file sets, each with its place; keys that do not exist become problems."""
        yield from self._of_table(self.table, self.section, "", problems)

    def _of_table(
        self, table: Mapping[str, object], section: str, prefix: str, problems: list[Problem]
    ) -> Iterator[tuple[str, object, Problem]]:
        known = {setting.removeprefix(prefix) for setting in _READERS if setting.startswith(prefix)}
        if not prefix:
            known = {each for each in known if not each.startswith(GATE_PREFIX)} | {GATE}
        for key, value in table.items():
            place = self._find(section, key)
            if key == GATE and not prefix and isinstance(value, dict):
                yield from self._of_table(value, f"{section}.{GATE}".lstrip("."), GATE_PREFIX, problems)
            elif key == GATE and not prefix:
                message = f"`{GATE}` must be a table with `scenarios` and `targets`"
                problems.append(replace(place, code="PP-FIELD-TYPE", message=message))
            elif key in known:
                yield prefix + key, value, place
            else:
                message = f"unknown setting `{key}`{did_you_mean(key, known)}"
                help = f"The settings here are {listed(known)}."
                problems.append(replace(place, code="PP-FIELD-UNKNOWN", message=message, help=help))

    def _find(self, section: str, key: str) -> Problem:
        """Where a key is set. The parser of the standard library does not say, so that the lines are searched."""
        current = ""
        full = f"{section}.{key}".lstrip(".")
        for number, line in enumerate(self.lines, start=1):
            if header := _HEADER.match(line):
                current = re.sub(r"[\s\"']", "", header[1])
                if current == full:
                    return self._marked(number, header.start(1), header.end(1))
            elif found := _ASSIGNED.match(line):
                written = re.sub(r"[\s\"']", "", found[1])
                if f"{current}.{written}".lstrip(".") == full:
                    return self._marked(number, found.start(1), found.end(1))
        return _place(self.name)

    def _marked(self, number: int, start: int, end: int) -> Problem:
        marked = excerpt(self.lines[number - 1], start + 1, end + 1)
        return _place(self.name, number, start + 1, marked)


_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_ASSIGNED = re.compile(r"\s*([\w\-\"'. ]+?)\s*=")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"the file cannot be read: {error}"
        raise DocumentError([Problem("PP-FILE", message, str(path), help=REGISTRY["PP-FILE"].help)]) from error


def _parse(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = text.splitlines() or [""]
        found = _PLACE.search(str(error))
        line = int(found[1]) if found and found[1] else len(lines)
        column = int(found[2]) if found and found[2] else len(lines[-1]) + 1
        line = min(line, len(lines))
        message = f"this is not TOML: {_PLACE.sub('', str(error))}"
        marked = excerpt(lines[line - 1], column, column + 1)
        help = REGISTRY["PP-TOML-SYNTAX"].help
        raise DocumentError([Problem("PP-TOML-SYNTAX", message, str(path), line, column, marked, help)]) from error
