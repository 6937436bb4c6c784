"""Holds shop orders of a superseded revision at once, before anything else is done about a change: people decide what
becomes of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette

from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.transfer import GoOn, Transfer
from tests.different.built import Transport, built, connections


class ShopOrder(msgspec.Struct, frozen=True):
    """An order as MES shows it."""

    order: str
    item: str
    revision: str
    status: str


class ShopOrders(msgspec.Struct, frozen=True):
    """A page of them."""

    items: tuple[ShopOrder, ...]
    next: str


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference, with an immediate quarantine."""
    mes = connections(environment, transport).mes

    class HoldsOrders(Transfer):
        """Holds first."""

        async def carry_out(self, scope: Scope, item: ScopeItem, go_on: GoOn) -> bytes:
            """Hold what is made in an older revision, then make the new one active."""
            go_on()
            await self._hold(mes[scope.plant], item, scope.traceparent)
            return await super().carry_out(scope, item, go_on)

        async def _hold(self, at: SystemClient, item: ScopeItem, trace: str) -> None:
            cursor = ""
            while True:
                query = {"cursor": cursor} if cursor else {}
                listing = Call("GET", "/orders", query=query, traceparent=trace)
                page = await self._retry.persist(lambda call=listing: at.send(call, ShopOrders))  # type: ignore[misc]
                for order in page.items:
                    old = order.item == item.item and ordinal(order.revision) < item.ordinal
                    if old and order.status == "dispatched":
                        await self._hold_one(at, order, trace)
                if not (cursor := page.next):
                    return

        async def _hold_one(self, at: SystemClient, order: ShopOrder, trace: str) -> None:
            call = Call("POST", f"/orders/{quote(order.order, safe='')}/hold", b"{}", traceparent=trace)
            try:
                await self._retry.persist(lambda: at.send(call, msgspec.Raw))
            except Refusal:
                return  # finished meanwhile, or held by an attempt whose answer was lost

    return built(environment, work, transport, replace(Parts(), transfer=HoldsOrders))
