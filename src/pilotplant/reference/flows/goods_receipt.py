"""The flow `goods-receipt`: what a warehouse has received is booked in ERP, exactly once, as it was counted."""

from pilotplant.reference.calls import Call
from pilotplant.reference.purchasing import HeldReceipts, InboundLine, PostReceipt, ReceiptConfirmed
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work


class GoodsReceipts(Flow):
    """One goods receipt for each receipt of a warehouse."""

    name = "goods-receipt"
    needs = frozenset({"wms"})
    at_once = 6

    def takes(self) -> Takes:
        """What a warehouse has counted."""
        return {"wms.receipt.confirmed": Take(ReceiptConfirmed, self.take)}

    def take(self, came: ReceiptConfirmed, traceparent: str) -> None:
        """Note what came."""
        lines = tuple(InboundLine(ln.po, ln.item, ln.quantity, ln.unit, ln.lot) for ln in came.lines if ln.quantity)
        receipt = PostReceipt(came.plant, came.receipt, came.posting_date, came.asn, lines)
        self.note(came.plant, came.receipt, receipt, traceparent)

    async def carry_out(self, work: Work) -> None:
        """Book it; whoever is unsure looks."""
        erp = self.to.erp[work.plant]
        await self.to.posting.once(erp, work, "/goods-receipts", lambda: self._booked(work))

    async def _booked(self, work: Work) -> bool:
        query = {"plant": work.plant, "receipt": work.key}
        call = Call("GET", "/goods-receipts", query=query, traceparent=work.traceparent)
        found = await self.to.erp[work.plant].send(call, HeldReceipts)
        return any(not receipt.reversed for receipt in found.items)
