"""Writes a failing scenario as people write scenarios, with what fails and how to replay it on top."""

from hashlib import blake2b
from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml

from pilotplant.run.identity import legible, replace_file
from pilotplant.scenario.model import FoundSpec, ScenarioSpec

_DURATIONS = {"at", "over", "for", "start", "quiet", "give_up", "restart_after"}
_COMMENT = 110
_COMMENT_LINES = 6


def save(folder: Path, scenario: ScenarioSpec, found: FoundSpec, *, told: list[str], by_name: bool = True) -> Path:
    """Save a scenario that failed like this; `told` is what its comment says. The same finding has the same file.

    Only what stands in the folder of explored scenarios is replayed `by_name`.
    """
    content = scenario.model_copy(update={"found": found})
    identity = blake2b(content.model_dump_json(by_alias=True).encode(), digest_size=4).hexdigest()
    name = f"{scenario.scenario}-{found.check}-{identity}"
    path = folder / f"{name}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    told = [*told, f"Replay: pilotplant replay {name if by_name else path.name}"]
    replace_file(path, written(content.model_copy(update={"scenario": name}), told).encode())
    return path


def written(scenario: ScenarioSpec, told: list[str]) -> str:
    """A scenario as YAML: a line for every stimulus and fault, and nothing that goes without saying."""
    content = scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    lines = [line for sentence in told for line in _comment(sentence)]
    for field, value in content.items():
        if field in ("stimuli", "faults"):
            lines += [f"{field}:", *(f"  - {_flow(_with_units(entry))}" for entry in value)]
        else:
            lines.append(f"{field}: {_flow(_with_units(value))}")
    return "\n".join(lines) + "\n"


def _comment(sentence: str) -> list[str]:
    """The sentence as a comment can hold it: what a target sent may stand in it."""
    text = "".join(character if character.isprintable() else " " for character in legible(sentence))
    return [f"# {line}" for line in wrap(text, _COMMENT, max_lines=_COMMENT_LINES, placeholder=" …")]


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return text.removesuffix("\n").removesuffix("\n...")


def _with_units(value: Any) -> Any:
    """Durations as people write them; the `at` of a crash counts awaits, and stays."""
    if not isinstance(value, dict):
        return value
    return {
        name: _seconds(entry) if name in _DURATIONS and isinstance(entry, int | float) else entry
        for name, entry in value.items()
    }


def _seconds(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"
