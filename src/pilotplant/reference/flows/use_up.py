"""A step of `engineering-change`: stock of the revision before is used up first, where a plant's ERP has to be told."""

import msgspec

from pilotplant.reference.calls import Call
from pilotplant.reference.messages import ChangeReleased, Discontinue
from pilotplant.reference.work import Flow, Later, Take, Takes
from pilotplant.reference.works import Work

DISCONTINUATION = "discontinuation"
PAUSE_S = 0.3
LONG_PAUSE_S = 5.0


class UseUp(Flow):
    """One piece of work for each item at a plant; it waits until the change has been accepted there."""

    name = "engineering-change"
    kind = "use-up"
    at_once = 12

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
        erp, call = self.to.erp[work.plant], Call("POST", "/discontinuations", work.body, traceparent=work.traceparent)
        await self.to.retry.persist(lambda: erp.send(call, msgspec.Raw))
