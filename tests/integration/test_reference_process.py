"""The reference middleware as a process: started from its environment, stopped when told to, killed and restarted."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.unit.reference_estate import PLANTS, SECRET, Estate, problem, sign

POSTING = "erp POST /stock-documents"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@asynccontextmanager
async def served(estate: Estate) -> AsyncIterator[str]:
    """The estate at an address of its own."""

    async def handle(request: Request) -> Response:
        body = await request.body()
        url, headers = str(request.url), dict(request.headers)
        answer = await estate.handle(httpx.Request(request.method, url, headers=headers, content=body))
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    app = Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST", "PUT"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class Process:
    """The middleware, started as people start it."""

    def __init__(self, base: str, database: Path, errors: Path, *words: str, **environment: str) -> None:
        named = {"PLM": "plm", "ERP": "erp", "DESK": "desk", **{f"MES_{plant}": f"mes/{plant}" for plant in PLANTS}}
        access = {f"PILOTPLANT_{name}_URL": f"{base}/{path}" for name, path in named.items()}
        for name in ("PLM", "ERP"):
            access[f"PILOTPLANT_{name}_TOKEN_URL"] = f"{base}/{name.lower()}/oauth/token"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PILOTPLANT_")},
            **access,
            "PILOTPLANT_PLANTS": ",".join(PLANTS),
            "PILOTPLANT_EVENTS_SECRET": SECRET,
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            **environment,
        }
        self._words = words
        self._database = database
        self._errors = errors

    async def __aenter__(self) -> "Process":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        where = ("--port", str(port), "--database", str(self._database))
        command = (sys.executable, "-m", "pilotplant.reference", *where, *self._words)
        with self._errors.open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(*command, env=self._environment, stderr=errors)
        async with asyncio.timeout(20):
            while not await self._ready():
                assert self.process.returncode is None, self._errors.read_text()
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self.http.aclose()

    async def settled(self) -> None:
        """Wait until nothing is open."""
        async with asyncio.timeout(20):
            while (await self.http.get("/status")).json()["open"]:
                await asyncio.sleep(0.02)

    async def deliver(self, event: dict[str, object]) -> int:
        """Post an event, signed now."""
        body = json.dumps(event).encode()
        headers = {"pilotplant-signature": sign(body, time.time())}
        return (await self.http.post("/events", content=body, headers=headers)).status_code

    async def _ready(self) -> bool:
        try:
            return (await self.http.get("/health")).is_success
        except httpx.TransportError:
            return False


def confirmation(number: str) -> dict[str, object]:
    data = {"plant": "DE01", "confirmation": number, "item": "M-1", "lot": "", "good": 1, "scrap": 0, "unit": "EA"}
    more = {"posting_date": "2026-01-02", "consumption": []}
    return {"id": number, "source": "/mes/DE01", "type": "mes.order.completed", "data": {**data, **more}}


def test_what_was_acknowledged_before_a_kill_is_done_after_it(tmp_path: Path) -> None:
    async def main() -> Estate:
        estate = Estate()
        closed = True
        estate.bends.append(lambda seen: problem(503, "unavailable") if closed and seen.system == "erp" else None)
        async with served(estate) as base:
            database, errors = tmp_path / "reference.sqlite", tmp_path / "stderr"
            async with Process(base, database, errors) as first:
                for number in range(20):
                    assert await first.deliver(confirmation(f"CNF-{number}")) == 202
                first.process.send_signal(signal.SIGKILL)
                await first.process.wait()
            closed = False
            async with Process(base, database, errors) as second:
                await second.deliver(confirmation("CNF-7"))
                await second.settled()
            assert errors.read_text() == ""
        return estate

    booked = [document["source_document"] for _, document in asyncio.run(main()).documents]
    assert sorted(booked) == sorted(f"CNF-{number}" for number in range(20))


def test_sigterm_ends_it_soon_and_cleanly_in_the_middle_of_work(tmp_path: Path) -> None:
    async def main() -> None:
        estate = Estate()
        estate.bends.append(lambda seen: problem(503, "unavailable"))
        async with served(estate) as base:
            async with Process(base, tmp_path / "reference.sqlite", tmp_path / "stderr") as running:
                await running.deliver(confirmation("CNF-1"))
                running.process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(10):
                    await running.process.wait()
            assert running.process.returncode in (0, -signal.SIGTERM)
            assert (tmp_path / "stderr").read_text() == ""

    asyncio.run(main())


@pytest.mark.parametrize(
    ("words", "environment", "booked"),
    [
        ((), {}, 1),
        (("--defect", "d10_repeats_after_timeout"), {}, 2),
        ((), {"PILOTPLANT_REFERENCE_DEFECT": "d10_repeats_after_timeout"}, 2),
    ],
    ids=["none", "by argument", "by environment"],
)
def test_a_defect_is_planted_by_its_name(
    words: tuple[str, ...], environment: dict[str, str], booked: int, tmp_path: Path
) -> None:
    async def main() -> Estate:
        estate = Estate(replays=True)
        answers = [problem(504, "gateway-timeout", definite=False)]
        estate.losses.append(lambda seen: answers.pop() if answers and str(seen) == POSTING else None)
        async with served(estate) as base:
            database, errors = tmp_path / "reference.sqlite", tmp_path / "stderr"
            async with Process(base, database, errors, *words, **environment) as process:
                await process.deliver(confirmation("CNF-1"))
                await process.settled()
        return estate

    assert len(asyncio.run(main()).documents) == booked


def test_a_defect_that_there_is_not_is_answered_with_the_nearest(tmp_path: Path) -> None:
    async def main() -> None:
        estate = Estate()
        async with served(estate) as base:
            process = Process(base, tmp_path / "reference.sqlite", tmp_path / "stderr", "--defect", "d10_repeat_after")
            with pytest.raises(AssertionError, match="did you mean d10_repeats_after_timeout"):
                await process.__aenter__()
            assert await process.process.wait() == 2
            await process.http.aclose()

    asyncio.run(main())


def test_without_its_environment_it_says_what_is_missing(tmp_path: Path) -> None:
    async def main() -> None:
        command = (sys.executable, "-m", "pilotplant.reference", "--port", "1", "--database", str(tmp_path / "x"))
        environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PATH": os.environ["PATH"]}
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == 2
        assert said.decode().startswith("pilotplant.reference: these environment variables are not set: ")
        assert "PILOTPLANT_PLANTS" in said.decode()

    asyncio.run(main())
