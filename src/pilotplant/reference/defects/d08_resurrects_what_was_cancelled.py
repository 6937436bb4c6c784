"""Cancels only what it has already: a release that arrives after its cancellation brings the change to life again."""

from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scopes

NUMBER = 8
NAME = "resurrects what was deleted"
CHECK = "sequencing"
SCENARIO = "out-of-order"


class NoTombstones(Scopes):
    """Does not remember what was withdrawn."""

    def withdrawn(self, change: str) -> bool:
        return False


PARTS = replace(Parts(), scopes=NoTombstones)
