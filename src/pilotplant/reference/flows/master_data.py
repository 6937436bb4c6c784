"""The flow `master-data`: a part that engineering creates is known to the ERP of every plant that is to use it."""

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.messages import Owner, PartCreated
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work


class MasterData(Flow):
    """One piece of work for each plant; it sets a state, so it may be repeated."""

    name = "master-data"
    at_once = 12

    def takes(self) -> Takes:
        """What PLM says of a new part."""
        return {"plm.part.created": Take(PartCreated, self.take)}

    def owner_of(self, failed: CallFailed) -> Owner:
        """Engineering has to see to what its part lacks."""
        return "engineering"

    def take(self, created: PartCreated, traceparent: str) -> None:
        """Note the plants that are to know it."""
        for plant in created.plants:
            self.note(plant, created.item, created, traceparent)

    async def carry_out(self, work: Work) -> None:
        """Bring it to the plant as PLM has it now."""
        await self.to.transfer.bring(work.plant, work.key, work.traceparent)
