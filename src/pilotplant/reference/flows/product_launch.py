"""The flow `product-launch`: every plant gets all of a new product, and is released for production only then.

Three kinds of work: bringing it to a plant, noting that a plant has all of it, and releasing it there. What opens the
gate is the note: of the plant alone, or, where the launch says so, of all plants together.
"""

from dataclasses import replace
from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, CallFailed, Refusal
from pilotplant.reference.changes import owner_of
from pilotplant.reference.messages import (
    Affected,
    ChangeCancelled,
    ChangeReleased,
    Holds,
    Owner,
    PlmItem,
    PlmSources,
    ReleaseHold,
    Source,
    SupplierPart,
)
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.together import Stopped
from pilotplant.reference.work import Flow, Later, Take, Takes
from pilotplant.reference.works import Work

NAME = "product-launch"
TOGETHER = "all-plants"
UNKNOWN_THERE = "unknown-at-shop-floor"
PAUSE_S = 0.3


class ProductLaunch(Flow):
    """A launch at a plant: items, sources, structures, versions, instructions."""

    name = NAME
    at_once = 12

    def takes(self) -> Takes:
        """Changes that are launches, and their withdrawal."""
        return {
            "plm.change.released": Take(ChangeReleased, self.take),
            "plm.change.cancelled": Take(ChangeCancelled, self.cancel),
        }

    def owner_of(self, failed: CallFailed) -> Owner:
        """As with other changes."""
        return owner_of(failed)

    def take(self, change: ChangeReleased, traceparent: str) -> None:
        """Note the plants of a launch; one that was withdrawn before it was heard of is none."""
        if change.kind != "launch" or self.to.scopes.withdrawn(change.change):
            return
        for plant in plants_of(change):
            self.note(plant, change.change, change, traceparent)

    def cancel(self, cancelled: ChangeCancelled, traceparent: str) -> None:
        """Begin no more of it."""
        del traceparent
        for plant in self.to.settings.erp:
            for flow in (self, self.others[Released.kind]):
                flow.withdraw(plant, cancelled.change)

    async def carry_out(self, work: Work) -> None:
        """Bring all of it to the plant; the plant is released when the gate opens."""
        change = msgspec.json.decode(work.body, type=ChangeReleased)
        here = [affected for affected in change.affected if work.plant in affected.plants]
        instructions = []
        try:
            for affected in here:
                self.go_on(change)
                await self.to.transfer.bring(work.plant, affected.item, work.traceparent)
                await self.sources(affected, work)
            for affected in here:
                instructions.append(await self.version(change, affected, work))
            for body in filter(None, instructions):
                self.go_on(change)
                await self.publish(body, work)
        except Stopped:
            return
        with self.to.store.transaction():
            self.report(change, work)
            self.others[Accepted.kind].note(work.plant, change.change, work.body, work.traceparent)
            self.open_gate(change, work)
        self.to.told()

    def go_on(self, change: ChangeReleased) -> None:
        """Nothing more of what was withdrawn."""
        if self.to.scopes.withdrawn(change.change):
            raise Stopped

    async def sources(self, affected: Affected, work: Work) -> None:
        """Who may supply it, and what they call it: first the one, then the other."""
        path = f"/items/{quote(affected.item, safe='')}/manufacturers"
        call = Call("GET", path, traceparent=work.traceparent)
        approved = await self.to.retry.persist(lambda: self.to.plm.send(call, PlmSources))
        for each in approved.items:
            if each.approved:
                source = Source(work.plant, affected.item, each.supplier, each.issue)
                await self.put("/approved-sources", source, work)
                part = SupplierPart(work.plant, affected.item, each.supplier, each.supplier_part, each.issue)
                await self.put("/supplier-part-numbers", part, work)

    async def put(self, path: str, body: msgspec.Struct, work: Work) -> None:
        """Set something in the plant's ERP."""
        erp = self.to.erp[work.plant]
        call = Call("PUT", path, msgspec.json.encode(body), traceparent=work.traceparent)
        await self.to.retry.persist(lambda: erp.send(call, msgspec.Raw))

    async def version(self, change: ChangeReleased, affected: Affected, work: Work) -> bytes:
        """Structure, routing and active version of what is made; its work instructions."""
        revision = affected.to_revision
        item = ScopeItem(affected.item, revision, ordinal(revision), "waiting", b"")
        scope = Scope(
            change.change,
            work.plant,
            change.priority,
            change.effectivity.at,
            0.0,
            work.traceparent,
            0,
            "open",
            change.wip,
            (item,),
        )
        return await self.to.transfer.carry_out(scope, item, lambda: self.go_on(change))

    async def publish(self, instructions: bytes, work: Work) -> None:
        """Work instructions; the shop floor has to know the item, which another flow sees to."""
        mes = self.to.mes[work.plant]
        call = Call("PUT", "/work-instructions", instructions, traceparent=work.traceparent)
        item = msgspec.json.decode(instructions, type=_AboutItem).item
        known = Call("GET", f"/items/{quote(item, safe='')}", traceparent=work.traceparent)
        try:
            await self.to.retry.persist(lambda: mes.send(known, msgspec.Raw))
        except Refusal as refusal:
            if refusal.code == UNKNOWN_THERE:
                raise Later(PAUSE_S) from refusal
            raise
        await self.to.retry.persist(lambda: mes.send(call, msgspec.Raw))

    def report(self, change: ChangeReleased, work: Work) -> None:
        """PLM hears that the plant has it."""
        path = f"/changes/{quote(change.change, safe='')}/results"
        self.to.notices.report(
            change.change, work.plant, accepted=True, text="", path=path, traceparent=work.traceparent
        )

    def open_gate(self, change: ChangeReleased, work: Work) -> None:
        """Release the plant, or all plants if they wait for each other and this was the last."""
        plants = plants_of(change)
        if change.gate != TOGETHER:
            plants = (work.plant,)
        elif any(self.others[Accepted.kind].find(plant, change.change) is None for plant in plants):
            return
        for plant in plants:
            self.others[Released.kind].note(plant, change.change, work.body, work.traceparent)


class Accepted(Flow):
    """That a plant has all of a launch. There is nothing to do; it is only remembered."""

    name = NAME
    kind = "launch-accepted"

    def takes(self) -> Takes:
        """No event says so."""
        return {}

    async def carry_out(self, work: Work) -> None:
        """Nothing."""


class Released(Flow):
    """The release of a launched product for production at a plant."""

    name = NAME
    kind = "launch-released"
    at_once = 12

    def takes(self) -> Takes:
        """No event says so."""
        return {}

    async def carry_out(self, work: Work) -> None:
        """Lift the hold of what is made there."""
        change = msgspec.json.decode(work.body, type=ChangeReleased)
        for affected in change.affected:
            if work.plant in affected.plants and await self.made(affected.item, work):
                await self.release(affected.item, work)

    async def release(self, item: str, work: Work) -> None:
        """Once; whoever is unsure looks what still holds it."""
        erp = self.to.erp[work.plant]
        body = msgspec.json.encode(ReleaseHold(work.plant, item, work.key))
        call = Call("GET", f"/plants/{work.plant}/items/{quote(item, safe='')}/holds", traceparent=work.traceparent)

        async def lifted() -> bool:
            found = await erp.send(call, Holds)
            return all(hold.reference for hold in found.items)

        await self.to.posting.once(erp, replace(work, key=f"{work.key}|{item}", body=body), "/hold-releases", lifted)

    async def made(self, number: str, work: Work) -> bool:
        """Whether it is made here; what is bought needs no release."""
        call = Call("GET", f"/items/{quote(number, safe='')}", traceparent=work.traceparent)
        item = await self.to.retry.persist(lambda: self.to.plm.send(call, PlmItem))
        return item.made


class _AboutItem(msgspec.Struct, frozen=True):
    item: str


def plants_of(change: ChangeReleased) -> tuple[str, ...]:
    """Where a launch applies."""
    return tuple(sorted({plant for affected in change.affected for plant in affected.plants}))
