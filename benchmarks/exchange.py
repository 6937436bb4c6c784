"""What an exchange costs with everything on, against the least that the same server can do, on the same core.

The ERP's `stock.post` behind its door (OAuth token, schema, limits, idempotency, ledger, event) is compared with a bare
Starlette endpoint that decodes and encodes with msgspec. Both servers are processes of their own on core 0, the client
is one on core 1 with 32 connections; the rounds alternate, so that a busy machine slows both.

Run: `python -m benchmarks.exchange [--quick]`.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, time
from typing import Any, cast

import httptools
import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.dataset import PLANTS
from pilotplant.dataset.generate import generate
from pilotplant.dataset.plan import DataPlan
from pilotplant.drive.live.host import LiveHost
from pilotplant.exchange.authentication import credentials_for
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.draws import Draws
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.instants import iso
from pilotplant.systems.catalog import ledger_table
from pilotplant.systems.erp.stock import MaterialDocument, PostStock
from pilotplant.systems.estate import Estate, EstateSpec

CONNECTIONS = 32
SERVER_CORE, CLIENT_CORE = 0, 1

ESTATE = EstateSpec.model_validate(
    {
        "estate": "benchmark",
        "plants": {plant.code: {"name": plant.name, "time_zone": plant.time_zone} for plant in PLANTS},
        "systems": {"erp": {"profile": "benchmark"}},
    }
)
PROFILE = ProfileSpec.model_validate(
    {
        "profile": "benchmark",
        "system": "erp",
        "auth": {"kind": "oauth2", "token_life_s": 86_400},
        "limits": [
            {"kind": "sliding-window", "requests": 1_000_000, "per_s": 1},
            {"kind": "concurrency", "at_once": 1000},
        ],
        "idempotency": "stripe",
        "behaviour": {"clerk_edits_per_min": 0},
    }
)


def prepared_estate(directory: Path) -> Estate:
    """An ERP by itself with generated data and a ledger in this directory."""
    world = World(seed=1, epoch=time())
    dataset = generate(DataPlan(plants=PLANTS), 1, Draws(1))
    header = Header("benchmark", 1, world.epoch, 1.0, "live", ("erp",), ledger_table())
    ledger = LedgerWriter(directory, header, secrets=credentials_for("erp", PROFILE, world.draws).secrets())
    return Estate(ESTATE, dataset, {"erp": PROFILE.parameters()}, world, ledger)


def run(quick: bool) -> Iterable[str]:
    """Measure; yields the lines to print."""
    rounds, round_s = (2, 1.0) if quick else (5, 2.0)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        full = _Server(context, _serve_estate, directory)
        bare = _Server(context, _serve_echo, directory)
        client, answers = context.Pipe()
        driving = context.Process(target=_drive, args=(answers,), daemon=True)
        driving.start()
        found: dict[str, list[_Round]] = {"bare": [], "full": []}
        for position in range(rounds + 1):
            for name, server in (("bare", bare), ("full", full)):
                client.send((server.port, server.head, server.body, round_s))
                measured = _Round(*client.recv())
                if position:  # the first round warms up
                    found[name].append(measured)
        client.send(None)
        driving.join()
        full.stop()
        bare.stop()
    best = {name: _median(measured) for name, measured in found.items()}
    for name, what in (("bare", "bare echo"), ("full", "stock.post")):
        yield f"{what:<11} {best[name].rate:>8,.0f}/s   p50 {best[name].p50_ms:.2f} ms   p99 {best[name].p99_ms:.2f} ms"
    rate = best["full"].rate / best["bare"].rate
    p99 = best["full"].p99_ms / best["bare"].p99_ms
    yield f"ratio       rate {rate:.2f} (at least 0.45)   p99 {p99:.1f}x (at most 3x)"


class _Round(msgspec.Struct, frozen=True):
    """What one round showed."""

    rate: float
    p50_ms: float
    p99_ms: float


def _median(rounds: list[_Round]) -> _Round:
    def middle(of: Callable[[_Round], float]) -> float:
        return sorted(map(of, rounds))[len(rounds) // 2]

    return _Round(middle(lambda r: r.rate), middle(lambda r: r.p50_ms), middle(lambda r: r.p99_ms))


class _Server:
    """A server process on its core: where it listens, and what to send it."""

    def __init__(self, context: Any, serve: Callable[[Connection, str], None], directory: str) -> None:
        ours, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, directory), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        self.port, self.head, self.body = ours.recv()

    def stop(self) -> None:
        """End it."""
        self._pipe.close()
        self._process.join()


def _pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})


async def _ended(pipe: Connection) -> None:
    """Wait until the other end is closed: by the benchmark, or because it died."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), ended.set)
    await ended.wait()


def _serve_estate(announce: Connection, directory: str) -> None:
    _pin(SERVER_CORE)
    estate = prepared_estate(Path(directory))
    draws = estate.world.draws
    credentials = {"erp": credentials_for("erp", PROFILE, draws)}

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(scope["path"])

    async def main() -> None:
        host = LiveHost(
            estate,
            {"erp": PROFILE},
            credentials,
            FaultPlan((), draws),
            events_secret="",
            elsewhere=nothing,
            documents={},
        )
        async with host:
            token = await _token(host.port, credentials["erp"].client_id, credentials["erp"].client_secret)
            announce.send(
                (host.port, f"POST /erp/stock-documents HTTP/1.1\r\nauthorization: Bearer {token}", _body(estate))
            )
            await _ended(announce)

    uvloop.run(main())


def _body(estate: Estate) -> str:
    held = next(held for held in estate.dataset.plant_items.values() if held.plant == PLANTS[0].code)
    line = {"movement": "receipt", "item": held.item, "quantity": 4, "unit": held.unit, "lot": "L-000001"}
    date = iso(estate.world.epoch)[:10]
    return json.dumps({"plant": held.plant, "posting_date": date, "lines": [line], "source_document": "CNF-%09d"})


async def _token(port: int, client_id: str, client_secret: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    form = f"grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}"
    head = f"POST /erp/oauth/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(form)}\r\n\r\n"
    writer.write((head + form).encode())
    answer = await reader.read()
    writer.close()
    token: str = json.loads(answer.partition(b"\r\n\r\n")[2])["access_token"]
    return token


def _serve_echo(announce: Connection, directory: str) -> None:
    _pin(SERVER_CORE)
    decode = msgspec.json.Decoder(PostStock).decode
    encode = msgspec.json.Encoder().encode

    async def echo(request: Request) -> Response:
        command = decode(await request.body())
        document = MaterialDocument("4900000001", command.source_document)
        return Response(encode(document), 201, media_type="application/json")

    app = Starlette(routes=[Route("/stock-documents", echo, methods=["POST"])])
    config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", access_log=False, log_level="error")
    server = uvicorn.Server(config)

    async def main() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        line = {"movement": "receipt", "item": "ITM-000001", "quantity": 4, "unit": "EA", "lot": "L-000001"}
        body = {"plant": "DE01", "posting_date": "2026-01-01", "lines": [line], "source_document": "CNF-%09d"}
        announce.send((port, "POST /stock-documents HTTP/1.1", json.dumps(body)))
        await _ended(announce)
        server.should_exit = True
        await serving

    uvloop.run(main())


class _Client(asyncio.Protocol):
    """One connection that always has a request under way until told to stop."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports derive from nothing
        self._next()

    def _next(self) -> None:
        self._sent = perf_counter()
        self._transport.write(self._load.request())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != 201:
            raise AssertionError(f"status {self._parser.get_status_code()}")
        now = perf_counter()
        if self._load.took(now - self._sent, now):
            self._next()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.closed(exc)


class _Load:
    """One round: 32 connections, each with one request after the other."""

    numbers = 0
    """Source documents are distinct over all rounds."""

    def __init__(self, head: str, body: str, round_s: float) -> None:
        length = len(body % 0)
        lines = f"{head}\r\nhost: benchmark\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        self._template = (lines.replace("%", "%%") + body).encode()
        self._until = perf_counter() + round_s
        self._open = CONNECTIONS
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies_s: list[float] = []

    def request(self) -> bytes:
        """The next request."""
        _Load.numbers += 1
        return self._template % _Load.numbers

    def took(self, latency_s: float, now: float) -> bool:
        """Note an answer; returns whether to go on."""
        self.latencies_s.append(latency_s)
        return now < self._until

    def closed(self, exc: Exception | None) -> None:
        """A connection ended; the last one ends the round."""
        self._open -= 1
        if exc is not None and not self.done.done():
            self.done.set_exception(exc)
        elif not self._open and not self.done.done():
            self.done.set_result(None)


def _drive(orders: Connection) -> None:
    _pin(CLIENT_CORE)

    async def once(port: int, head: str, body: str, round_s: float) -> tuple[float, float, float]:
        load = _Load(head, body, round_s)
        loop = asyncio.get_running_loop()
        started = perf_counter()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: _Client(load), "127.0.0.1", port)
        await load.done
        took_s = perf_counter() - started
        ordered = sorted(load.latencies_s)
        count = len(ordered)
        return count / took_s, ordered[count // 2] * 1000, ordered[int(count * 0.99)] * 1000

    while (order := orders.recv()) is not None:
        orders.send(uvloop.run(once(*order)))


if __name__ == "__main__":
    for line in run("--quick" in sys.argv):
        print(line, flush=True)
