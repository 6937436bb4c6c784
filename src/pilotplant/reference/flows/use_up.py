"""A step of `engineering-change`: stock of the revision before is used up first, where a plant's ERP has to be told."""

import asyncio
from collections import defaultdict
from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.messages import ChangeReleased, Discontinue
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.work import Flow, Later, Take, Takes, Tools
from pilotplant.reference.works import Work

DISCONTINUATION = "discontinuation"
PAUSE_S = 0.3
LONG_PAUSE_S = 5.0


class UseUp(Flow):
    """One piece of work for each item at a plant; it waits until the change has been accepted there."""

    name = "engineering-change"
    kind = "use-up"
    at_once = 12

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._one_at_a_time: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    def takes(self) -> Takes:
        """Changes; work that finds its change withdrawn ends by itself."""
        return {"plm.change.released": Take(ChangeReleased, self.take)}

    def take(self, change: ChangeReleased, traceparent: str) -> None:
        """Note what is to be used up where."""
        for affected in change.affected:
            if change.kind == "launch" or affected.disposition != "use-up":
                continue
            for plant in affected.plants:
                wish = Discontinue(plant, affected.item, change.change, affected.to_revision)
                self.note(plant, f"{change.change}|{affected.item}", wish, traceparent, subject=change.change)

    async def carry_out(self, work: Work) -> None:
        """Say it, if the plant's ERP wants to hear it, once the change is in place."""
        wish = msgspec.json.decode(work.body, type=Discontinue)
        state = self.to.scopes.state((wish.reference, work.plant))
        if state == "cancelled":
            return
        if (await self.to.transfer.plant(work.plant, work.traceparent)).use_up != DISCONTINUATION:
            return
        if state != "accepted":
            raise Later(LONG_PAUSE_S if state == "refused" else PAUSE_S)
        async with self._one_at_a_time[wish.plant, wish.item]:
            if not await self.newer(wish, work):
                erp = self.to.erp[work.plant]
                call = Call("POST", "/discontinuations", work.body, traceparent=work.traceparent)
                await self.to.retry.persist(lambda: erp.send(call, msgspec.Raw))

    async def newer(self, wish: Discontinue, work: Work) -> bool:
        """Whether ERP was told of a newer revision: changes of one item are accepted in any order."""
        path = f"/plants/{wish.plant}/items/{quote(wish.item, safe='')}/discontinuation"
        call = Call("GET", path, traceparent=work.traceparent)
        erp = self.to.erp[work.plant]
        try:
            said = await self.to.retry.persist(lambda: erp.send(call, Discontinue))
        except Refusal:
            return False
        return ordinal(said.revision) > ordinal(wish.revision)
