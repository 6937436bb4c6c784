"""Works on changes of the same item at the same time: the workers are there, and locks cost throughput."""

from collections.abc import Iterable
from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.sequencing import Exclusive

NUMBER = 6
NAME = "per-key order lost under parallelism"
CHECK = "sequencing"
SCENARIO = "eco-cascade"


class EverybodyAtOnce(Exclusive):
    """Turns nobody away."""

    def take(self, scope: Scope, items: Iterable[ScopeItem]) -> bool:
        return True


PARTS = replace(Parts(), exclusive=EverybodyAtOnce)
