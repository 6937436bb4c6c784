"""What a relation is: a function from the trigger (and the row at hand) to rows of facts."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

from pilotplant.model.discovery import modules
from pilotplant.model.operation import event_type
from pilotplant.systems.catalog import on_include
from pilotplant.systems.estate import Estate

Row = Mapping[str, str]
"""Facts about one thing that a step is promised for: plant, item, revision, and what `when` may ask."""

Rows = Callable[[Any, Row, Estate], Iterable[Row]]


class Relation(NamedTuple):
    """A named relation: the events that it can be asked about, the fields of its rows, and the rows."""

    triggers: frozenset[str]
    fields: tuple[str, ...]
    rows: Rows


@cache
def relations() -> Mapping[str, Relation]:
    """All relations by name: the file `affected_items.py` offers `affected-items`."""
    found: dict[str, Relation] = {}
    for module in modules("pilotplant.flows.relations"):
        name = module.__name__.rpartition(".")[2]
        if rows := getattr(module, name, None):
            payload = get_type_hints(rows)["trigger"]
            triggers = frozenset(event_type(each).name for each in get_args(payload) or (payload,))
            found[name.replace("_", "-")] = Relation(triggers, module.FIELDS, rows)
    return found


on_include.append(relations.cache_clear)  # an event of a project's system may be asked about as well
