"""The middleware within this process: how it is built, begun and ended, and what a crash leaves of it."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pilotplant.channels.poster import NoAnswer
from pilotplant.drive.inprocess.life import Dead, Factory, Middleware
from pilotplant.drive.inprocess.poster import InProcessPoster
from pilotplant.model.errors import TargetError
from tests.virtual import Virtual, virtually

SEEN: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


def middleware(
    estate: Virtual, factory: str | Callable[..., Any], work: Path, folder: Path | None = None
) -> Middleware:
    built = Middleware(
        Factory(factory, folder), estate.host.network, environment={"A": "1"}, work=work, loop=estate.loop
    )
    estate.outside.on_connect = built.connected
    return built


async def post(built: Middleware, body: bytes = b"") -> tuple[int, bytes]:
    return await built.handle("/events", "", [], body)


def application(work: Path) -> Starlette:
    """Keeps what it is told in a database, in two steps, and a counter in memory."""
    told: list[bytes] = []
    database = sqlite3.connect(work / "kept.sqlite")
    database.execute("create table if not exists kept (step text)")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        SEEN.append("began")
        try:
            yield
        finally:
            SEEN.append("ended")

    async def receive(request: Request) -> Response:
        told.append(await request.body())
        try:
            database.execute("insert into kept values ('first')")
            database.commit()
            database.execute("insert into kept values ('second')")
            await asyncio.sleep(1)
            database.commit()
        finally:
            SEEN.append("finally")
        return PlainTextResponse(f"{len(told)}")

    return Starlette(routes=[Route("/events", receive, methods=["POST"])], lifespan=lifespan)


def kept(work: Path) -> list[str]:
    with sqlite3.connect(work / "kept.sqlite") as database:
        return [step for (step,) in database.execute("select step from kept")]


def test_it_begins_answers_and_ends(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        built = middleware(estate, application, tmp_path)
        await built.start()
        assert (built.life, built.alive, SEEN) == (1, True, ["began"])
        assert await post(built) == (200, b"1")
        await built.stop()
        assert SEEN == ["began", "finally", "ended"]
        assert built.ended == ""

    virtually(tmp_path, story)
    assert kept(tmp_path) == ["first", "second"]


def test_a_crash_runs_no_finally_rolls_back_and_forgets_what_was_in_memory(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        built = middleware(estate, application, tmp_path)
        await built.start()
        assert await post(built) == (200, b"1")
        SEEN.clear()
        asking = asyncio.create_task(post(built))
        await asyncio.sleep(0.5)
        built.crash()
        with pytest.raises(Dead):
            await asking
        with pytest.raises(Dead):
            await post(built)
        assert SEEN == []
        assert kept(tmp_path) == ["first", "second", "first"], "what was committed stays, what was not is gone"
        await built.start()
        assert await post(built) == (200, b"1"), "it counts from one again"
        await built.stop()
        assert built.life == 2
        built.bury()

    virtually(tmp_path, story)


def test_a_call_on_its_way_to_the_estate_dies_with_its_life_and_one_that_arrived_is_carried_out(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        async def calls(transport: Any) -> None:
            async with estate.client() as client:
                SEEN.append(str((await client.get("/plm/changes")).status_code))

        built = middleware(estate, calls, tmp_path)
        await built.start()
        built.crash()
        await asyncio.sleep(1)
        assert estate.host.open_exchanges == 0
        assert SEEN == []
        built.bury()

    virtually(tmp_path, story)


def test_an_application_that_its_module_makes_is_made_anew_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_by_module.py").write_text(
        "from starlette.applications import Starlette\n"
        "from starlette.responses import PlainTextResponse\n"
        "from starlette.routing import Route\n"
        "TOLD = []\n"
        "async def receive(request):\n"
        "    TOLD.append(1)\n"
        "    return PlainTextResponse(str(len(TOLD)))\n"
        "app = Starlette(routes=[Route('/events', receive, methods=['POST'])])\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "made_by_module", raising=False)

    async def story(estate: Virtual) -> None:
        built = middleware(estate, "made_by_module:app", tmp_path, tmp_path)
        await built.start()
        assert [await post(built), await post(built)] == [(200, b"1"), (200, b"2")]
        built.crash()
        await built.start()
        assert await post(built) == (200, b"1")
        await built.stop()
        built.bury()

    virtually(tmp_path, story)


def test_a_worker_without_an_address_works_until_it_is_stopped(tmp_path: Path) -> None:
    async def worker(environment: dict[str, str]) -> None:
        while True:
            SEEN.append(environment["A"])
            await asyncio.sleep(10)

    async def story(estate: Virtual) -> None:
        built = middleware(estate, worker, tmp_path)
        await built.start()
        await asyncio.sleep(25)
        await built.stop()
        assert SEEN == ["1", "1", "1"]

    virtually(tmp_path, story)


def test_one_that_ends_by_itself_is_seen(tmp_path: Path) -> None:
    async def worker() -> None:
        await asyncio.sleep(1)
        raise ValueError("no more")

    async def story(estate: Virtual) -> None:
        built = middleware(estate, worker, tmp_path)
        await built.start()
        await asyncio.sleep(2)
        assert not built.alive
        assert built.ended == "the target ended by itself with ValueError: no more"

    virtually(tmp_path, story)


def fails(environment: Any, colour: str) -> None:
    raise AssertionError(colour, environment)


def breaks() -> None:
    raise KeyError("PILOTPLANT_ERP_URL")


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (fails, "wants colour, which it cannot be given"),
        (breaks, "could not be built: KeyError"),
        (lambda: 42, "neither an ASGI application nor a coroutine"),
        ("no.such.module:create", "cannot be imported: No module named"),
        ("json:nothing", "cannot be imported: module 'json' has no attribute"),
        ("json:__name__", "neither a function nor an ASGI application"),
    ],
)
def test_a_factory_that_cannot_be_used_says_so(tmp_path: Path, factory: Any, said: str) -> None:
    async def story(estate: Virtual) -> None:
        with pytest.raises(TargetError, match=said):
            await middleware(estate, factory, tmp_path).start()

    virtually(tmp_path, story)


def test_an_application_that_fails_to_start_says_why(tmp_path: Path) -> None:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    async def story(estate: Virtual) -> None:
        with pytest.raises(TargetError, match="no database"):
            await middleware(estate, lambda: Starlette(lifespan=lifespan), tmp_path).start()

    virtually(tmp_path, story)


async def _attempt(poster: InProcessPoster, timeout_s: float = 5) -> str:
    try:
        answer = await poster.post("http://127.0.0.1:8000/events", (), b"{}", timeout_s=timeout_s)
    except NoAnswer as failure:
        return failure.reason
    return str(answer.status)


def test_a_delivery_ends_as_it_would_on_a_socket(tmp_path: Path) -> None:
    async def story(estate: Virtual) -> None:
        built = middleware(estate, application, tmp_path)
        poster = InProcessPoster(estate.host.network, lambda _place: built)
        assert await _attempt(poster) == "refused"
        await built.start()
        assert await _attempt(poster) == "200"
        assert await _attempt(poster, timeout_s=0.5) == "timeout"
        asking = asyncio.create_task(_attempt(poster))
        await asyncio.sleep(0.5)
        built.crash()
        assert await asking == "reset"
        assert await _attempt(poster) == "refused"
        built.bury()

    virtually(tmp_path, story)


def test_an_application_that_raises_answers_500(tmp_path: Path) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise ValueError("a defect")
        raise NotImplementedError  # no lifespan, as many small applications

    async def story(estate: Virtual) -> None:
        built = middleware(estate, broken, tmp_path)
        await built.start()
        assert await post(built) == (500, b"")
        await built.stop()

    virtually(tmp_path, story)


def test_a_worker_that_has_ended_by_itself_can_be_stopped(tmp_path: Path) -> None:
    async def worker() -> None:
        raise ValueError("no more")

    async def story(estate: Virtual) -> None:
        built = middleware(estate, worker, tmp_path)
        await built.start()
        await asyncio.sleep(1)
        await built.stop()
        assert "ValueError: no more" in built.ended

    virtually(tmp_path, story)


def test_a_task_that_is_ready_and_held_by_the_loop_alone_dies_without_a_finally(tmp_path: Path) -> None:
    """Nothing but its handle holds it: had that been let go first, it would have been collected, and have committed."""

    async def worker(work: Path) -> None:
        database = sqlite3.connect(work / "kept.sqlite")
        database.execute("create table kept (step text)")
        database.commit()

        async def writes() -> None:
            database.execute("insert into kept values ('half')")
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            finally:
                database.commit()

        while True:
            asyncio.create_task(writes())  # noqa: RUF006
            await asyncio.sleep(0.1)

    async def story(estate: Virtual) -> None:
        built = middleware(estate, worker, tmp_path)
        estate.loop.awaits_until = 2
        estate.loop.at_await = built.crash
        await built.start()
        await asyncio.sleep(1)
        assert not built.alive
        built.bury()

    virtually(tmp_path, story)
    assert kept(tmp_path) == []


def test_what_a_lifespan_puts_down_is_there_for_the_requests(tmp_path: Path) -> None:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"word": "hello"}

    async def receive(request: Request) -> Response:
        return PlainTextResponse(request.state.word)

    async def story(estate: Virtual) -> None:
        routes = [Route("/events", receive, methods=["POST"])]
        built = middleware(estate, lambda: Starlette(routes=routes, lifespan=lifespan), tmp_path)
        await built.start()
        assert await post(built) == (200, b"hello")
        await built.stop()

    virtually(tmp_path, story)


def test_modules_run_again_for_every_life_and_are_as_before_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counting_hub.py").write_text(
        "COUNT = []\n"
        "def create():\n"
        "    async def app(scope, receive, send):\n"
        "        if scope['type'] == 'lifespan': raise NotImplementedError\n"
        "        COUNT.append(1)\n"
        "        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': str(len(COUNT)).encode()})\n"
        "    return app\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import counting_hub  # type: ignore[import-not-found]

    async def story(estate: Virtual) -> None:
        built = middleware(estate, "counting_hub:create", tmp_path)
        await built.start()
        assert [await post(built), await post(built)] == [(200, b"1"), (200, b"2")]
        built.crash()
        await built.start()
        assert await post(built) == (200, b"1")
        await built.stop()
        built.bury()

    path = list(sys.path)
    virtually(tmp_path, story)
    assert sys.modules["counting_hub"] is counting_hub and counting_hub.COUNT == []
    assert sys.path == path
