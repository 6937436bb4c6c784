"""The server's wire over real sockets, on both event loops: exact resets, drops, stamps, and no stray answer."""

import asyncio
import collections
import logging
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import uvloop

from pilotplant.drive.live.wire import LINE, Line, Server, head

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
BODY = b"x" * 200
FULL = head(200, [(b"Content-Type", b"text/plain")], len(BODY)) + BODY
Handler = Callable[[Any, Any, Any, Line], Awaitable[None]]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on each loop; whatever asyncio or uvicorn logs meanwhile fails the test."""

    async def bounded(work: Coroutine[Any, Any, Any]) -> Any:
        async with asyncio.timeout(15):
            return await work

    def start(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            result = runner.run(bounded(work))
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
        return result

    return start


def request(path: str, body: bytes = b"{}", *lines: str) -> bytes:
    head_lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head_lines).encode() + body


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def serve(handler: Handler) -> Server:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # louder than in production, for the fixture
        await handler(scope, receive, send, scope[LINE])

    return Server(app, "127.0.0.1", 0)


async def turns() -> None:
    """Let the server, which lives in the same loop, read what was sent."""
    for _ in range(10):
        await asyncio.sleep(0)


class Caller:
    """A raw socket that tells an orderly end from a reset."""

    def __init__(self, server: Server) -> None:
        self.loop = asyncio.get_running_loop()
        self.address = ("127.0.0.1", server.port)

    async def __aenter__(self) -> "Caller":
        self.sock = socket.socket()
        self.sock.setblocking(False)
        await self.loop.sock_connect(self.sock, self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()

    async def send(self, raw: bytes) -> None:
        await self.loop.sock_sendall(self.sock, raw)

    async def read_to(self, end: bytes) -> bytes:
        got = b""
        while not got.endswith(end):
            more = await self.loop.sock_recv(self.sock, 65536)
            assert more, f"the connection ended after {got!r}"
            got += more
        return got

    async def read_all(self) -> tuple[bytes, str]:
        got = b""
        while True:
            try:
                more = await self.loop.sock_recv(self.sock, 65536)
            except ConnectionResetError:
                return got, "reset"
            if not more:
                return got, "end"
            got += more


async def exchange(server: Server, raw: bytes) -> tuple[bytes, str]:
    async with Caller(server) as caller:
        await caller.send(raw)
        return await caller.read_all()


def test_head_is_what_the_server_writes(run: Any) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await answer(send, BODY)

    async def main() -> None:
        async with serve(handler) as server, Caller(server) as caller:
            await caller.send(request("/"))
            assert await caller.read_to(BODY) == FULL

    run(main())


def test_reset_sends_exactly_so_many_bytes(run: Any) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await read_body(receive)
        line.reset(FULL[: int(scope["path"][1:])])
        assert line.gone
        await answer(send, b"never seen")

    async def main() -> None:
        async with serve(handler) as server:
            for size in (0, 1, 17, len(FULL) - 1, len(FULL)) * 10:
                assert await exchange(server, request(f"/{size}")) == (FULL[:size], "reset")

    run(main())


def test_reset_waits_until_a_large_part_was_sent(run: Any) -> None:
    large = head(200, [], 8_000_000) + bytes(7_000_000)

    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        line.reset(large)

    async def main() -> tuple[bytes, str]:
        async with serve(handler) as server:
            return await exchange(server, request("/"))

    got, end = run(main())
    assert (len(got), end) == (len(large), "reset")


def test_drop_ends_in_order_also_before_the_body_came(run: Any) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        if scope["path"] != "/early":
            await read_body(receive)
        line.drop(FULL[:50] if scope["path"] == "/part" else b"")

    async def main() -> None:
        async with serve(handler) as server:
            assert await exchange(server, request("/none")) == (b"", "end")
            assert await exchange(server, request("/part")) == (FULL[:50], "end")
            async with Caller(server) as caller:
                await caller.send(request("/early", bytes(900_000))[:500_000])  # the server cannot have read all
                assert await caller.read_all() == (b"", "end")
                await caller.send(bytes(1000))  # swallowed

    run(main())


def test_raw_pieces_and_then_an_end(run: Any) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await read_body(receive)
        for start in range(0, len(FULL), 50):
            line.write(FULL[start : start + 50])
            assert not line.gone
            await asyncio.sleep(0)
        if scope["path"] == "/drop":
            line.drop()
        else:
            line.reset(b"!")
        line.write(b"too late")

    async def main() -> None:
        async with serve(handler) as server:
            assert await exchange(server, request("/drop")) == (FULL, "end")
            assert await exchange(server, request("/reset")) == (FULL + b"!", "reset")

    run(main())


def test_after_raw_pieces_a_failing_handler_ends_the_connection() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await read_body(receive)
        scope[LINE].write(FULL[:30])
        raise RuntimeError("a defect")

    async def main() -> tuple[bytes, str]:
        async with Server(app, "127.0.0.1", 0) as server:
            return await exchange(server, request("/"))

    assert asyncio.run(main()) == (FULL[:30], "end")


def test_after_a_raw_end_a_failing_handler_is_silent_on_the_wire() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await read_body(receive)
        scope[LINE].drop()
        raise RuntimeError("a defect")

    async def main() -> tuple[bytes, str]:
        async with Server(app, "127.0.0.1", 0) as server:
            return await exchange(server, request("/"))

    assert asyncio.run(main()) == (b"", "end")


async def _play(path: str, send: Any, line: Line) -> None:
    body = path.encode()
    match path:
        case "/reset":
            line.reset()
        case "/part":
            line.reset(FULL[:60])
        case "/drop":
            line.drop()
        case "/trickle":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
            for place in range(len(body)):
                await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": place < 7})
                await asyncio.sleep(0)
        case _:
            await answer(send, body)


def test_keep_alive_is_never_out_of_step(run: Any) -> None:
    """Eight callers mix answers, resets, drops and trickles; each answer belongs to its own request."""
    expected = {"/ok": (True, ""), "/trickle": (True, ""), "/reset": (False, "reset"), "/drop": (False, "end")}
    expected["/part"] = (False, "reset")
    seen: collections.Counter[str] = collections.Counter()
    connections: list[int] = []

    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await read_body(receive)
        connections.append(line.connection)
        await _play(scope["path"], send, line)

    async def one(server: Server, chance: random.Random) -> None:
        left = 40
        while left:
            async with Caller(server) as caller:
                while left:
                    left -= 1
                    path = chance.choice(list(expected))
                    seen[path] += 1
                    await caller.send(request(path))
                    whole, end = expected[path]
                    if whole:
                        got = await caller.read_to(path.encode())
                        assert got.startswith(b"HTTP/1.1 200 OK\r\n") and got.count(b"HTTP/1.1") == 1
                    else:
                        assert await caller.read_all() == (FULL[:60] if path == "/part" else b"", end)
                        break

    async def main() -> None:
        async with serve(handler) as server:
            await asyncio.gather(*(one(server, random.Random(seed)) for seed in range(8)))

    run(main())
    assert set(seen) == set(expected) and len(connections) == 320
    assert 8 < len(set(connections)) < 320


def test_pipelined_requests_are_answered_in_order_and_stamped(run: Any) -> None:
    stamps: dict[str, float] = {}

    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await read_body(receive)
        stamps[scope["path"]] = line.last_byte_s
        await answer(send, scope["path"].encode())
        assert not line.gone

    async def main() -> bytes:
        async with serve(handler) as server, Caller(server) as caller:
            third = request("/third")
            await caller.send(request("/first") + request("/second") + third[:-1])
            got = await caller.read_to(b"/second")
            await caller.send(third[-1:])
            return got + await caller.read_to(b"/third")

    got = run(main())
    assert [part.rsplit(b"\r\n", 1)[-1] for part in got.split(b"HTTP/1.1 ")] == [b"", b"/first", b"/second", b"/third"]
    assert stamps["/first"] <= stamps["/second"] <= stamps["/third"]


def test_a_raw_end_takes_the_requests_queued_behind_it_along(run: Any) -> None:
    handled: list[str] = []

    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await read_body(receive)
        handled.append(scope["path"])
        line.reset(FULL[:9])

    async def main() -> tuple[bytes, str]:
        async with serve(handler) as server:
            return await exchange(server, request("/first") + request("/second"))

    assert run(main()) == (FULL[:9], "reset")
    assert handled == ["/first"]


def test_last_byte_is_that_of_the_body_and_not_of_the_head(run: Any) -> None:
    order: dict[str, float] = {}

    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        if scope["path"] == "/slow":
            assert line.last_byte_s == float("inf")
        await read_body(receive)
        order[scope["path"]] = line.last_byte_s
        await answer(send, b"done")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with serve(handler) as server, Caller(server) as slow, Caller(server) as quick:
            began_s = loop.time()
            whole = request("/slow")
            await slow.send(whole[:-1])
            await quick.send(request("/quick"))
            await quick.read_to(b"done")
            await slow.send(whole[-1:])
            await slow.read_to(b"done")
            assert began_s <= order["/quick"] <= order["/slow"] <= loop.time()

    run(main())
    assert list(order) == ["/quick", "/slow"]


def test_gone_when_the_caller_left_also_with_requests_queued_behind(run: Any) -> None:
    async def main() -> None:
        told: asyncio.Queue[Line] = asyncio.Queue()
        over = asyncio.Event()

        async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
            await read_body(receive)
            assert not line.gone
            told.put_nowait(line)
            assert (await receive())["type"] == "http.disconnect"
            assert line.gone
            line.reset(b"too late")
            over.set()

        async with serve(handler) as server:
            for raw in (request("/one"), request("/one") + request("/two")):
                over.clear()
                async with Caller(server) as caller:
                    await caller.send(raw)
                    await told.get()
                async with asyncio.timeout(5):
                    await over.wait()

    run(main())


def test_gone_as_soon_as_a_write_failed() -> None:
    """The loop reports the loss a turn later; what is asked right after the failed write must not be a lie."""

    async def main() -> None:
        callers: list[Caller] = []
        asked: list[bool] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            sock = callers[0].sock
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            asked.append(scope[LINE].gone)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            asked.append(scope[LINE].gone)
            scope[LINE].drop()

        async with Server(app, "127.0.0.1", 0) as server, Caller(server) as caller:
            callers.append(caller)
            await caller.send(request("/"))
            while len(asked) < 2:
                await asyncio.sleep(0)
        assert asked == [False, True]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET http:// HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 1_500_000, 431),
    ],
)
def test_what_is_no_request_gets_a_4xx(run: Any, raw: bytes, status: int) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await read_body(receive)
        assert line.gone, "no such request reaches an answer"

    async def main() -> tuple[bytes, str]:
        async with serve(handler) as server:
            return await exchange(server, raw)

    got, end = run(main())
    assert got.startswith(b"HTTP/1.1 %d " % status) and got.count(b"HTTP/1.1") == 1
    assert end == "end"


def test_rubbish_behind_a_request_does_not_take_its_answer(run: Any) -> None:
    async def main() -> tuple[bytes, str]:
        async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
            await read_body(receive)
            await asyncio.sleep(0)
            await answer(send, b"mine")

        async with serve(handler) as server:
            return await exchange(server, request("/") + b"\x00rubbish\r\n\r\n")

    got, _ = run(main())
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"\r\n\r\nmine") and b"connection: close" in got


def test_a_body_that_breaks_after_its_answer_gets_no_second_one(run: Any) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        await answer(send, b"early")

    async def main() -> tuple[bytes, str]:
        async with serve(handler) as server, Caller(server) as caller:
            await caller.send(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            assert (await caller.read_to(b"early")).startswith(b"HTTP/1.1 200 ")
            await caller.send(b"no size\r\n")
            return await caller.read_all()

    assert run(main()) == (b"", "end")


def test_a_large_body_does_not_count_as_the_head_behind_it(run: Any) -> None:
    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        body = await read_body(receive)
        await answer(send, b"<%d>" % len(body))

    async def main() -> None:
        async with serve(handler) as server, Caller(server) as caller:
            for _ in range(5):
                behind = request("/behind")
                await caller.send(request("/", bytes(100_000)) + behind[:20])
                await caller.read_to(b"<100000>")
                await caller.send(behind[20:25])
                await turns()
                await caller.send(behind[25:])
                await caller.read_to(b"<2>")

    run(main())


@pytest.mark.parametrize("cut", [0, 1, 2, 5])
def test_a_declined_upgrade_keeps_the_body(run: Any, cut: int) -> None:
    """Java's HttpClient offers h2c with its first request; the parser alone takes the body for HTTP/2."""

    async def handler(scope: Any, receive: Any, send: Any, line: Line) -> None:
        body = await read_body(receive)
        assert line.last_byte_s < float("inf")
        assert b"upgrade" not in dict(scope["headers"])
        await answer(send, b"<%b>" % body)

    offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAEAAEAAAAIAAAAB")
    raw = request("/java", b"hello", *offer)

    async def main() -> None:
        async with serve(handler) as server, Caller(server) as caller:
            await caller.send(raw[: len(raw) - cut])
            if cut:
                await turns()  # so that the rest comes as a chunk of its own
                await caller.send(raw[len(raw) - cut :])
            assert (await caller.read_to(b"<hello>")).startswith(b"HTTP/1.1 200 ")
            await caller.send(request("/next", b"again"))
            assert (await caller.read_to(b"<again>")).startswith(b"HTTP/1.1 200 ")

    run(main())


def test_shutdown_lets_a_running_request_finish_and_ends_a_stuck_one(run: Any) -> None:
    async def main() -> None:
        entered: asyncio.Queue[str] = asyncio.Queue()
        finish = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            entered.put_nowait(scope["path"])
            await (finish.wait() if scope["path"] == "/finish" else asyncio.Event().wait())
            await answer(send, b"done")

        server = Server(app, "127.0.0.1", 0, grace_s=0.1)
        async with Caller(await server.__aenter__()) as one, Caller(server) as two, Caller(server) as idle:
            await one.send(request("/finish"))
            await two.send(request("/stuck"))
            assert {await entered.get(), await entered.get()} == {"/finish", "/stuck"}
            closing = asyncio.create_task(server.__aexit__(None, None, None))
            assert await idle.read_all() == (b"", "end")
            finish.set()
            assert (await one.read_all())[0].endswith(b"done")
            assert (await two.read_all())[0] == b""
            await closing

    run(main())


def test_a_taken_port_is_an_error_of_the_caller() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    async def main() -> None:
        async with Server(app, "127.0.0.1", 0) as first:
            with pytest.raises(OSError, match="in use"):
                await Server(app, "127.0.0.1", first.port).__aenter__()

    asyncio.run(main())
