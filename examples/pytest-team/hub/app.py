"""Takes events into a table, and works that table off."""

import asyncio
import hmac
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.erp import Erp, Refused


def create(environment: Mapping[str, str] = os.environ, work: Path = Path()) -> Starlette:
    """The hub. In production `uvicorn --factory hub.app:create`; under test Pilotplant says what the environment is."""
    secret = environment["PILOTPLANT_EVENTS_SECRET"].encode()
    database = sqlite3.connect(work / "hub.sqlite")
    database.execute("create table if not exists inbox (id text primary key, body text, done int default 0)")
    more = asyncio.Event()

    async def receive(request: Request) -> Response:
        body = await request.body()
        if not is_signed(request.headers.get("pilotplant-signature", ""), body, secret):
            return Response(status_code=401)
        event = json.loads(body)
        if event["type"] == "mes.order.completed":
            with database:  # durable before it is acknowledged; a second delivery changes nothing
                row = (f"{event['source']} {event['id']}", json.dumps(event["data"]))
                database.execute("insert or ignore into inbox (id, body) values (?, ?)", row)
            more.set()
        return Response(status_code=202)

    async def work_off(erp: Erp) -> None:
        pause_s = 0.1
        while True:
            row = database.execute("select id, body from inbox where not done order by rowid limit 1").fetchone()
            if row is None:
                more.clear()
                await more.wait()
                continue
            try:
                await erp.book(json.loads(row[1]))
            except Refused as refused:
                await erp.tell_somebody(json.loads(row[1]), str(refused))
            except httpx.HTTPError:  # booked or not, who knows: `book` looks before it posts
                await asyncio.sleep(pause_s)
                pause_s = min(1.0, 2 * pause_s)
                continue
            pause_s = 0.1
            with database:
                database.execute("update inbox set done = 1 where id = ?", (row[0],))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=2) as http:
            worker = asyncio.create_task(work_off(Erp(environment, http)))
            yield
            worker.cancel()

    return Starlette(routes=[Route("/events", receive, methods=["POST"])], lifespan=lifespan)


def is_signed(header: str, body: bytes, secret: bytes) -> bool:
    """Whether the sender knows the secret and signed this within five minutes: `t=<unix seconds>,v1=<hex>`."""
    given = dict(part.partition("=")[::2] for part in header.split(","))
    moment = given.get("t", "")
    expected = hmac.new(secret, moment.encode() + b"." + body, sha256).hexdigest()
    fresh = moment.isdigit() and abs(time.time() - int(moment)) < 300
    return fresh and hmac.compare_digest(expected, given.get("v1", ""))
