"""The flow `engineering-change`: what PLM releases becomes active in ERP, and only then executable in MES."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from pilotplant.reference.calls import Call, CallFailed, GaveUp, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.lanes import Key
from pilotplant.reference.messages import ChangeReleased, ExecutableInstructions, Owner
from pilotplant.reference.notices import Notices
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.scopes import Scope, ScopeItem, Scopes
from pilotplant.reference.sequencing import Effectivity, Exclusive, RevisionOrder, SequencingGate
from pilotplant.reference.store import Store
from pilotplant.reference.together import Stopped, together
from pilotplant.reference.transfer import Transfer

FLOW = "engineering-change"


@dataclass
class _Run:
    """One attempt at a scope. `refused` tells the other items to begin nothing more."""

    scope: Scope
    refused: bool = False


class EngineeringChanges:
    """Carries out scopes. A scope that has to wait for another one is parked, so that it keeps no worker busy."""

    def __init__(
        self,
        store: Store,
        scopes: Scopes,
        transfer: Transfer,
        mes: Mapping[str, SystemClient],
        *,
        retry: RetryPolicy,
        order: RevisionOrder,
        effectivity: Effectivity,
        exclusive: Exclusive,
        gate: SequencingGate,
        notices: Notices,
        wake: Callable[[Scope, float], None],
        told: Callable[[], None],
    ) -> None:
        self._store = store
        self._scopes = scopes
        self._transfer = transfer
        self._mes = mes
        self._retry = retry
        self._order = order
        self._effectivity = effectivity
        self._exclusive = exclusive
        self._gate = gate
        self._notices = notices
        self._wake = wake
        self._told = told
        self._parked: dict[Key, Scope] = {}

    async def carry_out(self, key: Key) -> None:
        """Go on with a scope as far as it gets."""
        scope = self._scopes.get(key)
        if scope is None or scope.state not in ("open", "publishing"):
            return
        if wait_s := self._effectivity.wait_s(scope):
            self._wake(scope, wait_s)
            return
        mine = [item for item in scope.items if not self._order.overtaken(scope, item)]
        idle = all(item.state != "waiting" for item in mine) and not self._gate.may_publish(scope)
        if idle or not self._exclusive.take(scope, mine):
            self._parked[key] = scope
            return
        try:
            done = await self._attempt(_Run(scope), mine)
        finally:
            self._exclusive.give_back(scope, mine)
            self.unpark()
        if not done:
            self._parked[key] = scope

    def release(self, event: ChangeReleased, traceparent: str) -> None:
        """Take on a change; a launch is another flow's."""
        if event.kind == "launch":
            return
        for key in self._scopes.release(event, traceparent):
            scope = self._scopes.get(key)
            assert scope is not None, f"scope {key} was just opened"
            self._wake(scope, 0.0)

    def cancel(self, change: str) -> None:
        """Stop a change, and go on with those that relied on it."""
        self._scopes.cancel(change)
        self.resume()

    def reopen(self, change: str, plant: str) -> None:
        """A person has mended the cause of a refusal: try again."""
        if self._scopes.reopen((change, plant)):
            self.resume()

    def resume(self) -> None:
        """Go on with all that is not finished: after a start, or when a scope has ended that others relied on."""
        for scope in self._scopes.unfinished():
            self._wake(scope, 0.0)

    def unpark(self) -> None:
        """Something has changed: whoever waits for another scope looks again."""
        parked, self._parked = self._parked, {}
        for scope in parked.values():
            self._wake(scope, 0.0)

    async def _attempt(self, run: _Run, mine: list[ScopeItem]) -> bool:
        """Whether the scope has come to an end, good or bad."""
        try:
            await together(*(self._into_erp(run, item) for item in mine if item.state == "waiting"))
            return await self._publish(run.scope)
        except Stopped:
            return True
        except Refusal as refusal:
            self._fail(run.scope, refusal, owner=owner_of(refusal), refused=True)
        except GaveUp as failed:
            self._fail(run.scope, failed, owner="plant-it", refused=False)
        return True

    async def _into_erp(self, run: _Run, item: ScopeItem) -> None:
        try:
            instructions = await self._transfer.carry_out(
                run.scope, item, lambda: self._gate.check(run.scope, run.refused)
            )
        except Refusal:
            run.refused = True
            raise
        self._scopes.set_item(run.scope, item.item, "active", instructions)
        self.unpark()

    async def _publish(self, before: Scope) -> bool:
        """The last stretch: every item becomes executable, none is left behind. False if it is too early."""
        scope = self._scopes.get(before.key)
        assert scope is not None, f"scope {before.key} has vanished"
        if not self._gate.may_publish(scope):
            return False
        if not self._scopes.begin_publishing(scope):
            raise Stopped
        await together(*(self._publish_item(scope, item) for item in scope.items if item.state == "active"))
        with self._store.transaction():
            for item in scope.items:
                if item.state == "waiting":
                    self._scopes.set_item(scope, item.item, "overtaken")
            self._scopes.finish(scope, "accepted")
            self._report(scope, accepted=True, text="")
        self._told()
        return True

    async def _publish_item(self, scope: Scope, item: ScopeItem) -> None:
        newer = not self._order.may_publish(scope, item)
        if item.instructions and not newer and not (scope.second_hand and await self._has_newer(scope, item)):
            call = Call("PUT", "/work-instructions", item.instructions, traceparent=scope.traceparent)
            mes = self._mes[scope.plant]
            await self._retry.persist(lambda: mes.send(call, msgspec.Raw))
        self._scopes.set_item(scope, item.item, "published")

    async def _has_newer(self, scope: Scope, item: ScopeItem) -> bool:
        """Whether MES executes a newer revision already, which an earlier database knew of and this one does not."""
        path = f"/work-instructions/{quote(item.item, safe='')}"
        call, mes = Call("GET", path, traceparent=scope.traceparent), self._mes[scope.plant]
        try:
            held = await self._retry.persist(lambda: mes.send(call, ExecutableInstructions))
        except Refusal:
            return False  # there are none yet
        return ordinal(held.revision) > item.ordinal

    def _fail(self, scope: Scope, failed: CallFailed, *, owner: Owner, refused: bool) -> None:
        """Nothing more downstream; a person has to know. PLM hears only what ERP is known to have said."""
        with self._store.transaction():
            if self._scopes.state(scope.key) == "cancelled":
                return
            self._scopes.finish(scope, "refused")
            self._notices.exception(
                FLOW,
                scope.change,
                scope.plant,
                owner=owner,
                reason=failed.code,
                text=str(failed),
                traceparent=scope.traceparent,
            )
            if refused:
                self._report(scope, accepted=False, text=str(failed))
        self._told()
        self.resume()

    def _report(self, scope: Scope, *, accepted: bool, text: str) -> None:
        path = f"/changes/{quote(scope.change, safe='')}/results"
        self._notices.report(
            scope.change, scope.plant, accepted=accepted, text=text, path=path, traceparent=scope.traceparent
        )


def owner_of(refusal: CallFailed) -> Owner:
    """Work centres are planning's; everything else about a definition is engineering's."""
    about = f"{refusal.code} {refusal.detail}".replace("-", " ")
    return "planning" if "work centre" in about else "engineering"
