"""The flow `order-dispatch`: a released production order reaches the shop floor once, in the revision of its start."""

from datetime import datetime
from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, GaveUp, NotNow, Refusal
from pilotplant.reference.messages import Dispatch, Executable, OrderReleased, ValidRevision
from pilotplant.reference.work import Flow, Later, Take, Takes
from pilotplant.reference.works import Work

NOT_YET = "not-executable-yet"
NO_MORE = "no-instructions"
PAUSE_S = 0.3


class OrderDispatch(Flow):
    """An order goes out as soon as its revision can be made, which may be before its start."""

    name = "order-dispatch"
    at_once = 12

    def takes(self) -> Takes:
        """What ERP says of an order."""
        return {"erp.production_order.released": Take(OrderReleased, self.take)}

    def take(self, released: OrderReleased, traceparent: str) -> None:
        """Note what is to be dispatched."""
        self.note(released.plant, released.order, released, traceparent)

    async def carry_out(self, work: Work) -> None:
        """Ask which revision it is, and dispatch it; later, if the shop floor is not ready for that."""
        order = msgspec.json.decode(work.body, type=OrderReleased)
        if work.attempted and await self.there(work):
            return
        try:
            await self.dispatch(order, work)
        except NotNow as early:
            if early.code != NOT_YET:
                raise
            await self.wait(order, work, early)

    async def revision(self, order: OrderReleased, work: Work) -> str:
        """The revision of the day on which it starts, or the one that it was released with, as its rule says."""
        if order.rule != "start-date":
            return order.revision
        path = f"/items/{quote(order.item, safe='')}/plants/{order.plant}/revision"
        call = Call("GET", path, query={"at": order.start}, traceparent=work.traceparent)
        valid = await self.to.retry.persist(lambda: self.to.plm.send(call, ValidRevision))
        if self.to.scopes.refused(order.plant, order.item, valid.revision):
            return await self.executable(order, work)  # the plant will not have it: what it can make has to do
        return valid.revision

    async def executable(self, order: OrderReleased, work: Work) -> str:
        """What the shop floor makes now."""
        path = f"/work-instructions/{quote(order.item, safe='')}"
        call = Call("GET", path, traceparent=work.traceparent)
        held = await self.to.retry.persist(lambda: self.to.mes[order.plant].send(call, Executable))
        return held.revision

    async def dispatch(self, order: OrderReleased, work: Work) -> None:
        """Dispatch it once. What the shop floor is not ready for is not insisted on."""
        asked = False

        async def attempt() -> NotNow | None:
            nonlocal asked
            if asked and await self.there(work):
                return None
            revision = await self.revision(order, work)  # each time: it may have changed while nothing could be done
            asked = True
            try:
                await self.send(order, revision, work)
            except NotNow as early:
                if early.code == NOT_YET:
                    return early
                raise
            except Refusal as refusal:
                if refusal.code == NO_MORE and await self.revision(order, work) != revision:
                    raise NotNow("revised-meanwhile", f"{revision} was right when it was asked for") from refusal
                raise
            return None

        if early := await self.to.retry.persist(attempt):
            raise early

    async def send(self, order: OrderReleased, revision: str, work: Work) -> None:
        """Ask the shop floor to make it in this revision."""
        body = Dispatch(order.plant, order.order, order.item, revision, order.quantity, order.start, order.rule)
        call = Call("POST", "/orders", msgspec.json.encode(body), traceparent=work.traceparent)
        await self.to.mes[order.plant].send(call, msgspec.Raw)

    async def wait(self, order: OrderReleased, work: Work, early: NotNow) -> None:
        """Come back when it is to start, and from then on every moment, for as long as trying is worth while."""
        now, start = self.to.clock.now(), datetime.fromisoformat(order.start).timestamp()
        if now > start + self.to.settings.retry_budget_s:
            raise GaveUp(early.code, f"{order.item} does not become executable at {work.plant}: {early}")
        raise Later(max(PAUSE_S, start - now))

    async def there(self, work: Work) -> bool:
        """Whether the shop floor has the order, perhaps from an attempt of which nothing was heard."""
        call = Call("GET", f"/orders/{quote(work.key, safe='')}", traceparent=work.traceparent)
        try:
            await self.to.retry.persist(lambda: self.to.mes[work.plant].send(call, msgspec.Raw))
        except Refusal as refusal:
            if refusal.code == "unknown-shop-order":
                return False
            raise
        return True
