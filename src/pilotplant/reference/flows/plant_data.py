"""The flow `plant-data`: what a plant's ERP changes of an item reaches its shop floor. The newest row wins."""

from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.messages import ItemChanged, ShopItemHeld
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work


class PlantData(Flow):
    """One piece of work for each item at a plant, renewed with every change of it."""

    name = "plant-data"
    at_once = 12

    def takes(self) -> Takes:
        """What ERP says of an item."""
        return {"erp.item.changed": Take(ItemChanged, self.take)}

    def take(self, changed: ItemChanged, traceparent: str) -> None:
        """Note what is to be sent, unless something newer is known: events overtake each other."""
        known = self.find(changed.plant, changed.item)
        if known is not None and msgspec.json.decode(known.body, type=ItemChanged).row >= changed.row:
            return
        self.renew(changed.plant, changed.item, changed, traceparent)

    async def carry_out(self, work: Work) -> None:
        """Send it in the unit of the shop floor."""
        changed = msgspec.json.decode(work.body, type=ItemChanged)
        if work.attempted and await self._has_newer(work, changed):
            return
        body = msgspec.json.encode(self.to.mapping.shop_item(changed))
        mes, call = self.to.mes[work.plant], Call("PUT", "/items", body, traceparent=work.traceparent)
        await self.to.retry.persist(lambda: mes.send(call, msgspec.Raw))

    async def _has_newer(self, work: Work, changed: ItemChanged) -> bool:
        """Whether the shop floor knows a newer row, as it may if this database is younger than the event."""
        mes, call = (
            self.to.mes[work.plant],
            Call("GET", f"/items/{quote(work.key, safe='')}", traceparent=work.traceparent),
        )
        try:
            held = await self.to.retry.persist(lambda: mes.send(call, ShopItemHeld))
        except Refusal:
            return False  # it does not know the item
        return held.row > changed.row
