"""What goes wrong in integrations: each defect is a file that puts one policy of the reference in another's place.

A file is called `d10_repeats_after_timeout.py` and says `NUMBER` and `NAME` of the class of defect, the `CHECK` that
has to name it, the `SCENARIO` in which it shows, `PARTS` to build the middleware from, and `LIVE = True` where it
shows when a process dies. A file that is added is there; nothing else has to be told.
"""

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import PREFIX

SUGGESTED_MAX = 3
VARIABLE = f"{PREFIX}REFERENCE_DEFECT"
"""Names the defect to plant in a middleware that is started or built from an environment."""


class UnknownDefect(Exception):
    """No defect is called so; the message says what may have been meant."""


@dataclass(frozen=True)
class Defect:
    """A class of defect, planted."""

    id: str
    """The name of its file, by which it is switched on."""
    number: int
    name: str
    about: str
    check: str
    scenario: str
    live: bool
    parts: Parts


@cache
def defects() -> dict[str, Defect]:
    """All defects by id, in the order of their numbers."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("d[0-9][0-9]_*.py"))
    return {name: _defect(name, import_module(f"{__name__}.{name}")) for name in names}


def find(name: str) -> Defect:
    """The defect with this id."""
    known = defects()
    if name not in known:
        begun = [entry for entry in known if name and entry.startswith(name)]
        near = (begun or difflib.get_close_matches(name, known, cutoff=0.6))[:SUGGESTED_MAX]
        meant = f"; did you mean {' or '.join(near)}?" if near else f"; there are {len(known)}, see --list-defects"
        raise UnknownDefect(f"there is no defect {name!r}{meant}")
    return known[name]


def planted(environment: Mapping[str, str]) -> Parts:
    """The parts of a middleware with the defect that its environment names; as they should be if it names none."""
    name = environment.get(VARIABLE, "")
    return find(name).parts if name else Parts()


def _defect(name: str, module: ModuleType) -> Defect:
    return Defect(
        id=name,
        number=module.NUMBER,
        name=module.NAME,
        about=inspect.cleandoc(module.__doc__ or ""),
        check=module.CHECK,
        scenario=module.SCENARIO,
        live=getattr(module, "LIVE", False),
        parts=module.PARTS,
    )
