"""The reference with other flows of purchasing: wrong in one way each, or right in another."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette

from pilotplant.reference.calls import Call
from pilotplant.reference.flows.goods_receipt import GoodsReceipts
from pilotplant.reference.flows.inbound import InboundDeliveries
from pilotplant.reference.flows.purchase_change import Answers, ChangeNotices, Drawings, PurchaseChanges
from pilotplant.reference.parts import Parts
from pilotplant.reference.purchasing import (
    Acknowledged,
    AsnSent,
    Delivery,
    Drawing,
    InboundLine,
    Notice,
    PostReceipt,
    ReceiptConfirmed,
)
from pilotplant.reference.work import Flow
from pilotplant.reference.works import Work
from tests.different.built import Transport, built

Factory = Callable[..., Starlette]


class NotesEveryEvent(InboundDeliveries):
    """Takes each event for goods of their own: what is announced twice is noted twice."""

    def take(self, asn: AsnSent, traceparent: str) -> None:
        number = 0
        while not self.note(asn.plant, f"{asn.asn}#{number}", asn, traceparent, subject=asn.asn):
            number += 1


class PassesOverCorrections(InboundDeliveries):
    """What is known is known."""

    def take(self, asn: AsnSent, traceparent: str) -> None:
        if self.find(asn.plant, asn.asn) is None:
            super().take(asn, traceparent)


class BooksWhatWasAnnounced(GoodsReceipts):
    """Does not care what was counted: what was to come is booked."""

    def take(self, came: ReceiptConfirmed, traceparent: str) -> None:
        asn = self.others[InboundDeliveries.kind].find(came.plant, came.asn)
        assert asn is not None
        announced = msgspec.json.decode(asn.body, type=AsnSent)
        lines = tuple(InboundLine(line.po, line.item, line.quantity, line.unit, line.lot) for line in announced.lines)
        receipt = PostReceipt(came.plant, came.receipt, came.posting_date, came.asn, lines)
        self.note(came.plant, came.receipt, receipt, traceparent)


class ForgetsReceipts(GoodsReceipts):
    """Books nothing at all."""

    async def carry_out(self, work: Work) -> None:
        del work


class CancelsAndNotesAnew(InboundDeliveries):
    """Correct, and different: a corrected announcement is taken back and noted anew."""

    async def _stands(self, work: Work, delivery: Delivery) -> bool:
        query = {"plant": work.plant, "asn": work.key}
        call = Call("GET", "/inbound-deliveries", query=query, traceparent=work.traceparent)
        erp = self.to.erp[work.plant]
        found: Any = msgspec.json.decode(await erp.send(call, msgspec.Raw))
        for held in (each for each in found["items"] if each["status"] == "announced"):
            if held["version"] >= delivery.version:
                return True
            path = f"/inbound-deliveries/{held['delivery']}/cancellation"
            await erp.send(Call("POST", path, b"{}", traceparent=work.traceparent), msgspec.Raw)
            body = msgspec.json.encode(delivery)
            await erp.send(Call("POST", "/inbound-deliveries", body, traceparent=work.traceparent), msgspec.Raw)
            return True
        return False


class TellsNobody(ChangeNotices):
    """Finds the orders and leaves it at that."""

    async def carry_out(self, work: Work) -> None:
        del work


class ChangesAtOnce(ChangeNotices):
    """Does not wait for what the supplier says: the order is for nothing more as soon as the notice is out."""

    async def carry_out(self, work: Work) -> None:
        await super().carry_out(work)
        notice = msgspec.json.decode(work.body, type=Notice)
        order: Any = msgspec.json.decode(
            await self.to.erp[work.plant].send(
                Call("GET", f"/plants/{work.plant}/purchase-orders/{notice.po}"), msgspec.Raw
            )
        )
        said = Acknowledged(work.plant, notice.po, notice.change, order["received"])
        self.others[PurchaseChanges.kind].note(work.plant, work.key, said, work.traceparent, subject=notice.po)


class NeverMindsSilence(Answers):
    """Whoever does not answer is forgotten."""

    async def carry_out(self, work: Work) -> None:
        del work


class SendsDrawingsAround(Drawings):
    """Asks everybody for a quotation, with the drawing."""

    async def carry_out(self, work: Work) -> None:
        await super().carry_out(work)
        drawing = msgspec.json.decode(work.body, type=Drawing)
        for number in range(1, 4):
            other = msgspec.json.encode(replace_supplier(drawing, f"SUP-{number:04d}"))
            call = Call("POST", "/drawings", other, traceparent=work.traceparent)
            assert self.to.supplier is not None
            await self.to.supplier.send(call, msgspec.Raw)


def replace_supplier(drawing: Drawing, supplier: str) -> Drawing:
    """The same drawing for another."""
    return msgspec.structs.replace(drawing, supplier=supplier)


def with_flow(flow: type[Flow]) -> Factory:
    """The reference with this in the place of its own flow."""

    def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
        return built(environment, work, transport, replace(Parts(), flows=(flow,)))

    return create
