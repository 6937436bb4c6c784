"""An estate for the reference middleware: PLM, ERP, MES and desk in one object, and a loop that never waits."""

import asyncio
import hmac
import json
import random
import re
import selectors
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import httpx

from pilotplant.reference.app import create_app
from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import Settings, SystemAccess

T = TypeVar("T")
Json = Any
SECRET = "shared"
EPOCH = 1_700_000_000.0
PLANTS = ("CN01", "DE01", "US01")


class _Jumping(selectors.SelectSelector):
    """Does not wait for the next timer but jumps to it."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits and nothing will ever happen"
            self.elapsed_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when there is nothing to do."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed_s


class LoopClock:
    """The clock of the running loop."""

    def now(self) -> float:
        return EPOCH + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


@dataclass
class Seen:
    """A request that reached a system, and when."""

    at_s: float
    system: str
    method: str
    path: str
    body: Json
    headers: httpx.Headers

    def __str__(self) -> str:
        return f"{self.system} {self.method} {self.path}"


Bend = Callable[[Seen], httpx.Response | Exception | None]
"""Looks at a request before it is carried out; may answer in the system's place, or break the connection."""


def problem(status: int, code: str, *, definite: bool = True, retry_after: str = "") -> httpx.Response:
    """A refusal."""
    body = {"code": code, "status": status, "definite": definite, "detail": f"because of {code}"}
    return httpx.Response(status, json=body, headers={"retry-after": retry_after} if retry_after else {})


@dataclass
class Estate:
    """What the systems hold. Items M-… are made, others are bought; every plant knows every item."""

    activation_s: float = 0.3
    tells: bool = True
    """Whether ERP's events reach the middleware."""
    seen: list[Seen] = field(default_factory=list)
    bends: list[Bend] = field(default_factory=list)
    losses: list[Bend] = field(default_factory=list)
    """Like `bends`, after the request was carried out: the answer is lost."""
    rejected: set[tuple[str, str]] = field(default_factory=set)
    """Plant and item whose activation fails in the background."""
    inactive: set[tuple[str, str]] = field(default_factory=set)
    """Plant and item whose routing uses an inactive work centre."""
    read_lag_s: float = 0.0
    held: dict[tuple[str, str], str] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    documents: list[tuple[float, Json]] = field(default_factory=list)
    reversed: set[int] = field(default_factory=set)
    """Positions in `documents`."""
    keys: dict[str, bytes] = field(default_factory=dict)
    replays: bool = False
    """Whether ERP answers to a key that it knows what it has answered before, and refuses it with other content."""
    replies: dict[str, httpx.Response] = field(default_factory=dict)
    active: dict[tuple[str, str], str] = field(default_factory=dict)
    executable: list[tuple[str, str, str]] = field(default_factory=list)
    dispositions: list[tuple[float, tuple[str, str, str, str]]] = field(default_factory=list)
    """When which rule was set: plant, item, revision, disposition."""
    exceptions: list[Json] = field(default_factory=list)
    results: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    deliver: Callable[[bytes, str], Coroutine[Any, Any, int]] | None = None
    events: int = 0
    background: set[asyncio.Task[Any]] = field(default_factory=set)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request. A system goes on with what it has received, even if the caller dies."""
        return await asyncio.shield(self._begin(self._answer(request)))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.split("/")
        system = parts[1]
        prefix = f"/{system}"
        if system in ("mes", "wms"):
            prefix = f"/{system}/{parts[2]}"
        path = request.url.path[len(prefix) :]
        text = request.content
        body = json.loads(text) if text[:1] in (b"{", b"[") else None
        seen = Seen(asyncio.get_running_loop().time(), system, request.method, path, body, request.headers)
        self.seen.append(seen)
        await asyncio.sleep(0.005)
        if path == "/oauth/token":
            return self._token(system)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if system in ("plm", "erp") and (given not in self.tokens or given in self.revoked):
            return problem(401, "unauthorized")
        if bent := self._first(self.bends, seen):
            return bent
        answer = getattr(self, f"_{system}")(seen, request)
        answer = self._first(self.losses, seen) or answer
        assert isinstance(answer, httpx.Response), f"no such operation: {seen}"
        return answer

    def calls(self, pattern: str) -> list[Seen]:
        """The requests whose `system METHOD path` matches."""
        return [seen for seen in self.seen if re.search(pattern, str(seen))]

    async def tell(self, kind: str, data: Json, *, source: str = "/plm", number: str = "", when: float = 0.0) -> int:
        """Deliver an event, signed; returns the status of the answer."""
        self.events += 1
        envelope = {
            "specversion": "1.0",
            "id": number or f"event-{self.events}",
            "source": source,
            "type": kind,
            "subject": "subject",
            "traceparent": f"00-{self.events:032x}-{self.events:016x}-01",
            "data": data,
        }
        body = json.dumps(envelope).encode()
        assert self.deliver is not None
        return await self.deliver(body, sign(body, when or EPOCH + asyncio.get_running_loop().time()))

    async def release(
        self, change: str, items: dict[str, str], plants: tuple[str, ...] = ("DE01",), **more: Json
    ) -> int:
        """PLM releases a change."""
        affected = [
            {"item": item, "from_revision": "A", "to_revision": to, "plants": list(plants), "disposition": "use-up"}
            for item, to in items.items()
        ]
        effectivity = {"kind": "immediate", "at": "2026-01-01T00:00:00.000Z"}
        data = {"change": change, "title": "", "priority": "normal", "effectivity": effectivity, "affected": affected}
        return await self.tell("plm.change.released", {**data, **more})

    async def complete(self, confirmation: str, plant: str = "DE01", **more: Json) -> int:
        """MES reports a finished order."""
        data = {
            "plant": plant,
            "order": f"PO-{confirmation}",
            "confirmation": confirmation,
            "item": "M-1",
            "revision": "A",
            "lot": "L-1",
            "good": 10,
            "scrap": 1,
            "rework": 0,
            "unit": "EA",
            "posting_date": "2026-01-02",
            "consumption": [{"item": "B-1", "lot": "L-7", "quantity": 22.5, "unit": "kg"}],
        }
        return await self.tell("mes.order.completed", {**data, **more}, source=f"/mes/{plant}")

    async def move(self, movement: str, plant: str = "DE01", **more: Json) -> int:
        """A warehouse sets stock aside, or does whatever else is said."""
        data = {
            "plant": plant,
            "movement": movement,
            "kind": "transfer",
            "item": "B-1",
            "lot": "L-7",
            "quantity": 3,
            "unit": "BX",
            "from_bin": "A-01-1",
            "to_bin": "QA",
            "from_status": "unrestricted",
            "to_status": "quality",
            "posting_date": "2026-01-02",
        }
        return await self.tell("wms.stock.moved", {**data, **more}, source=f"/wms/{plant}")

    async def count(self, count: str, difference: float, plant: str = "DE01", *, number: str = "") -> int:
        """A warehouse has counted."""
        data = {
            "plant": plant,
            "count": count,
            "item": "B-1",
            "lot": "L-7",
            "difference": difference,
            "unit": "BX",
            "status": "unrestricted",
            "posting_date": "2026-01-02",
        }
        return await self.tell("wms.count.adjusted", data, source=f"/wms/{plant}", number=number)

    def _first(self, bends: list[Bend], seen: Seen) -> httpx.Response | None:
        for bend in bends:
            answer = bend(seen)
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                return answer
        return None

    def _token(self, system: str) -> httpx.Response:
        self.tokens.append(f"{system}-token-{len(self.tokens)}")
        return httpx.Response(200, json={"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 600})

    def _plm(self, seen: Seen, request: httpx.Request) -> httpx.Response | None:
        if match := re.fullmatch(r"/items/([^/]+)", seen.path):
            item = {"item": match[1], "description": f"Thing {match[1]}", "unit": "EA", "revision": "A"}
            return httpx.Response(200, json=item)
        if match := re.fullmatch(r"/items/([^/]+)/revisions/([^/]+)/(bom|routing)", seen.path):
            if not match[1].startswith("M-"):
                return problem(404, "unknown-revision")
            line = {"component": "B-1", "quantity": 2.25, "unit": "kg"}
            step = {"number": 10, "work_centre": "WC-100", "text": "Mill", "setup_s": 60.0, "cycle_s": 5.5}
            named = {"item": match[1], "revision": match[2]}
            definition = {"lines": [line]} if match[3] == "bom" else {"steps": [step]}
            return httpx.Response(200, json={**named, **definition})
        if match := re.fullmatch(r"/changes/([^/]+)/results", seen.path):
            self.results.append((match[1], seen.body["plant"], seen.body["status"]))
            return httpx.Response(201, json={})
        return None

    def _erp(self, seen: Seen, request: httpx.Request) -> httpx.Response | None:
        body = seen.body
        if match := re.fullmatch(r"/plants/([^/]+)/items/([^/]+)", seen.path):
            return httpx.Response(200, json=self._erp_item(match[1], match[2]))
        if re.fullmatch(r"/plants/[^/]+", seen.path):
            return httpx.Response(200, json={"units": []})
        match seen.method, seen.path:
            case "PUT", "/items":
                self.held[body["plant"], body["item"]] = body["revision"]
                return httpx.Response(200, json=body)
            case "POST", "/bill-of-material-releases":
                return httpx.Response(201, json={**body, "version": "0007"})
            case "PUT", "/routings":
                if (body["plant"], body["item"]) in self.inactive:
                    return problem(422, "inactive-work-centre")
                return httpx.Response(200, json=body)
            case "POST", "/production-version-activations":
                return self._activate(body)
            case "GET", "/stock-documents":
                wanted = (request.url.params["plant"], request.url.params["source_document"])
                now = asyncio.get_running_loop().time()
                found = [
                    {"document": str(number), "reversed": number in self.reversed, "lines": document["lines"]}
                    for number, (at_s, document) in enumerate(self.documents)
                    if (document["plant"], document["source_document"]) == wanted and at_s + self.read_lag_s <= now
                ]
                return httpx.Response(200, json={"items": found})
            case "POST", "/stock-documents":
                return self._post(body, request)
        if match := re.fullmatch(r"/stock-documents/(\d+)/reversal", seen.path):
            return self._reverse(int(match[1]))
        if seen.path.startswith("/jobs/"):
            return httpx.Response(200, json=self.jobs[seen.path.removeprefix("/jobs/")])
        return None

    def _erp_item(self, plant: str, item: str) -> Json:
        revision = self.held.get((plant, item), "A")
        return {"plant": plant, "item": item, "description": "", "unit": "BX", "revision": revision}

    def _activate(self, body: Json) -> httpx.Response:
        job = f"JOB-{len(self.jobs) + 1}"
        self.jobs[job] = {"job": job, "status": "queued", "reason": ""}
        self._begin(self._finish(job, body))
        return httpx.Response(202, json=self.jobs[job])

    async def _finish(self, job: str, body: Json) -> None:
        await asyncio.sleep(self.activation_s)
        failed = (body["plant"], body["item"]) in self.rejected
        reason = "work centre WC-9 is inactive" if failed else ""
        self.jobs[job] = {"job": job, "status": "failed" if failed else "done", "reason": reason}
        if not failed:
            self.active[body["plant"], body["item"]] = body["revision"]
        if self.tells:
            kind = "erp.version.rejected" if failed else "erp.version.activated"
            await self.tell(kind, {**body, "version": "0007", "job": job, "reason": reason}, source="/erp")

    def _post(self, body: Json, request: httpx.Request) -> httpx.Response:
        key = request.headers.get("idempotency-key", "")
        known = self.keys.setdefault(key, request.content) if key else request.content
        if self.replays and key in self.replies:
            return self.replies[key] if known == request.content else problem(422, "idempotency-key-reused")
        assert known == request.content, "an idempotency key came with other content"
        self.documents.append((asyncio.get_running_loop().time(), body))
        answer = httpx.Response(201, json={"document": str(len(self.documents)), "source_document": "x"})
        if key:
            self.replies[key] = answer
        return answer

    def _reverse(self, number: int) -> httpx.Response:
        if number in self.reversed:
            return problem(409, "already-reversed")
        self.reversed.add(number)
        return httpx.Response(201, json={"document": str(number), "source_document": "x"})

    def standing(self) -> list[Json]:
        """The stock documents that were not taken back."""
        return [document for number, (_, document) in enumerate(self.documents) if number not in self.reversed]

    def _mes(self, seen: Seen, request: httpx.Request) -> httpx.Response | None:
        if seen.path != "/work-instructions":
            return None
        self.executable.append((seen.body["plant"], seen.body["item"], seen.body["revision"]))
        return httpx.Response(200, json=seen.body)

    def _wms(self, seen: Seen, request: httpx.Request) -> httpx.Response | None:
        if seen.path != "/dispositions":
            return None
        rule = (seen.body["plant"], seen.body["item"], seen.body["revision"], seen.body["disposition"])
        self.dispositions.append((asyncio.get_running_loop().time(), rule))
        return httpx.Response(200, json=seen.body)

    def _desk(self, seen: Seen, request: httpx.Request) -> httpx.Response | None:
        if seen.path != "/exceptions":
            return None
        self.exceptions.append(seen.body)
        return httpx.Response(201, json={})


def sign(body: bytes, when: float, secret: str = SECRET) -> str:
    """The signature header for a body."""
    moment = f"{int(when)}"
    return f"t={moment},v1={hmac.new(secret.encode(), moment.encode() + b'.' + body, sha256).hexdigest()}"


def settings(base: str = "http://estate") -> Settings:
    """Where everything is."""

    def oauth2(name: str) -> SystemAccess:
        url = f"{base}/{name}"
        return SystemAccess(url, token_url=f"{url}/oauth/token", client_id="me", client_secret="hush")

    return Settings(
        plm=oauth2("plm"),
        desk=SystemAccess(f"{base}/desk", api_key="key"),
        erp=dict.fromkeys(PLANTS, oauth2("erp")),
        mes={plant: SystemAccess(f"{base}/mes/{plant}", api_key="key") for plant in PLANTS},
        events_secret=SECRET,
    )


class Running:
    """A middleware that runs against an estate."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def deliver(self, body: bytes, signature: str) -> int:
        """Post an event."""
        headers = {"pilotplant-signature": signature, "content-type": "application/cloudevents+json"}
        return (await self.http.post("/events", content=body, headers=headers)).status_code

    async def open(self) -> int:
        """How much is not finished."""
        return int((await self.http.get("/status")).json()["open"])

    async def settled(self, within_s: float = 300.0) -> None:
        """Wait until nothing is open."""
        async with asyncio.timeout(within_s):
            while await self.open():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(
    estate: Estate,
    database: sqlite3.Connection | Path | str = ":memory:",
    *,
    parts: Parts | None = None,
    **tuning: Json,
) -> AsyncIterator[Running]:
    """The middleware, running; what is interrupted at the end of the block is interrupted as if it were killed."""
    app = create_app(
        replace(settings(), **tuning),
        clock=LoopClock(),
        transport=httpx.MockTransport(estate.handle),
        database=database,
        chance=random.Random(7),
        parts=parts,
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://middleware") as http,
    ):
        middleware = Running(http)
        estate.deliver = middleware.deliver
        yield middleware
