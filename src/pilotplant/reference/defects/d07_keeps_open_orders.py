"""Makes a revision executable without a word about open orders: they stay as they are, though the change takes them."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import PlmRouting, PublishRouting
from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem

NUMBER = 7
NAME = "effectivity ignored"
CHECK = "convergence"
SCENARIO = "order-dispatch"


class NothingOfOrders(Mapping):
    """Leaves the disposition of open orders out."""

    def work_instructions(self, scope: Scope, item: ScopeItem, routing: PlmRouting, version: str) -> PublishRouting:
        return msgspec.structs.replace(super().work_instructions(scope, item, routing, version), wip="keep")


PARTS = replace(Parts(), mapping=NothingOfOrders)
