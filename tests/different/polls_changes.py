"""Takes no events for changes: looks at the PLM's list of changes every two seconds, and carries out only the latest
revision of what it finds there."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pilotplant.reference.calls import Call, CallFailed
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.events import Events
from pilotplant.reference.inbox import Apply
from pilotplant.reference.messages import Affected
from pilotplant.reference.middleware import Middleware
from pilotplant.reference.parts import Parts
from pilotplant.reference.purchasing import Superseded
from pilotplant.reference.settings import from_environment
from pilotplant.reference.signature import HEADER
from pilotplant.reference.store import Store
from pilotplant.target.model import Declares
from tests.different.built import Transport, connections

EVERY_S = 2.0
DECLARES = Declares(backoff_cap=2.0, timeout=5.0, poll_interval=EVERY_S, answer_patience=3.0)
FOUND = "change.found."


class Change(msgspec.Struct, frozen=True):
    """A change as PLM lists it."""

    change: str
    priority: str
    status: str
    effectivity: str
    effective_at: str
    affected: tuple[Affected, ...]
    kind: str
    gate: str
    wip: str
    superseded: tuple[Superseded, ...]


class Changes(msgspec.Struct, frozen=True):
    """A page of the list."""

    items: tuple[Change, ...]
    next: str


class FoundNotTold(Events):
    """What PLM says about changes in events is passed over; what was found by looking is taken on."""

    def work(self) -> dict[str, Apply]:
        """What is done on each type of event."""

        def passed_over(event: object) -> None:
            del event

        told = super().work()
        found = {FOUND + status: told[f"plm.change.{status}"] for status in ("released", "cancelled")}
        return told | found | {"plm.change.released": passed_over, "plm.change.cancelled": passed_over}


class Poller:
    """Looks for changes. What it finds goes through the inbox, which knows what was found before."""

    def __init__(self, environment: Mapping[str, str], transport: Transport, middleware: Middleware) -> None:
        self._connections = connections(environment, transport)
        self._middleware = middleware

    async def watch(self) -> None:
        """Look for as long as this runs; an answer that fails is asked for again at the next look."""
        while True:
            try:
                changes = await self._list()
            except CallFailed:
                changes = []
            # Newest first and all in one step, so that of two revisions of an item only the later is begun.
            for change in reversed(changes):
                if change.status in ("released", "cancelled"):
                    await self._middleware.accept(_found(change))
            await asyncio.sleep(EVERY_S)

    async def close(self) -> None:
        """Give the connections back."""
        await self._connections.http.aclose()

    async def _list(self) -> list[Change]:
        changes: list[Change] = []
        cursor = ""
        while True:
            query = {"limit": "50"} | ({"cursor": cursor} if cursor else {})
            page = await self._connections.plm.send(Call("GET", "/changes", query=query), Changes)
            changes += page.items
            if not (cursor := page.next):
                return changes


def _found(change: Change) -> bytes:
    data = {
        "change": change.change,
        "priority": change.priority,
        "effectivity": {"kind": change.effectivity, "at": change.effective_at},
        "affected": change.affected,
        "kind": change.kind,
        "gate": change.gate,
        "wip": change.wip,
        "superseded": change.superseded,
    }
    about = {"id": f"{change.change}/{change.status}", "source": "poller", "type": FOUND + change.status}
    return msgspec.json.encode({**about, "subject": change.change, "data": data})


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference behind another door."""
    middleware = Middleware(
        from_environment(environment),
        clock=SystemClock(),
        transport=transport,
        store=Store(work / "middleware.sqlite"),
        chance=secrets.SystemRandom(),
        parts=replace(Parts(), events=FoundNotTold),
    )
    poller = Poller(environment, transport, middleware)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        middleware.start()
        watching = asyncio.create_task(poller.watch())
        yield
        watching.cancel()
        await poller.close()
        await middleware.stop()

    async def receive(request: Request) -> Response:
        body = await request.body()
        if middleware.objection(request.headers.get(HEADER, ""), body):
            return Response(status_code=401)
        await middleware.accept(body)
        return Response(status_code=202)

    return Starlette(routes=[Route("/events", receive, methods=["POST"])], lifespan=lifespan)
