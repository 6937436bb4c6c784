"""The defects that the reference can be given. It is another program, so it is asked, and not imported."""

import subprocess
import sys
from collections.abc import Iterable

import msgspec

from pilotplant.model.errors import InternalError, UsageError
from pilotplant.model.suggestions import did_you_mean

VARIABLE = "PILOTPLANT_REFERENCE_DEFECT"
"""What tells the reference, as a process and in process, which defect it is to have."""
_COMMAND = ("-m", "pilotplant.reference", "--list-defects")
_PATIENCE_S = 60


class Planted(msgspec.Struct, frozen=True):
    """A defect: the check that has to name it, and the scenario in which it shows."""

    id: str
    number: int
    name: str
    about: str
    check: str
    scenario: str
    live: bool = False
    """Whether it shows when a process dies, so that it is worth seeing with real ones."""


def planted() -> dict[str, Planted]:
    """All defects by id, in the order of their numbers."""
    try:
        asked = subprocess.run((sys.executable, *_COMMAND), capture_output=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InternalError(f"the reference does not say within {_PATIENCE_S} s which defects it knows") from error
    try:
        told = msgspec.json.decode(asked.stdout, type=list[Planted])
    except msgspec.DecodeError as error:
        last = asked.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise InternalError(f"the reference does not say which defects it knows: {last or error}") from error
    return {defect.id: defect for defect in told}


def chosen(known: dict[str, Planted], names: Iterable[str]) -> list[Planted]:
    """The defects with these names: their ids, or their numbers as in `d10`."""
    by_number = {f"d{defect.number:02d}": defect for defect in known.values()}
    found: dict[str, Planted] = {}
    for name in names:
        defect = known.get(name) or by_number.get(name)
        if defect is None:
            message = f"there is no defect `{name}`{did_you_mean(name, known)}"
            raise UsageError(message, help="`pilotplant list defects` shows all of them.")
        found[defect.id] = defect
    return list(found.values())
