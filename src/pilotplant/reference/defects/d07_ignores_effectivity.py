"""Begins a change when it is released, whatever its date says: ERP is given the date, so ERP will see to it."""

from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope
from pilotplant.reference.sequencing import Effectivity

NUMBER = 7
NAME = "effectivity ignored"
CHECK = "sequencing"
SCENARIO = "eco-cascade"


class AtOnce(Effectivity):
    """Every change is due."""

    def wait_s(self, scope: Scope) -> float:
        return 0.0


PARTS = replace(Parts(), effectivity=AtOnce)
