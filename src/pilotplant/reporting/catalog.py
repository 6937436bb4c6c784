"""Finds the reporters by looking at the folder: one that is added as a file is there."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

from pilotplant.checks.result import Result

Reporter = Callable[[Result, Path], Path]
"""Writes a result into a directory and answers with the file it wrote."""


@cache
def reporters() -> dict[str, Reporter]:
    """The reporters by the name that `--report` takes. A module is a reporter if it has a `NAME`."""
    found: dict[str, Reporter] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in ("__init__", "catalog"):
            continue
        module = import_module(f"pilotplant.reporting.{path.stem}")
        if hasattr(module, "NAME"):
            found[module.NAME] = module.write
    return found
