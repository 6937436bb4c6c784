"""The flow `stock-movement`: what a warehouse sets aside, sets free or finds by counting is booked in ERP, once."""

from pilotplant.reference.messages import CountAdjusted, StockMoved
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work


class StockMovements(Flow):
    """One stock document for each transfer and for each difference of a count; none for a move from bin to bin."""

    name = "stock-movement"
    needs = frozenset({"wms"})
    ignores = frozenset({"wms.receipt.confirmed", "wms.shipment.confirmed"})
    at_once = 6

    def takes(self) -> Takes:
        """Movements and counts have numbers of their own, which ERP takes as source documents."""
        return {
            "wms.stock.moved": Take(StockMoved, self.moved),
            "wms.count.adjusted": Take(CountAdjusted, self.counted),
        }

    def moved(self, moved: StockMoved, traceparent: str) -> None:
        """Note what is to be booked of a movement."""
        if document := self.to.mapping.transfer(moved):
            self.note(moved.plant, moved.movement, document, traceparent)

    def counted(self, counted: CountAdjusted, traceparent: str) -> None:
        """Note what is to be booked of a count."""
        if document := self.to.mapping.count_difference(counted):
            self.note(counted.plant, counted.count, document, traceparent)

    async def carry_out(self, work: Work) -> None:
        """Book it."""
        await self.to.posting.post(self.to.erp[work.plant], work)
