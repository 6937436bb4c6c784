"""Writes `result.json`, from which every other report can be made again, and reads it back."""

from pathlib import Path

import msgspec

from pilotplant.checks.result import Result
from pilotplant.model.errors import UsageError

NAME = "json"
FILE = "result.json"


def write(result: Result, directory: Path) -> Path:
    """Fields in the order of their declaration, so that two results can be compared line by line."""
    path = directory / FILE
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    return path


def load(path: Path) -> Result:
    """The result in a file, or in a run directory."""
    file = path / FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Result)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}.", help=f"Name a run directory, or the {FILE} in it."
        ) from error
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{file} is not the result of a run: {error}.", help="It may come from another version of Pilotplant."
        ) from error
