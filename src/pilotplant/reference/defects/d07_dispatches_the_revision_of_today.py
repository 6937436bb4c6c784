"""Dispatches an order in the revision that the shop floor makes now, though it starts when another will hold."""

from dataclasses import replace

from pilotplant.reference.flows.order_dispatch import OrderDispatch
from pilotplant.reference.messages import OrderReleased
from pilotplant.reference.parts import Parts
from pilotplant.reference.works import Work

NUMBER = 7
NAME = "effectivity ignored"
CHECK = "convergence"
SCENARIO = "order-dispatch"


class RevisionOfToday(OrderDispatch):
    """Looks at the day of the message, not at that of the order."""

    async def revision(self, order: OrderReleased, work: Work) -> str:
        return await self.executable(order, work)


PARTS = replace(Parts(), flows=(RevisionOfToday,))
