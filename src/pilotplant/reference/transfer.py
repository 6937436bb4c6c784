"""One item of a change, from PLM into a plant's ERP, up to the active production version."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote

import msgspec

from pilotplant.reference.activations import Activations
from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.mapping import Mapping as Translation
from pilotplant.reference.messages import (
    ActivateVersion,
    BomReleased,
    ErpItem,
    Job,
    Plant,
    PlmBom,
    PlmItem,
    PlmRouting,
)
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.together import together

T = TypeVar("T")
GoOn = Callable[[], None]
"""Called before each write; raises if the work is not wanted any more."""


class Transfer:
    """Brings items into ERP. All writes set a state, so each may be repeated: after an unsure answer, or a restart."""

    def __init__(
        self,
        plm: SystemClient,
        erp: Mapping[str, SystemClient],
        retry: RetryPolicy,
        mapping: Translation,
        activations: Activations,
    ) -> None:
        self._plm = plm
        self._erp = erp
        self._retry = retry
        self._mapping = mapping
        self._activations = activations
        self._plants: dict[str, Plant] = {}
        self._known: set[tuple[str, str]] = set()
        """Items that a plant was seen to know; plants do not forget items."""

    async def carry_out(self, scope: Scope, item: ScopeItem, go_on: GoOn) -> bytes:
        """Make the item active in ERP; returns the work instructions to publish, or nothing for what is not made."""
        erp, trace = self._erp[scope.plant], scope.traceparent
        definition = await self._definition(item, trace)
        await self._item(scope.plant, item.item, item.revision, trace, go_on)
        if definition is None:
            return b""
        bom, routing = definition
        await together(*(self._component(scope.plant, line.component, trace, go_on) for line in bom.lines))
        released = await self._write(
            erp,
            "POST",
            "/bill-of-material-releases",
            self._mapping.erp_bom(scope, item, bom),
            BomReleased,
            trace,
            go_on,
        )
        await self._write(
            erp, "PUT", "/routings", self._mapping.erp_routing(scope, item, routing), msgspec.Raw, trace, go_on
        )
        wish = ActivateVersion(scope.plant, item.item, item.revision, scope.change)
        await self.activate(erp, wish, trace, go_on)
        return msgspec.json.encode(self._mapping.work_instructions(scope, item, routing, released.version))

    async def activate(self, erp: SystemClient, wish: ActivateVersion, trace: str, go_on: GoOn) -> None:
        """Ask for the activation, and wait until it is done."""
        job = await self._write(erp, "POST", "/production-version-activations", wish, Job, trace, go_on)
        await self._activations.wait(erp, wish, job.job, trace)

    async def _definition(self, item: ScopeItem, trace: str) -> tuple[PlmBom, PlmRouting] | None:
        """Structure and routing of the revision; nothing for an item that is not made."""
        path = f"/items/{quote(item.item, safe='')}/revisions/{item.revision}"
        try:
            bom = await self._read(self._plm, f"{path}/bom", PlmBom, trace)
            return bom, await self._read(self._plm, f"{path}/routing", PlmRouting, trace)
        except Refusal as refusal:
            if refusal.code == "unknown-revision":
                return None
            raise

    async def _item(self, plant: str, number: str, revision: str, trace: str, go_on: GoOn) -> None:
        """Bring the item's data at the plant up to date, unless they are those of a newer revision already."""
        item = await self._read(self._plm, f"/items/{quote(number, safe='')}", PlmItem, trace)
        held = await self._held(plant, number, trace)
        if held is not None and ordinal(held.revision) > ordinal(revision):
            return
        wanted = self._mapping.erp_item(plant, item, revision, held)
        if held is None:
            wanted = self._mapping.in_plant_unit(wanted, item, await self.plant(plant, trace))
        await self._write(self._erp[plant], "PUT", "/items", wanted, msgspec.Raw, trace, go_on)
        self._known.add((plant, number))

    async def _component(self, plant: str, number: str, trace: str, go_on: GoOn) -> None:
        """ERP takes a structure only if the plant knows its components."""
        if (plant, number) in self._known:
            return
        if await self._held(plant, number, trace) is None:
            item = await self._read(self._plm, f"/items/{quote(number, safe='')}", PlmItem, trace)
            await self._item(plant, number, item.revision, trace, go_on)
        self._known.add((plant, number))

    async def bring(self, plant: str, number: str, trace: str) -> None:
        """Let a plant know an item in its present revision."""
        item = await self._read(self._plm, f"/items/{quote(number, safe='')}", PlmItem, trace)
        await self._item(plant, number, item.revision, trace, lambda: None)

    async def plant(self, plant: str, trace: str) -> Plant:
        """What a plant declares; an ERP that does not say has nothing of its own."""
        if plant not in self._plants:
            try:
                self._plants[plant] = await self._read(self._erp[plant], f"/plants/{plant}", Plant, trace)
            except Refusal:
                self._plants[plant] = Plant(())
        return self._plants[plant]

    async def _held(self, plant: str, number: str, trace: str) -> ErpItem | None:
        try:
            return await self._read(self._erp[plant], f"/plants/{plant}/items/{quote(number, safe='')}", ErpItem, trace)
        except Refusal as refusal:
            if refusal.code == "item-not-at-plant":
                return None
            raise

    async def _read(self, client: SystemClient, path: str, returns: type[T], trace: str) -> T:
        call = Call("GET", path, traceparent=trace)
        return await self._retry.persist(lambda: client.send(call, returns))

    async def _write(
        self,
        client: SystemClient,
        method: str,
        path: str,
        body: msgspec.Struct,
        returns: type[T],
        trace: str,
        go_on: GoOn,
    ) -> T:
        call = Call(method, path, msgspec.json.encode(body), traceparent=trace)

        async def attempt() -> T:
            go_on()
            return await client.send(call, returns)

        return await self._retry.persist(attempt)
