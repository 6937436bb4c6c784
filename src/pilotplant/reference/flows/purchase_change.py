"""The flow `purchase-change`: who has an order for a part that a change phases out is told, and what it answers becomes
the order. Whoever makes the new part gets its drawing."""

import asyncio
from collections import defaultdict
from functools import partial
from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, GaveUp
from pilotplant.reference.purchasing import (
    Acknowledged,
    CancelOrder,
    ChangeOrder,
    ChangeReleased,
    Drawing,
    Notice,
    PurchaseOrder,
    PurchaseOrders,
    Rejected,
    Superseded,
)
from pilotplant.reference.work import Flow, Take, Takes, Tools
from pilotplant.reference.works import Work

FLOW = "purchase-change"
SEARCH, NOTICE, ANSWER, DRAWING = "purchase-search", "purchase-notice", "purchase-answer", "drawing"


class SupersededParts(Flow):
    """Finds out which orders a change concerns."""

    name = FLOW
    kind = SEARCH
    needs = frozenset({"supplier"})
    owner = "procurement"

    def takes(self) -> Takes:
        """What PLM releases."""
        return {"plm.change.released": Take(ChangeReleased, self.take)}

    def take(self, released: ChangeReleased, traceparent: str) -> None:
        """Note each part at each plant."""
        for part in released.superseded:
            for plant in part.plants:
                key = f"{released.change}/{part.item}"
                self.note(plant, key, part, traceparent, subject=released.change)

    async def carry_out(self, work: Work) -> None:
        """Note a notice for each order of which something is still to come."""
        part, change = msgspec.json.decode(work.body, type=Superseded), work.subject
        cancelled = self.to.store.db.execute("select 1 from cancelled where change = ?", (change,)).fetchone()
        orders = [] if cancelled else await self._open_orders(work, part.item)
        concerned = [order for order in orders if order.quantity > order.received]
        for order in concerned:
            notice = Notice(order.po, change, part.item, part.by)
            self.others[NOTICE].note(work.plant, f"{order.po}/{change}", notice, work.traceparent, subject=order.po)
        if concerned:
            drawing = Drawing(part.supplier, part.by, part.by_revision)
            key = f"{part.supplier}/{part.by}/{part.by_revision}"
            line = f"{part.supplier}/{part.by}"
            self.others[DRAWING].note(work.plant, key, drawing, work.traceparent, subject=change, line=line)

    async def _open_orders(self, work: Work, item: str) -> list[PurchaseOrder]:
        found: list[PurchaseOrder] = []
        cursor = ""
        while True:
            query = {"item": item, "limit": "100", "cursor": cursor}
            call = Call("GET", f"/plants/{work.plant}/purchase-orders", query=query, traceparent=work.traceparent)
            page = await self.to.retry.persist(partial(self.to.erp[work.plant].send, call, PurchaseOrders))
            found += page.items
            if not page.next:
                return found
            cursor = page.next


class ChangeNotices(Flow):
    """Tells suppliers. They know a notice by its order and change, so that it may be sent again."""

    name = FLOW
    kind = NOTICE
    needs = frozenset({"supplier"})
    owner = "procurement"

    def takes(self) -> Takes:
        """Nothing by itself."""
        return {}

    async def carry_out(self, work: Work) -> None:
        """Tell the supplier, and note until when it should have answered."""
        await _send_to_supplier(self, "/change-notices", work)
        due = self.to.clock.now() + self.to.settings.answer_patience_s
        self.others[ANSWER].note(work.plant, work.key, b"", work.traceparent, subject=work.subject, due=due)


class Answers(Flow):
    """Waits for answers that may never come: when it is due, somebody is told."""

    name = FLOW
    kind = ANSWER
    needs = frozenset({"supplier"})
    owner = "procurement"

    def takes(self) -> Takes:
        """A supplier that says no."""
        return {"supplier.po.rejected": Take(Rejected, self.take)}

    def take(self, said: Rejected, traceparent: str) -> None:
        """Somebody has to talk to the supplier."""
        self.withdraw(said.plant, f"{said.po}/{said.change}")
        self.to.notices.exception(
            FLOW,
            said.po,
            said.plant,
            owner="procurement",
            reason="rejected-by-supplier",
            text=f"{said.change}: {said.reason}",
            traceparent=traceparent,
        )
        self.to.told()

    async def carry_out(self, work: Work) -> None:
        """It is due: either the answer has come, or somebody is told."""
        orders = self.others[FLOW]
        if orders.find(work.plant, work.key) is None and not self._rejected(work):
            raise GaveUp("not-acknowledged", f"the supplier has not answered the notice {work.key}")

    def _rejected(self, work: Work) -> bool:
        key = f"exception|{FLOW}|{work.subject}|{work.plant}|rejected-by-supplier"
        return self.to.store.db.execute("select 1 from notices where key = ?", (key,)).fetchone() is not None


class PurchaseChanges(Flow):
    """Lets orders become what their suppliers have agreed to."""

    name = FLOW
    needs = frozenset({"supplier"})
    ignores = frozenset({"erp.po.changed"})
    owner = "procurement"

    def takes(self) -> Takes:
        """A supplier that agrees, wholly or in part."""
        return {"supplier.po.acknowledged": Take(Acknowledged, self.take)}

    def take(self, said: Acknowledged, traceparent: str) -> None:
        """Note what was agreed; nobody waits for it any more."""
        key = f"{said.po}/{said.change}"
        self.others[ANSWER].withdraw(said.plant, key)
        self.note(said.plant, key, said, traceparent, subject=said.po)

    async def carry_out(self, work: Work) -> None:
        """Change the order as it stands now; another attempt looks again."""
        agreed = msgspec.json.decode(work.body, type=Acknowledged)
        unsure = work.attempted

        async def attempt() -> None:
            nonlocal unsure
            order = await self._order(work, agreed.po)
            if unsure and (order.status == "cancelled" if not agreed.quantity else order.quantity == agreed.quantity):
                return
            unsure = True
            await self.to.erp[work.plant].send(self._call(work, agreed, order), msgspec.Raw)

        await self.to.retry.persist(attempt)

    async def _order(self, work: Work, po: str) -> PurchaseOrder:
        path = f"/plants/{work.plant}/purchase-orders/{quote(po, safe='')}"
        call = Call("GET", path, traceparent=work.traceparent)
        return await self.to.erp[work.plant].send(call, PurchaseOrder)

    def _call(self, work: Work, agreed: Acknowledged, order: PurchaseOrder) -> Call:
        """An order for nothing is cancelled."""
        path = f"/plants/{work.plant}/purchase-orders/{quote(agreed.po, safe='')}"
        tag = f'"{order.po}.{order.row}"'
        if not agreed.quantity:
            body = msgspec.json.encode(CancelOrder(agreed.change))
            return Call("POST", f"{path}/cancellation", body, traceparent=work.traceparent, if_match=tag)
        body = msgspec.json.encode(ChangeOrder(agreed.quantity, agreed.change))
        return Call("PATCH", path, body, traceparent=work.traceparent, if_match=tag)


class Drawings(Flow):
    """Gives drawings to those whom the change names."""

    name = FLOW
    kind = DRAWING
    needs = frozenset({"supplier"})
    owner = "engineering"

    def takes(self) -> Takes:
        """Nothing by itself."""
        return {}

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._one: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Changes at several plants may be about the same drawing: one is sent at a time."""

    async def carry_out(self, work: Work) -> None:
        """Share it, unless a newer one is known; the same again changes nothing."""
        drawing = msgspec.json.decode(work.body, type=Drawing)
        async with self._one[f"{drawing.supplier}/{drawing.item}"]:
            if not self.has_newer(drawing):
                await _send_to_supplier(self, "/drawings", work)

    def has_newer(self, drawing: Drawing) -> bool:
        """Whether a change has asked for a later revision already: changes overtake each other."""
        start = f"{drawing.supplier}/{drawing.item}/"
        asked = self.to.store.db.execute(
            "select body from work where kind = ? and substr(key, 1, ?) = ? and state in ('open', 'done')",
            (self.kind, len(start), start),
        )
        revisions = (msgspec.json.decode(body, type=Drawing).revision for (body,) in asked)
        return any((len(each), each) > (len(drawing.revision), drawing.revision) for each in revisions)


async def _send_to_supplier(flow: Flow, path: str, work: Work) -> None:
    supplier = flow.to.supplier
    assert supplier is not None, "the flow needs it"
    call = Call("POST", path, work.body, traceparent=work.traceparent)
    await flow.to.retry.persist(lambda: supplier.send(call, msgspec.Raw))
