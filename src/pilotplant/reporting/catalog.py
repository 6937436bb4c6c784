"""Finds the reporters by looking at the folder: one that is added as a file is there."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from pilotplant.checks.result import Result
from pilotplant.model.discovery import modules

Reporter = Callable[[Result, Path], Path]
"""Writes a result into a directory and answers with the file it wrote."""


@cache
def reporters() -> dict[str, Reporter]:
    """The reporters by the name that `--report` takes. A module is a reporter if it has a `NAME`."""
    return {module.NAME: module.write for module in modules("pilotplant.reporting") if hasattr(module, "NAME")}
