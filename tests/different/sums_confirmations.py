"""Sums up what plants report within a second, and books one document for each plant: it carries nobody's number.

Each event waits until its sum is booked, and is acknowledged only then. Idempotency keys make a repeated attempt safe.
"""

import asyncio
import hmac
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import count
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

EVERY_S = 1.0
TIMEOUT_S = 3.0
Done = dict[str, Any]


class Sums:
    """What was reported and is not booked yet, by plant and posting date."""

    def __init__(self, environment: Mapping[str, str], http: httpx.AsyncClient) -> None:
        self._told = environment
        self._http = http
        self._open: dict[tuple[str, str], list[tuple[Done, asyncio.Future[None]]]] = defaultdict(list)
        self._taken: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._numbers = count(1)
        self._token = ""
        self._asking: asyncio.Task[str] | None = None

    async def add(self, done: Done) -> None:
        """Return when the confirmation is part of a booking. Whoever reports it again waits for the same."""
        name = (done["plant"], done["confirmation"])
        if name not in self._taken:
            self._taken[name] = asyncio.get_running_loop().create_future()
            self._open[done["plant"], done["posting_date"]].append((done, self._taken[name]))
        await asyncio.shield(self._taken[name])

    async def work(self) -> None:
        """Book what has come together, second by second."""
        async with asyncio.TaskGroup() as booking:
            while True:
                await asyncio.sleep(EVERY_S)
                due, self._open = self._open, defaultdict(list)
                for (plant, date), entries in due.items():
                    booking.create_task(self._book(plant, date, entries))

    async def _book(self, plant: str, date: str, entries: list[tuple[Done, asyncio.Future[None]]]) -> None:
        document = {"plant": plant, "posting_date": date, "lines": lines_of([done for done, _booked in entries])}
        key = f"sum-{plant}-{next(self._numbers)}"
        pause_s = 0.1
        while (status := await self._posted(document, key)) != 201:
            if status == 422 and len(entries) > 1:  # one of them spoils the sum: book it in two halves
                half = len(entries) // 2
                await self._book(plant, date, entries[:half])
                await self._book(plant, date, entries[half:])
                return
            if status == 422:
                await self.tell(entries[0][0]["confirmation"], plant, "ERP refused it")
                break
            await asyncio.sleep(pause_s)
            pause_s = min(1.0, 2 * pause_s)
        for _done, booked in entries:
            booked.set_result(None)

    async def tell(self, subject: str, plant: str, reason: str) -> None:
        """A person has to know, as long as it takes."""
        told = {"flow": "production-confirmation", "subject": subject, "plant": plant, "owner": "plant-it"}
        headers = {"x-api-key": self._told["PILOTPLANT_DESK_API_KEY"]}
        address = f"{self._told['PILOTPLANT_DESK_URL']}/exceptions"
        while not (await self._http.post(address, json={**told, "reason": reason}, headers=headers)).is_success:
            await asyncio.sleep(0.5)

    async def _posted(self, document: Done, key: str) -> int:
        """One attempt, and the status of its answer. ERP replays its answer to a key that it has seen."""
        try:
            used = await self._current_token()
            headers = {"authorization": f"Bearer {used}", "idempotency-key": key}
            address = f"{self._told['PILOTPLANT_ERP_URL']}/stock-documents"
            answer = await self._http.post(address, json=document, headers=headers)
        except httpx.HTTPError:
            return 0
        if answer.status_code == 401 and used == self._token:
            self._token = ""
        elif answer.status_code == 429:
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
        refused = answer.is_client_error and answer.json().get("definite") and answer.status_code not in (401, 409, 429)
        return 422 if refused else answer.status_code

    async def _current_token(self) -> str:
        if not self._token:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._new_token())
            self._token = await asyncio.shield(self._asking)  # one for all
        return self._token

    async def _new_token(self) -> str:
        form = {"grant_type": "client_credentials", "client_id": self._told["PILOTPLANT_ERP_CLIENT_ID"]}
        form["client_secret"] = self._told["PILOTPLANT_ERP_CLIENT_SECRET"]
        answer = await self._http.post(self._told["PILOTPLANT_ERP_TOKEN_URL"], data=form)
        return str(answer.raise_for_status().json()["access_token"])


def lines_of(confirmations: list[Done]) -> list[Done]:
    """One line for each movement, item and lot."""
    sums: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for done in confirmations:
        made = (done["item"], done["lot"], done["unit"])
        sums["receipt", *made] += done["good"]
        sums["scrap", *made] += done["scrap"]
        for used in done["consumption"]:
            sums["issue", used["item"], used["lot"], used["unit"]] += used["quantity"]
    names = ("movement", "item", "lot", "unit")
    return [dict(zip(names, keys, strict=True)) | {"quantity": total} for keys, total in sums.items() if total]


def create(environment: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """The aggregator."""
    secret = environment["PILOTPLANT_EVENTS_SECRET"].encode()
    http = httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S)
    sums = Sums(environment, http)

    async def receive(request: Request) -> Response:
        body = await request.body()
        pairs = (part.partition("=") for part in request.headers.get("pilotplant-signature", "").split(","))
        given = {name: value for name, _is, value in pairs}
        expected = hmac.new(secret, given.get("t", "").encode() + b"." + body, sha256).hexdigest()
        fresh = abs(time.time() - float(given.get("t") or 0)) < 300
        if not (fresh and hmac.compare_digest(expected, given.get("v1", ""))):
            return Response(status_code=401)
        try:
            event = json.loads(body)
            done = event["data"]
            if event["type"] == "mes.order.completed":
                lines_of([done])  # raises where something is missing
                await sums.add(done)
        except (ValueError, KeyError) as error:
            await sums.tell(sha256(body).hexdigest()[:12], "", f"unreadable event: {error!r}")
        return Response(status_code=202)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(sums.work())
        yield
        working.cancel()
        await http.aclose()

    return Starlette(routes=[Route("/events", receive, methods=["POST"])], lifespan=lifespan)
