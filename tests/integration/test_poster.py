"""The webhook client over real sockets: how each answer comes, and how each fails to come."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

import pytest
import uvloop

from pilotplant.channels.poster import Answer, NoAnswer, Poster

T = TypeVar("T")
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
LOOP: ContextVar[str] = ContextVar("LOOP")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(autouse=True, params=LOOPS)
def _each_loop(request: pytest.FixtureRequest) -> None:
    LOOP.set(request.param)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, or fail: a test of connections must not hang."""

    async def bounded() -> T:
        async with asyncio.timeout(15):
            return await work

    with asyncio.Runner(loop_factory=LOOPS[LOOP.get()]) as runner:
        return runner.run(bounded())


class Receiver:
    """A scripted peer: reads one request at a time and lets `play` write whatever it likes."""

    def __init__(
        self,
        play: Callable[[Writer, bytes], Awaitable[bool | None]],
        host: str = "127.0.0.1",
        *,
        greeting: bytes = b"",
        reads_bodies: bool = True,
    ) -> None:
        self._play = play
        self._host = host
        self._greeting = greeting
        self._reads_bodies = reads_bodies
        self._open = 0
        self.connections = 0
        self.requests: list[bytes] = []

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        name = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{name}:{self.port}/hook?x=1"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._server.close()
        while self._open and kind is None:
            await asyncio.sleep(0)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        self._open += 1
        writer.write(self._greeting)
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = int(request.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(request + await reader.readexactly(length if self._reads_bodies else 0))
                if await self._play(writer, self.requests[-1]) is False:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._open -= 1


def answering(*parts: bytes, then_end: bool = False) -> Callable[[Writer, bytes], Awaitable[bool]]:
    async def play(writer: Writer, request: bytes) -> bool:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        return not then_end

    return play


def reset(writer: Writer) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def with_receiver(
    play: Callable[[Writer, bytes], Awaitable[bool | None]],
    work: Callable[[Poster, Receiver], Awaitable[None]],
    *,
    connections_max: int = 64,
    host: str = "127.0.0.1",
) -> Receiver:
    async def main() -> Receiver:
        poster = Poster(connections_max=connections_max)
        async with Receiver(play, host) as receiver:
            await work(poster, receiver)
            await poster.close()
            return receiver

    return run(main())


def reason_of(play: Callable[[Writer, bytes], Awaitable[bool | None]], **options: Any) -> str:
    reasons: list[str] = []

    async def work(poster: Poster, receiver: Receiver) -> None:
        with pytest.raises(NoAnswer) as caught:
            await poster.post(receiver.url, [], b"{}", **{"timeout_s": 5.0, **options})
        reasons.append(caught.value.reason)

    with_receiver(play, work)
    return reasons[0]


def answer_to(*parts: bytes, then_end: bool = False) -> Answer:
    answers: list[Answer] = []

    async def work(poster: Poster, receiver: Receiver) -> None:
        answers.append(await poster.post(receiver.url, [], b"{}", timeout_s=5.0))

    with_receiver(answering(*parts, then_end=then_end), work)
    return answers[0]


def test_the_request_is_what_it_should_be() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        headers = [(b"content-type", b"application/json"), (b"x-attempt", b"1")]
        answer = await poster.post(receiver.url, headers, b'{"a":1}', timeout_s=5.0)
        assert answer == Answer(200, ((b"content-length", b"2"),), b"ok")
        await poster.post(receiver.url, [(b"Host", b"plant.example")], b"", timeout_s=5.0)

    receiver = with_receiver(answering(OK), work)
    assert receiver.requests == [
        b"POST /hook?x=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\nx-attempt: 1\r\n"
        b'content-length: 7\r\n\r\n{"a":1}' % receiver.port,
        b"POST /hook?x=1 HTTP/1.1\r\nHost: plant.example\r\ncontent-length: 0\r\n\r\n",
    ]
    assert receiver.connections == 1


def test_ipv6() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        assert (await poster.post(receiver.url, [], b"", timeout_s=5.0)).status == 200

    receiver = with_receiver(answering(OK), work, host="::1")
    assert b"\r\nhost: [::1]:%d\r\n" % receiver.port in receiver.requests[0]


@pytest.mark.parametrize(
    ("parts", "end", "status", "body"),
    [
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), False, 204, b""),
        (
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r", b"\n3\r\ncde\r\n0\r\n\r\n"),
            False,
            200,
            b"abcde",
        ),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + OK), False, 200, b"ok"),
        ((b"HTTP/1.1 500 Oops\r\n\r\nto the", b" end"), True, 500, b"to the end"),
        ((b"HTTP/1.0 202 Accepted\r\n\r\n",), True, 202, b""),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"y" * 100_000,), False, 200, b"y" * 65_536),
        ((b"HTTP/1.1 200 OK\r\nupgrade: h2\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok",), False, 200, b"ok"),
    ],
)
def test_answers(parts: tuple[bytes, ...], end: bool, status: int, body: bytes) -> None:
    answer = answer_to(*parts, then_end=end)
    assert (answer.status, answer.body) == (status, body)
    assert b"link" not in dict(answer.headers)


def test_refused() -> None:
    async def main() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
            poster = Poster()
            with pytest.raises(NoAnswer, match="refused") as caught:
                await poster.post(f"http://127.0.0.1:{unused.getsockname()[1]}/", [], b"", timeout_s=5.0)
            assert caught.value.reason == "refused"
            await poster.close()

    run(main())


def test_timeout() -> None:
    assert reason_of(answering(), timeout_s=0.05) == "timeout"
    assert reason_of(answering(OK[:-1]), timeout_s=0.05) == "timeout"


def test_reset_by_the_peer() -> None:
    async def play(writer: Writer, request: bytes) -> bool:
        writer.write(OK[:10])
        reset(writer)
        return False

    assert reason_of(play) == "reset"


@pytest.mark.parametrize(
    "part", [b"", OK[:10], OK[:-1], b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"]
)
def test_half_a_response_is_no_answer(part: bytes) -> None:
    assert reason_of(answering(part, then_end=True)) == "closed"


@pytest.mark.parametrize(
    "part", [b"SMTP ready\r\n", b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"]
)
def test_not_http(part: bytes) -> None:
    assert reason_of(answering(part)) == "protocol"


def test_plain_text_where_tls_was_expected() -> None:
    async def main() -> None:
        async with Receiver(answering(), greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as receiver:
            poster = Poster()
            with pytest.raises(NoAnswer) as caught:
                await poster.post(receiver.url.replace("http", "https"), [], b"", timeout_s=5.0)
            assert caught.value.reason == "protocol"
            await poster.close()

    run(main())


def test_a_peer_that_speaks_first_is_no_http_server() -> None:
    """Its bytes may come in the very moment in which the connection stands, before anybody waits for an answer."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            poster = Poster()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            post = asyncio.create_task(poster.post(url, [], b"", timeout_s=5.0))
            peer, _ = await asyncio.get_running_loop().sock_accept(listener)
            with peer:
                peer.send(b"220 mail.example ESMTP\r\n")
                with pytest.raises(NoAnswer) as caught:
                    await post
            assert caught.value.reason == "protocol"
            await poster.close()

    run(main())


def test_a_connection_closed_while_idle_is_not_used_again() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        for _ in range(3):
            assert (await poster.post(receiver.url, [], b"", timeout_s=5.0)).status == 200
            while poster.connections_open:
                await asyncio.sleep(0)

    assert with_receiver(answering(OK, then_end=True), work).connections == 3


def test_connection_close_and_a_second_response_end_the_connection() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        for _ in range(2):
            assert (await poster.post(receiver.url, [], b"", timeout_s=5.0)).body == b"ok"

    closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    assert with_receiver(answering(closing), work).connections == 2
    assert with_receiver(answering(OK + OK[:20]), work).connections == 2


def test_the_limit_holds_and_turns_are_taken_in_order() -> None:
    """Ten posts over two connections; the last three are answered only when everything before them was."""
    busy = 0
    busy_max = 0

    async def play(writer: Writer, request: bytes) -> None:
        nonlocal busy, busy_max
        busy += 1
        busy_max = max(busy_max, busy)
        await asyncio.sleep(0.001)
        busy -= 1
        writer.write(OK)

    async def work(poster: Poster, receiver: Receiver) -> None:
        begun: list[int] = []

        async def one(number: int) -> None:
            await poster.post(receiver.url, [], b"", timeout_s=5.0, before_first_byte=lambda: begun.append(number))

        tasks = [asyncio.create_task(one(number)) for number in range(10)]
        await asyncio.sleep(0)
        tasks[5].cancel()  # one that waits
        await asyncio.gather(*tasks, return_exceptions=True)
        assert begun[2:] == [2, 3, 4, 6, 7, 8, 9]

    receiver = with_receiver(play, work, connections_max=2)
    assert (receiver.connections, busy_max, len(receiver.requests)) == (2, 2, 9)


def test_a_cancelled_post_closes_its_connection_and_frees_its_place() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        stuck = asyncio.create_task(poster.post(receiver.url, [], b"stuck", timeout_s=5.0))
        while not receiver.requests:
            await asyncio.sleep(0)
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        while poster.connections_open:
            await asyncio.sleep(0)
        assert (await poster.post(receiver.url, [], b"next", timeout_s=5.0)).status == 200

    async def play(writer: Writer, request: bytes) -> None:
        if request.endswith(b"next"):
            writer.write(OK)

    assert with_receiver(play, work, connections_max=1).connections == 2


def test_a_turn_that_comes_in_the_moment_of_a_cancellation_is_passed_on() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        first = poster.post(receiver.url, [], b"", timeout_s=5.0)
        waiting: list[asyncio.Task[Answer]] = []

        def queue() -> None:
            waiting.extend(asyncio.create_task(poster.post(receiver.url, [], b"", timeout_s=5.0)) for _ in range(2))

        asyncio.get_running_loop().call_soon(queue)
        await first  # ends without a turn of the loop between handing over its place and the next line
        waiting[0].cancel()
        assert (await waiting[1]).status == 200

    assert len(with_receiver(answering(OK), work, connections_max=1).requests) == 2


def test_a_connection_whose_request_was_overtaken_by_the_answer_is_not_used_again() -> None:
    async def main() -> None:
        over = asyncio.Event()

        async def play(writer: Writer, request: bytes) -> bool:
            writer.write(OK)
            await over.wait()
            return False

        async with Receiver(play, reads_bodies=False) as receiver:
            poster = Poster()
            for _ in range(2):
                assert (await poster.post(receiver.url, [], bytes(20_000_000), timeout_s=5.0)).status == 200
            assert receiver.connections == 2
            await poster.close()
            over.set()

    run(main())


def test_a_connection_idle_for_too_long_is_not_used_again() -> None:
    async def main() -> None:
        async with Receiver(answering(OK)) as receiver:
            poster = Poster(idle_max_s=0.0)
            for _ in range(3):
                await poster.post(receiver.url, [], b"", timeout_s=5.0)
            assert receiver.connections == 3
            await poster.close()

    run(main())


def test_close_ends_posts_under_way_and_waiting() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        tasks = [asyncio.create_task(poster.post(receiver.url, [], b"", timeout_s=5.0)) for _ in range(3)]
        while not receiver.requests:
            await asyncio.sleep(0)
        await poster.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [getattr(result, "reason", None) for result in results] == ["closed"] * 3
        with pytest.raises(NoAnswer, match="closed"):
            await poster.post(receiver.url, [], b"", timeout_s=5.0)

    with_receiver(answering(), work, connections_max=1)


def test_close_while_connecting() -> None:
    async def main() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            with socket.socket() as first, socket.socket() as second:
                for filler in (first, second):  # a full backlog leaves further callers without an answer
                    filler.setblocking(False)
                    filler.connect_ex(address)
                poster = Poster()
                post = asyncio.create_task(poster.post(f"http://127.0.0.1:{address[1]}/", [], b"", timeout_s=60.0))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await poster.close()
                with pytest.raises(NoAnswer, match="closed"):
                    await post

    run(main())


@pytest.mark.parametrize("size", [0, 1, 30, 150, 8_000_000])
def test_cut_at_sends_exactly_so_many_bytes_and_resets(size: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            poster = Poster()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
            begun: list[float] = []
            post = asyncio.create_task(
                poster.post(
                    url, [], bytes(9_000_000), timeout_s=5.0, cut_at=size, before_first_byte=lambda: begun.append(1)
                )
            )
            peer, _ = await loop.sock_accept(listener)
            got = 0
            with peer, pytest.raises(ConnectionResetError):
                while more := await loop.sock_recv(peer, 65_536):
                    if got == 0 and size > 65_536:
                        peer.send(OK)  # an answer too early to count
                    got += len(more)
            assert got == size
            with pytest.raises(NoAnswer) as caught:
                await post
            assert caught.value.reason == "cut"
            assert len(begun) == (size > 0)
            await poster.close()

    run(main())


def test_before_first_byte_comes_after_the_connection_and_before_the_bytes() -> None:
    async def work(poster: Poster, receiver: Receiver) -> None:
        seen: list[tuple[int, int]] = []
        for _ in range(2):
            await poster.post(
                receiver.url,
                [],
                b"",
                timeout_s=5.0,
                before_first_byte=lambda: seen.append((poster.connections_open, len(receiver.requests))),
            )
        assert seen == [(1, 0), (1, 1)]

    with_receiver(answering(OK), work)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://x/", "url='ftp://x/' has the scheme 'ftp'; it must be http or https"),
        ("/hook", "it must be http or https"),
        ("http:///hook", "names no host"),
        ("http://x:99999/", "no usable port"),
        ("http://u:secret@x/", "The url to x holds credentials"),
        ("http://x/a b", "percent-encode"),
        ("http://x/\r\nhost: y", "percent-encode"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_sent(url: str, message: str) -> None:
    with pytest.raises(ValueError, match="url") as caught:
        run(Poster().post(url, [], b"", timeout_s=1.0))
    assert message in str(caught.value) and "secret" not in str(caught.value)


def test_other_wrong_arguments() -> None:
    for headers, message in (([(b"content-length", b"1")], "not the caller's"), ([(b"x", b"1\r\ny: 2")], "line break")):
        with pytest.raises(ValueError, match=message):
            run(Poster().post("http://127.0.0.1:1/", headers, b"", timeout_s=1.0))
    with pytest.raises(ValueError, match="cut_at=-1"):
        run(Poster().post("http://127.0.0.1:1/", [], b"", timeout_s=1.0, cut_at=-1))
    with pytest.raises(ValueError, match="connections_max=0"):
        Poster(connections_max=0)
