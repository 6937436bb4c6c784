"""The flow `production-confirmation`: what a plant made and used is booked in ERP, exactly once."""

from pilotplant.reference.messages import OrderCompleted
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work


class ProductionConfirmations(Flow):
    """One stock document for each confirmation."""

    name = "production-confirmation"
    ignores = frozenset({"mes.operation.completed"})

    def takes(self) -> Takes:
        """What MES says of a finished order."""
        return {"mes.order.completed": Take(OrderCompleted, self.take)}

    def workers(self) -> int:
        """Confirmations come in bursts."""
        return self.to.settings.confirmations_at_once

    def take(self, done: OrderCompleted, traceparent: str) -> None:
        """Note what is to be booked."""
        document = self.to.mapping.stock_document(done)
        self.note(done.plant, done.confirmation, document if document.lines else b"", traceparent)

    async def carry_out(self, work: Work) -> None:
        """Book it; there is nothing to book where nothing was moved."""
        if work.body:
            await self.to.posting.post(self.to.erp[work.plant], work)
