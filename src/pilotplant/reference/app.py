"""The middleware as an ASGI application.

POST /events ── signature ── inbox ──> database
                                         │ keys of what is open
                 changes ─────── lane ───┤ 16 at a time, urgent first
                 each of flows/ ─ lane ──┤ confirmations 12 at a time
                 notices ─────── lane ───┘ to the desk and to PLM
                    │
                    └── retry ── client (token, limiter, time-out) ──> PLM, ERP, MES, WMS, suppliers, desk
"""

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pilotplant.reference.clock import Clock
from pilotplant.reference.leadership import Leadership
from pilotplant.reference.middleware import Middleware
from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import Settings
from pilotplant.reference.signature import HEADER
from pilotplant.reference.store import Store

BODY_MAX_BYTES = 1_048_576


def create_app(
    settings: Settings,
    *,
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None,
    database: sqlite3.Connection | Path | str,
    chance: random.Random,
    parts: Parts | None = None,
) -> Starlette:
    """Put the middleware together. Work is done while the application's lifespan lasts; nothing is global."""
    store = Store(database)
    alone = isinstance(database, sqlite3.Connection) or not settings.instance
    middleware = Middleware(
        settings,
        clock=clock,
        transport=transport,
        store=store,
        chance=chance,
        parts=parts or Parts(),
        leadership=None if alone else Leadership(Path(f"{database}-leader"), clock),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        middleware.start()
        try:
            yield
        finally:
            await middleware.stop()

    async def receive(request: Request) -> Response:
        """Take an event; 202 means that it is durable."""
        body = await request.body()
        if len(body) > BODY_MAX_BYTES:
            return JSONResponse({"error": f"an event has at most {BODY_MAX_BYTES} bytes"}, 413)
        if objection := middleware.objection(request.headers.get(HEADER, ""), body):
            return JSONResponse({"error": objection}, 401)
        await middleware.accept(body)
        return Response(status_code=202)

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ready"})

    async def status(_request: Request) -> Response:
        pending, scheduled = middleware.unfinished()
        return JSONResponse({"open": pending, "scheduled": scheduled})

    routes = [Route("/events", receive, methods=["POST"]), Route("/health", health), Route("/status", status)]
    return Starlette(routes=routes, lifespan=lifespan)
