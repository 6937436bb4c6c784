"""The flow `inbound`: what suppliers announce is noted in ERP, once and as it was corrected; then the warehouse expects
it."""

from dataclasses import replace
from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, Refusal, Unsure
from pilotplant.reference.purchasing import (
    AsnSent,
    Delivery,
    ExpectedLine,
    ExpectReceipt,
    HeldDeliveries,
    HeldDelivery,
    HeldExpectation,
    InboundLine,
)
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work

EXPECTED = "expected-receipt"


class InboundDeliveries(Flow):
    """One inbound delivery for each announcement, in its latest version."""

    name = "inbound"
    needs = frozenset({"supplier"})
    owner = "procurement"
    at_once = 6

    def takes(self) -> Takes:
        """What suppliers announce."""
        return {"supplier.asn.sent": Take(AsnSent, self.take)}

    def take(self, asn: AsnSent, traceparent: str) -> None:
        """Note an announcement. One that is known, or older than what is known, asks for nothing."""
        known = self.find(asn.plant, asn.asn)
        if known is None:
            self.note(asn.plant, asn.asn, asn, traceparent)
        elif _said(known).version < asn.version:
            self.renew(asn.plant, asn.asn, asn, traceparent)

    async def carry_out(self, work: Work) -> None:
        """Note it in ERP, or correct what is noted there; then the warehouse may expect it."""
        asn = _said(work)
        lines = tuple(InboundLine(line.po, line.item, line.quantity, line.unit, line.lot) for line in asn.lines)
        delivery = Delivery(asn.plant, asn.asn, asn.version, asn.supplier, asn.arrives_at, lines)
        body = msgspec.json.encode(delivery)
        # What was announced before may have got there, perhaps without an answer: look first, and use another key.
        unsure = work.attempted or work.turn > 0
        entry = replace(work, key=f"{work.key}/{work.turn}", body=body, attempted=unsure)
        await self.to.posting.once(
            self.to.erp[work.plant], entry, "/inbound-deliveries", lambda: self._stands(work, delivery)
        )
        if EXPECTED in self.others:
            self._let_expect(asn, work.traceparent)

    def _let_expect(self, asn: AsnSent, traceparent: str) -> None:
        lines = tuple(ExpectedLine(line.item, line.lot, line.po, line.quantity, line.unit) for line in asn.lines)
        expected = ExpectReceipt(asn.plant, asn.asn, asn.version, asn.supplier, asn.arrives_at, lines)
        warehouse = self.others[EXPECTED]
        known = warehouse.find(asn.plant, asn.asn)
        if known is None:
            warehouse.note(asn.plant, asn.asn, expected, traceparent)
        elif _wanted(known).version < asn.version:
            warehouse.renew(asn.plant, asn.asn, expected, traceparent)

    async def _stands(self, work: Work, delivery: Delivery) -> bool:
        """Whether ERP knows of it, brought up to date if it has heard of an earlier version."""
        standing = await self._standing(work)
        if not standing:
            return False
        if all(held.version < delivery.version for held in standing):
            body = msgspec.json.encode(delivery)
            call = Call("PUT", "/inbound-deliveries", body, traceparent=work.traceparent)
            await self.to.erp[work.plant].send(call, msgspec.Raw)
        return True

    async def _standing(self, work: Work) -> list[HeldDelivery]:
        query = {"plant": work.plant, "asn": work.key}
        call = Call("GET", "/inbound-deliveries", query=query, traceparent=work.traceparent)
        found = await self.to.erp[work.plant].send(call, HeldDeliveries)
        return [held for held in found.items if held.status != "cancelled"]


class ExpectedReceipts(Flow):
    """Lets the warehouse expect what ERP has noted. The last that it is told holds."""

    name = "inbound"
    kind = EXPECTED
    needs = frozenset({"supplier", "wms"})
    owner = "procurement"
    at_once = 6

    def takes(self) -> Takes:
        """Nothing by itself."""
        return {}

    async def carry_out(self, work: Work) -> None:
        """Tell the warehouse. Goods may come meanwhile, and are not expected any more: whoever is unsure looks."""
        call = Call("PUT", "/expected-receipts", work.body, traceparent=work.traceparent)
        wms, unsure = self.to.wms[work.plant], work.attempted

        async def attempt() -> None:
            nonlocal unsure
            if unsure and await self._expects(work):
                return
            try:
                await wms.send(call, msgspec.Raw)
            except Unsure:
                unsure = True
                raise

        await self.to.retry.persist(attempt)

    async def _expects(self, work: Work) -> bool:
        call = Call("GET", f"/expected-receipts/{quote(work.key, safe='')}", traceparent=work.traceparent)
        try:
            held = await self.to.wms[work.plant].send(call, HeldExpectation)
        except Refusal:
            return False  # it knows of none
        return held.version >= _wanted(work).version


def _wanted(work: Work) -> ExpectReceipt:
    return msgspec.json.decode(work.body, type=ExpectReceipt)


def _said(work: Work) -> AsnSent:
    return msgspec.json.decode(work.body, type=AsnSent)
