"""Works on changes of one item at the same time and publishes each when it is through, since they came in order."""

from collections.abc import Iterable
from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.sequencing import Exclusive, RevisionOrder

NUMBER = 6
NAME = "per-key order lost under parallelism"
CHECK = "sequencing"
SCENARIO = "eco-cascade"


class EverybodyAtOnce(Exclusive):
    """Turns nobody away: the workers are there, and locks cost throughput."""

    def take(self, scope: Scope, items: Iterable[ScopeItem]) -> bool:
        return True


class OrderOfArrival(RevisionOrder):
    """What began later also ends later."""

    def may_publish(self, scope: Scope, item: ScopeItem) -> bool:
        return True


PARTS = replace(Parts(), exclusive=EverybodyAtOnce, order=OrderOfArrival)
