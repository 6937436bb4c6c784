"""What a relation is: a function from the trigger (and the row at hand) to rows of facts."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pilotplant.systems.estate import Estate

Row = Mapping[str, str]
"""Facts about one thing that a step is promised for: plant, item, revision, and what `when` may ask."""

Relation = Callable[[Any, Row, Estate], Iterable[Row]]


@cache
def relations() -> Mapping[str, Relation]:
    """All relations by name: the file `affected_items.py` offers `affected-items`."""
    found: dict[str, Relation] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("__init__", "relation"):
            module = import_module(f"pilotplant.flows.relations.{path.stem}")
            found[path.stem.replace("_", "-")] = getattr(module, path.stem)
    return found
