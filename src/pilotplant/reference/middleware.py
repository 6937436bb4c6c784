"""The middleware, put together from its parts; started and stopped as a whole."""

import asyncio
import random

import httpx

from pilotplant.reference.changes import EngineeringChanges
from pilotplant.reference.clock import Clock
from pilotplant.reference.connections import Connections
from pilotplant.reference.flows import flows
from pilotplant.reference.leadership import Leadership
from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope
from pilotplant.reference.settings import Settings
from pilotplant.reference.store import Store
from pilotplant.reference.watching import Watching
from pilotplant.reference.work import Tools

NOTICES_AT_ONCE = 8


class Middleware:
    """Everything that belongs to one running middleware."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        store: Store,
        chance: random.Random,
        parts: Parts,
        leadership: Leadership | None = None,
    ) -> None:
        self._clock = clock
        self._store = store
        store.note_birth(clock.now())
        self._leadership = leadership
        self._leading: asyncio.Task[None] | None = None
        self._to = to = Connections(settings, clock, transport, chance, parts)
        self._signature = parts.signature(settings.events_secret, age_max_s=settings.signature_age_max_s)
        self._inbox = parts.inbox(store)
        retry = parts.retry(clock, chance, budget_s=settings.retry_budget_s)
        mapping = parts.mapping()
        self._notices = parts.notices(store, {"plm": to.plm, "desk": to.desk}, retry)
        self._scopes = scopes = parts.scopes(store)
        order = parts.order(scopes, clock)
        poll_every_s, budget_s = settings.poll_every_s, settings.retry_budget_s
        activations = self._activations = parts.activations(store, clock, poll_every_s=poll_every_s, budget_s=budget_s)
        transfer = parts.transfer(to.plm, to.erp, retry, mapping, activations)
        self._changing = EngineeringChanges(
            store,
            scopes,
            transfer,
            to.mes,
            retry=retry,
            order=order,
            effectivity=parts.effectivity(clock),
            exclusive=parts.exclusive(),
            gate=parts.gate(scopes, order),
            notices=self._notices,
            wake=self._wake_change,
            told=self._tell,
        )
        tools = Tools(
            settings,
            clock,
            store,
            retry,
            parts.posting(retry, parts.keys(), clock, read_lag_s=settings.read_lag_s),
            mapping,
            self._notices,
            scopes.withdrawn,
            self._tell,
            transfer=transfer,
            scopes=scopes,
            plm=to.plm,
            desk=to.desk,
            erp=to.erp,
            mes=to.mes,
            wms=to.wms,
            supplier=to.supplier,
        )
        possible = (flow for flow in flows(parts.flows) if all(map(tools.has, flow.needs)))
        self._flows = tuple(flow(tools) for flow in possible)
        self._events = parts.events(activations, self._changing, self._flows, self._notices, self._tell)
        self._changes = parts.lane("change", self._changing.carry_out, clock, workers=settings.changes_at_once)
        self._telling = parts.lane("notice", self._notices.tell, clock, workers=NOTICES_AT_ONCE)
        kinds = {flow.kind: flow for flow in self._flows}
        self._lanes = (self._changes, *(flow.attach(parts.lane, kinds) for flow in self._flows), self._telling)
        self._watching = Watching(settings, parts, to.plm, store, self.accept, clock)

    def start(self) -> None:
        """Go on with what an earlier life left unfinished, and work; beside another instance: when that has ended."""
        leadership = self._leadership
        if leadership is None:
            self._begin()
        elif leadership.take():
            self._begin()
            self._leading = asyncio.create_task(leadership.watch(self._store.written_by_others, self._go_on))
        else:
            self._leading = asyncio.create_task(self._succeed(leadership))

    def _begin(self) -> None:
        self._go_on()
        for lane in self._lanes:
            lane.start()
        self._watching.start()

    def _go_on(self) -> None:
        self._changing.resume()
        self._activations.look_again()
        for flow in self._flows:
            flow.resume()
        self._tell()

    async def _succeed(self, leadership: Leadership) -> None:
        await leadership.wait()
        self._begin()
        await leadership.watch(self._store.written_by_others, self._go_on)

    async def stop(self) -> None:
        """Stop at once: what is interrupted is in the database."""
        await self._watching.stop()
        if self._leading is not None:
            self._leading.cancel()
            await asyncio.gather(self._leading, return_exceptions=True)
        for lane in self._lanes:
            await lane.stop()
        await self._to.http.aclose()
        self._store.close()
        if self._leadership is not None:
            self._leadership.give_up()

    def objection(self, signature: str, body: bytes) -> str:
        """Why an event is not let in; empty if it is."""
        return self._signature.objection(signature, body, self._clock.now())

    async def accept(self, body: bytes) -> None:
        """Take an event. When this returns, it is durable."""
        await self._inbox.take(
            body,
            received_at=self._clock.now(),
            apply=self._events.handlers,
            ignored=self._events.ignored,
            set_aside=self._events.set_aside,
        )

    def unfinished(self) -> tuple[int, int]:
        """How many pieces of work are open, and how many more wait for their date."""
        scopes, now = self._scopes.unfinished(), self._clock.now()
        scheduled = sum(scope.due > now for scope in scopes)
        pending = len(scopes) - scheduled + len(self._notices.open_keys())
        for flow in self._flows:
            due, later = flow.unfinished(now)
            pending, scheduled = pending + due, scheduled + later
        return pending, scheduled

    def _wake_change(self, scope: Scope, delay_s: float) -> None:
        if delay_s:
            self._changes.add_later(scope.key, delay_s, urgency=scope.urgency)
        else:
            self._changes.add(scope.key, urgency=scope.urgency)

    def _tell(self) -> None:
        for key in self._notices.open_keys():
            self._telling.add(key)
