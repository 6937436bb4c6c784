"""A live estate and hostile callers: the right 4xx, nothing changed, never a 500; faults on the wire; deliveries."""

import asyncio
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from pilotplant.channels import webhook
from pilotplant.faults.fault import Fault
from pilotplant.ledger.records import (
    Ack,
    Commit,
    Crash,
    Deliver,
    Emit,
    Ending,
    FaultArmed,
    FaultBitten,
    Heal,
    Reject,
    Request,
    ResponseEnd,
    ResponseFirst,
)
from pilotplant.systems.erp.operations import post_stock
from tests.estates import EPOCH, SECRET, Live, at_plant, bought_item, dataset, live, posting
from tests.unit.test_faults import fault

POST = "/erp/stock-documents"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
ORDER = next(order.order for order in dataset().production_orders if order.plant == "DE01")


def run(work: Coroutine[Any, Any, None], loop: str = "uvloop") -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(bounded())


async def until(true: Callable[[], object]) -> None:
    """Wait for something that happens soon; the test's own limit ends it if not."""
    while not true():
        await asyncio.sleep(0.005)


def is_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    document = answer.json()
    assert (document["status"], document["code"], document["type"]) == (status, code, f"urn:pilotplant:problem:{code}")


def raw_request(method: str, path: bytes, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"content-length: {len(body)}", "host: x", "connection: close", *headers]
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def parsed(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


GOOD = json.dumps(posting()).encode()


def changed(**fields: Any) -> bytes:
    return json.dumps({**posting(), **fields}).encode()


def in_line(**fields: Any) -> bytes:
    return changed(lines=[{**posting()["lines"][0], **fields}])


HOSTILE_BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "malformed-json"),
    "not JSON": (b"hello", 400, "malformed-json"),
    "cut off": (GOOD[:-5], 400, "malformed-json"),
    "trailing": (GOOD + b"x", 400, "malformed-json"),
    "two documents": (GOOD + GOOD, 400, "malformed-json"),
    "a BOM": (b"\xef\xbb\xbf" + GOOD, 400, "malformed-json"),
    "UTF-16": (GOOD.decode().encode("utf-16"), 400, "malformed-json"),
    "no UTF-8": (GOOD.replace(b"CNF-1", b"CNF-\xff"), 400, "malformed-json"),
    "a raw surrogate": (GOOD.replace(b"CNF-1", b"\xed\xa0\x80"), 400, "malformed-json"),
    "a lone high surrogate": (GOOD.replace(b"CNF-1", b"\\ud800 and more"), 400, "malformed-json"),
    "a lone low surrogate": (GOOD.replace(b"CNF-1", b"\\udc00"), 400, "malformed-json"),
    "a raw null byte": (GOOD.replace(b"CNF-1", b"CNF\0"), 400, "malformed-json"),
    "NaN": (in_line(quantity="Q").replace(b'"Q"', b"NaN"), 400, "malformed-json"),
    "Infinity": (in_line(quantity="Q").replace(b'"Q"', b"-Infinity"), 400, "malformed-json"),
    "a number out of range": (in_line(quantity="Q").replace(b'"Q"', b"1e999"), 422, "invalid-request"),
    "a huge integer": (in_line(quantity="Q").replace(b'"Q"', b"9" * 10_000), 422, "invalid-request"),
    "a large number": (in_line(quantity=1e300), 422, "quantity-not-positive"),
    "text for a number": (in_line(quantity="4"), 422, "invalid-request"),
    "a truth for a number": (in_line(quantity=True), 422, "invalid-request"),
    "null": (b"null", 422, "invalid-request"),
    "a list": (b"[]", 422, "invalid-request"),
    "null for text": (changed(source_document=None), 422, "invalid-request"),
    "a number for text": (changed(plant=1), 422, "invalid-request"),
    "an object for a list": (changed(lines={}), 422, "invalid-request"),
    "no such date": (changed(posting_date="2023-02-30"), 422, "invalid-request"),
    "no such movement": (in_line(movement="teleport"), 422, "invalid-request"),
    "a missing field": (b'{"plant": "DE01"}', 422, "invalid-request"),
    "an unknown field": (changed(extra=1), 422, "invalid-request"),
    "an unknown field in a line": (in_line(extra=1), 422, "invalid-request"),
    "nested lists": (b"[" * 10_000, 422, "invalid-request"),
    "nested where text belongs": (b'{"plant":' + b"[" * 10_000, 422, "invalid-request"),
    "nested where nothing belongs": (b'{"extra":' + b'{"a":' * 10_000, 422, "invalid-request"),
    "no lines": (changed(lines=[]), 422, "empty-document"),
}
ORDER_PATH = f"/erp/production-orders/{ORDER}"
HOSTILE_REQUESTS: dict[str, tuple[str, str, bytes, int, str]] = {
    "unknown path": ("POST", "/erp/stock-document", GOOD, 404, "no-such-operation"),
    "path of nothing": ("GET", "/erp", b"", 404, "no-such-operation"),
    "trailing slash": ("POST", "/erp/stock-documents/", GOOD, 404, "no-such-operation"),
    "double slash": ("POST", "/erp//stock-documents", GOOD, 404, "no-such-operation"),
    "dots": ("GET", "/erp/../plm/items", b"", 404, "no-such-operation"),
    "empty parameter": ("GET", "/erp/plants//items", b"", 404, "no-such-operation"),
    "slash in a parameter": ("GET", "/erp/plants/DE01/items/A%2FB", b"", 422, "item-not-at-plant"),
    "unicode in a parameter": ("GET", "/erp/plants/DE01/items/%E6%97%A5%F0%9F%98%80", b"", 422, "item-not-at-plant"),
    "null in a parameter": ("GET", "/erp/plants/DE01/items/%00", b"", 422, "item-not-at-plant"),
    "no UTF-8 in a parameter": ("GET", "/erp/plants/DE01/items/%ff%fe", b"", 422, "item-not-at-plant"),
    "half an escape": ("GET", "/erp/plants/DE01/items/%2", b"", 422, "item-not-at-plant"),
    "bar in a parameter": ("GET", "/erp/plants/DE01/items/a%7Cb", b"", 422, "item-not-at-plant"),
    "line break in a parameter": ("GET", "/erp/plants/DE01/items/a%0D%0Ab", b"", 422, "item-not-at-plant"),
    "long parameter": ("GET", "/erp/plants/DE01/items/" + "x" * 20_000, b"", 422, "item-not-at-plant"),
    "negative limit": ("GET", "/erp/plants/DE01/items?limit=-1", b"", 400, "bad-cursor"),
    "limit 0": ("GET", "/erp/plants/DE01/items?limit=0", b"", 400, "bad-cursor"),
    "huge limit": ("GET", "/erp/plants/DE01/items?limit=" + "9" * 5000, b"", 422, "invalid-request"),
    "large limit": ("GET", "/erp/plants/DE01/items?limit=99999999999999999999", b"", 400, "bad-cursor"),
    "broken limit": ("GET", "/erp/plants/DE01/items?limit=1.5", b"", 422, "invalid-request"),
    "text limit": ("GET", "/erp/plants/DE01/items?limit=NaN", b"", 422, "invalid-request"),
    "empty limit": ("GET", "/erp/plants/DE01/items?limit=", b"", 422, "invalid-request"),
    "garbage cursor": ("GET", "/erp/plants/DE01/items?cursor=garbage", b"", 400, "bad-cursor"),
    "binary cursor": ("GET", "/erp/plants/DE01/items?cursor=%ff%00", b"", 400, "bad-cursor"),
    "field given twice": ("GET", "/erp/plants/DE01/items?limit=1&limit=2", b"", 422, "invalid-request"),
    "field of the path": ("GET", "/erp/plants/DE01/items?plant=US01", b"", 422, "invalid-request"),
    "unknown query field": ("GET", "/erp/plants/DE01/items?colour=red", b"", 422, "invalid-request"),
    "missing query field": ("GET", "/erp/stock-documents?plant=DE01", b"", 422, "invalid-request"),
    "field of the path in the body": ("PATCH", ORDER_PATH, b'{"order":"x"}', 422, "invalid-request"),
    "list as body": ("PATCH", ORDER_PATH, b"[]", 422, "invalid-request"),
    "deep body": ("PATCH", ORDER_PATH, b"[" * 10_000, 400, "malformed-json"),
    "huge integer": ("PATCH", ORDER_PATH, b'{"quantity":' + b"9" * 400 + b"}", 422, "invalid-request"),
    "longer integer": ("PATCH", ORDER_PATH, b'{"quantity":' + b"9" * 9000 + b"}", 422, "invalid-request"),
    "no such document": ("POST", "/erp/stock-documents/%2e%2e/reversal", b"{}", 404, "unknown-document"),
    "no such plant's MES": ("GET", "/mes/DE01/orders/none", b"", 404, "unknown-shop-order"),
    "a moment without offset": (
        "POST",
        "/erp/bill-of-material-releases",
        b'{"plant":"DE01","item":"x","revision":"B","effective_from":"2024-01-01T00:00:00","lines":[]}',
        422,
        "invalid-request",
    ),
}  # fmt: skip


def test_hostile_bodies_get_the_right_4xx_and_change_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            before = estate.bench.digest()
            for name, (body, status, code) in HOSTILE_BODIES.items():
                answer = await estate.http.post(POST, content=body)
                assert answer.status_code == status, (name, answer.text)
                is_problem(answer, status, code)
            assert estate.bench.digest() == before
            assert not estate.records(Commit)
            assert len(estate.records(Reject)) == len(estate.records(Request)) == len(HOSTILE_BODIES)
            assert (await estate.http.post(POST, content=GOOD)).status_code == 201

    run(main())


def test_hostile_requests_get_the_right_4xx_and_change_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            before = estate.bench.digest()
            for name, (method, path, body, status, code) in HOSTILE_REQUESTS.items():
                headers = ("if-match: *",)
                got, fields, content = parsed(await estate.raw(raw_request(method, path.encode(), body, *headers)))
                assert (got, fields["content-type"]) == (status, "application/problem+json"), (name, content)
                assert json.loads(content)["code"] == code, name
            assert estate.bench.digest() == before
            assert not estate.records(Commit)

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/erp/items", {"PUT"}),
        ("DELETE", "/erp/stock-documents", {"GET", "POST"}),
        ("PUT", f"/erp/production-orders/{ORDER}", {"GET", "PATCH"}),
        ("OPTIONS", "/mes/DE01/orders", {"GET", "POST"}),
        ("BREW", "/erp/stock-documents", {"GET", "POST"}),
        ("GET", "/plm/oauth/token", {"POST"}),
        ("POST", "/plm/openapi.json", {"GET"}),
    ],
)
def test_wrong_methods_are_told_the_right_ones(tmp_path: Path, method: str, path: str, allowed: set[str]) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            if method == "BREW":  # the parser knows the methods that there are
                status, _headers, _body = parsed(await estate.raw(raw_request(method, path.encode())))
                assert status == 400
                return
            answer = await estate.http.request(method, path)
            is_problem(answer, 405, "method-not-allowed")
            assert set(answer.headers["allow"].split(", ")) == allowed

    run(main())


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        (b"*", {400, 404}),
        (b"http://elsewhere", {400, 404}),
        (b"http://x/erp/jobs/none", {404}),
        (b"/", {404}),
        (b"//", {404}),
        (b"/%", {404}),
        (b"/mes", {404}),
        (b"/mes/XX01/orders", {404}),
        (b"/erp/\xff\xfe", {400, 404}),
        (b"/erp/jobs/none#there", {404}),
        (b"/erp/jobs/none?a=%ff&b=\x7f", {400, 404, 422}),
    ],
)
def test_strange_targets_are_a_4xx(tmp_path: Path, target: bytes, statuses: set[int]) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            status, _headers, _body = parsed(
                await estate.raw(raw_request("OPTIONS" if target == b"*" else "GET", target))
            )
            assert status in statuses
            assert (await estate.http.post(POST, content=GOOD)).status_code == 201

    run(main())


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("APPLICATION/JSON; charset=utf-8", 201),
        ("application/vnd.erp+json", 201),
        ("text/plain", 415),
        ("application/xml", 400),  # it is read, and what is sent is none
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
def test_content_types(tmp_path: Path, content_type: str, status: int) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            answer = await estate.http.post(POST, content=GOOD, headers={"content-type": content_type})
            assert answer.status_code == status
            if status == 415:
                is_problem(answer, 415, "unsupported-media-type")
            assert len(estate.records(Commit)) == (status == 201)

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", [POST, "/erp/oauth/token"])
def test_too_large_a_body_is_refused_the_connection_ends_and_nothing_is_changed(
    tmp_path: Path, path: str, loop: str
) -> None:
    async def main() -> None:
        async with live(tmp_path, erp={"auth": {"kind": "none"}}) as estate:
            before = estate.bench.digest()
            body = GOOD + b" " * 8_000_000
            # Everything is written before anything is read: the answer must survive that.
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            status, headers, content = parsed(await estate.raw(head, body))
            assert (status, headers["connection"]) == (413, "close")
            assert json.loads(content)["code"] == "body-too-large"
            assert estate.bench.digest() == before and not estate.records(Commit)
            assert {end.ending for end in estate.records(ResponseEnd)} <= {Ending.SENT}
            assert (await estate.http.post(POST, content=GOOD)).status_code == 201

    run(main(), loop)


def test_a_body_of_exactly_the_limit_is_taken_also_in_chunks(tmp_path: Path) -> None:
    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    async def main() -> None:
        async with live(tmp_path, erp={"body_max_bytes": 1000}) as estate:
            assert (await estate.http.post(POST, content=GOOD.ljust(1000))).status_code == 201
            assert (await estate.http.post(POST, content=pieces(GOOD.ljust(1000)))).status_code == 201
            assert (await estate.http.post(POST, content=pieces(GOOD.ljust(1001)))).status_code == 413
            assert len(estate.records(Commit)) == 2

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_half_a_request_is_no_request(tmp_path: Path, loop: str) -> None:
    """What arrived is a whole JSON document; what was announced is longer. Nobody may act on it."""

    async def main() -> None:
        async with live(tmp_path) as estate:
            before = estate.bench.digest()
            _reader, writer = await asyncio.open_connection("127.0.0.1", estate.host.port)
            head = f"POST {POST} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(GOOD) + 1}\r\n\r\n".encode()
            writer.write(head + GOOD)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            for _ in range(10):  # by then the server has seen the end
                assert (await estate.http.get("/erp/jobs/none")).status_code == 404
            assert estate.bench.digest() == before
            assert len(estate.records(Request)) == 10, "only the look-ups"

    run(main(), loop)


def test_a_field_given_twice_counts_once(tmp_path: Path) -> None:
    """JSON leaves it open which one counts; we take the last, and book once."""

    async def main() -> None:
        async with live(tmp_path) as estate:
            body = GOOD[:-1] + b', "source_document": "CNF-2"}'
            assert (await estate.http.post(POST, content=body)).json()["source_document"] == "CNF-2"
            assert [commit.effect.split("|")[2] for commit in estate.records(Commit)] == ["CNF-2"]

    run(main())


@pytest.mark.parametrize("source", ["a|b", "\0", "日本 😀", "%2F/../", '"\\', "x" * 10_000, "<script>", "a\r\nb"])
def test_strange_source_documents_are_booked_and_found(tmp_path: Path, source: str) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            posted = await estate.http.post(POST, json=posting(source))
            assert (posted.status_code, posted.json()["source_document"]) == (201, source)
            if len(source) < 1000:
                found = await estate.http.get(POST, params={"plant": "DE01", "source_document": source})
                assert [item["source_document"] for item in found.json()["items"]] == [source]
            (commit,) = estate.records(Commit)
            assert commit.effect.count("|") == 5

    run(main())


def test_a_strange_item_number_is_found_under_its_path(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            for number in ("A/B", "ü ?#", "a|b", "..", "%41", "日本"):
                item = {"plant": "DE01", "item": number, "description": "", "unit": "EA", "revision": "A"}
                assert (await estate.http.put("/erp/items", json=item)).status_code == 200
                quoted = "".join(f"%{byte:02X}" for byte in number.encode())
                answer = parsed(await estate.raw(raw_request("GET", f"/erp/plants/DE01/items/{quoted}".encode())))
                assert answer[0] == 200 and json.loads(answer[2])["item"] == number

    run(main())


def test_tokens_over_the_wire(tmp_path: Path) -> None:
    async def main() -> None:
        oauth = {"kind": "oauth2", "token_life_s": 600}
        async with live(tmp_path, erp={"auth": oauth}, desk={"auth": {"kind": "api-key"}}) as estate:
            before = estate.bench.digest()
            is_problem(await estate.http.post(POST, content=GOOD), 401, "unauthorized")
            for wrong in ("Bearer wrong", "Bearer", "Basic eDp5", "Bearer " + "x" * 10_000):
                answer = await estate.http.post(POST, content=GOOD, headers={"authorization": wrong})
                is_problem(answer, 401, "unauthorized")
            is_problem(await estate.http.get("/desk/exceptions", headers={"x-api-key": "no"}), 401, "unauthorized")
            for form in (b"", b"\xff\xfe=%ff", b"grant_type=client_credentials", b"=&=&=" * 1000, b"[" * 10_000):
                answer = await estate.http.post("/erp/oauth/token", content=form)
                assert answer.status_code in (401, 422)
            assert estate.bench.digest() == before
            token = await estate.token("erp")
            good = await estate.http.post(POST, content=GOOD, headers={"authorization": f"Bearer {token}"})
            assert good.status_code == 201
            given = estate.credentials["erp"]
            basic = httpx.BasicAuth(given.client_id, given.client_secret)
            answer = await estate.http.post("/erp/oauth/token", data={"grant_type": "client_credentials"}, auth=basic)
            assert answer.json()["token_type"] == "Bearer"
            key = {"x-api-key": estate.credentials["desk"].api_key}
            assert (await estate.http.get("/desk/exceptions", headers=key)).status_code == 200
            leaky = {**posting(given.client_secret), "text": f"my secret is {given.client_secret}"}
            headers = {"authorization": f"Bearer {token}", "idempotency-key": given.client_secret}
            await estate.http.post(POST, json=leaky, headers=headers)
            estate.bench.ledger.flush()
            for name in ("ledger.msgpack", "bodies.pack"):
                content = (tmp_path / name).read_bytes()
                for secret in (given.client_secret, key["x-api-key"], SECRET, token):
                    assert secret.encode() not in content, name

    run(main())


# --- Faults on the wire --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What a caller saw, and what the ledger says."""

    raw: bytes
    ended: str
    commits: int
    bitten: list[str]
    endings: list[int]
    firsts: list[float]
    """When the first byte of an answer went out, since the start."""
    waited_s: float
    """From the last byte of the request to the first of the answer, or to the end."""


async def _call(estate: Live, body: bytes = GOOD) -> tuple[bytes, str]:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", estate.host.port))
        await loop.sock_sendall(sock, raw_request("POST", POST.encode(), body))
        got = b""
        while True:
            try:
                more = await loop.sock_recv(sock, 65536)
            except ConnectionResetError:
                return got, "reset"
            if not more:
                return got, "end"
            got += more


def _see(tmp_path: Path, *faults: Fault, loop: str = "uvloop", heal_after_s: float | None = None) -> Seen:
    seen: list[Seen] = []

    async def main() -> None:
        async with live(tmp_path, faults=faults) as estate:
            if heal_after_s is not None:
                asyncio.get_running_loop().call_later(heal_after_s, estate.host.heal)
            raw, ended = await _call(estate)
            await until(lambda: not estate.host.open_exchanges)
            bitten = [record.fault for record in estate.records(FaultBitten)]
            assert estate.host.faults.bitten.total() == len(bitten)
            assert [record.fault for record in estate.records(FaultArmed)] == [each.KIND for each in faults]
            ends = estate.records(ResponseEnd)
            endings = [int(record.ending) for record in ends]
            firsts = [record.t for record in estate.records(ResponseFirst)]
            waited_s = (firsts or [ends[0].t])[0] - estate.records(Request)[0].t
            seen.append(Seen(raw, ended, len(estate.records(Commit)), bitten, endings, firsts, waited_s))

    run(main(), loop)
    return seen[0]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("at_byte", [0, 1, 40])
def test_a_lost_response_was_committed(tmp_path: Path, loop: str, at_byte: int) -> None:
    seen = _see(tmp_path, fault("response-lost", at_byte=at_byte), loop=loop)
    assert (len(seen.raw), seen.ended) == (at_byte, "reset")
    assert (seen.commits, seen.bitten, seen.endings) == (1, ["response-lost"], [Ending.RESET])
    assert len(seen.firsts) == (1 if at_byte else 0), "what was never begun reveals nothing"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_dropped_request_was_not_committed(tmp_path: Path, loop: str) -> None:
    seen = _see(tmp_path, fault("request-dropped"), loop=loop)
    assert (seen.raw, seen.ended) == (b"", "end")
    assert (seen.commits, seen.bitten, seen.endings, seen.firsts) == (0, ["request-dropped"], [Ending.DROPPED], [])


def test_latency_delays_and_then_all_is_well(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("latency", delay_s=0.15))
    assert parsed(seen.raw)[0] == 201 and seen.waited_s >= 0.14
    assert (seen.commits, seen.bitten, seen.endings) == (1, ["latency"], [Ending.SENT])


def test_a_slow_body_comes_whole(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("slow-body", bytes_each=10, pause_s=0.02))
    status, headers, body = parsed(seen.raw)
    assert status == 201 and json.loads(body)["document"] == "4900000001"
    assert int(headers["content-length"]) == len(body)
    assert (seen.commits, seen.bitten, seen.endings) == (1, ["slow-body"], [Ending.SENT])


def test_a_held_answer_comes_at_its_moment(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("answer-held", until_s=0.3))
    assert parsed(seen.raw)[0] == 201 and seen.firsts[0] >= 0.29
    assert (seen.commits, seen.bitten, seen.endings) == (1, ["answer-held"], [Ending.SENT])


def test_a_held_answer_is_let_go_when_all_is_healed(tmp_path: Path) -> None:
    seen = _see(tmp_path, fault("answer-held", until_s=3600), heal_after_s=0.1)
    assert parsed(seen.raw)[0] == 201 and 0.05 <= seen.waited_s < 10
    assert seen.bitten == ["answer-held"]


def test_after_healing_nothing_bites(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path, faults=[fault("request-dropped")]) as estate:
            estate.host.heal()
            assert (await estate.http.post(POST, content=GOOD)).status_code == 201
            assert not estate.records(FaultBitten) and len(estate.records(Heal)) == 1

    run(main())


def test_a_fault_that_finds_nobody_there_has_not_bitten(tmp_path: Path) -> None:
    faults = [fault("latency", delay_s=0.1), fault("response-lost", at_byte=5)]

    async def main() -> None:
        async with live(tmp_path, faults=faults) as estate:
            _reader, writer = await asyncio.open_connection("127.0.0.1", estate.host.port)
            writer.write(raw_request("POST", POST.encode(), GOOD))
            await until(lambda: estate.host.open_exchanges)
            writer.close()
            await until(lambda: not estate.host.open_exchanges)
            assert [record.fault for record in estate.records(FaultBitten)] == ["latency"]
            assert [record.ending for record in estate.records(ResponseEnd)] == [Ending.CALLER_GONE]
            assert len(estate.records(Commit)) == 1, "it was asked for, and done"

    run(main())


def test_a_slot_is_free_again_after_every_fault_and_abort(tmp_path: Path) -> None:
    faults = [
        fault("request-dropped", nth=1),
        fault("response-lost", nth=2, max_count=1),
        fault("slow-body", nth=3, max_count=1, bytes_each=30, pause_s=0.01),
    ]

    async def main() -> None:
        limits = [{"kind": "concurrency", "at_once": 1, "retry_after_s": 2}]
        async with live(tmp_path, faults=faults, erp={"limits": limits}) as estate:
            for _ in range(4):
                raw, _ended = await _call(estate)
                assert b" 429 " not in raw
                await until(lambda: not estate.host.open_exchanges)
            assert len({record.fault for record in estate.records(FaultBitten)}) == 3
            assert (await estate.http.post(POST, content=GOOD)).status_code == 201

    run(main())


def test_429_over_the_wire_while_another_is_under_way(tmp_path: Path) -> None:
    faults = [fault("latency", delay_s=0.2, nth=1)]

    async def main() -> None:
        limits = [{"kind": "concurrency", "at_once": 1, "retry_after_s": 2}]
        async with live(tmp_path, faults=faults, erp={"limits": limits}) as estate:
            first = asyncio.create_task(estate.http.post(POST, content=GOOD))
            await until(lambda: estate.host.open_exchanges)
            second = await estate.http.post(POST, content=GOOD)
            is_problem(second, 429, "rate-limited")
            assert second.headers["retry-after"] == "2"
            assert (await first).status_code == 201
            assert len(estate.records(Commit)) == 1

    run(main())


def test_the_same_key_while_the_first_is_under_way_is_a_conflict(tmp_path: Path) -> None:
    faults = [fault("latency", delay_s=0.2, nth=1)]

    async def main() -> None:
        async with live(tmp_path, faults=faults, erp={"idempotency": "stripe"}) as estate:
            key = {"idempotency-key": "k"}
            first = asyncio.create_task(estate.http.post(POST, content=GOOD, headers=key))
            await until(lambda: estate.host.open_exchanges)
            is_problem(await estate.http.post(POST, content=GOOD, headers=key), 409, "idempotency-conflict")
            answer = await first
            again = await estate.http.post(POST, content=GOOD, headers=key)
            assert again.content == answer.content and again.headers["idempotency-replayed"] == "true"
            assert len(estate.records(Commit)) == 1

    run(main())


# --- Deliveries ----------------------------------------------------------------------------------------------------


@dataclass
class Receiver:
    """Listens for events and answers as scripted; afterwards with 202."""

    script: list[int | str]
    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    _stuck: list[asyncio.StreamWriter] = field(default_factory=list)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._stuck:
                writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._stuck.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                _status, *lines = head.decode().strip().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
                answer = self.script.pop(0) if self.script else 202
                if answer == "silence":
                    continue
                if answer == "close":
                    writer.close()
                    return
                writer.write(f"HTTP/1.1 {answer} X\r\ncontent-length: 0\r\n\r\n".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(webhook, "RETRY_CAP_S", 0.03)
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.15)


def _state_a_fact(estate: Live, source: str = "CNF-1") -> None:
    estate.bench.apply("erp", post_stock, **posting(source))


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    ("script", "statuses", "note"),
    [
        ([202], [202], ""),
        ([500, 500], [500, 500, 202], ""),
        ([404, 302, 429], [404, 302, 429, 202], ""),
        (["silence"], [0, 202], "timeout"),
        (["close"], [0, 202], "closed"),
    ],
)
def test_an_event_is_delivered_until_it_is_acknowledged(
    tmp_path: Path, script: list[int | str], statuses: list[int], note: str
) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate, Receiver(list(script)).listening() as receiver:
            estate.host.subscribe(receiver.url, lambda name: name == "erp.stock.posted")
            _state_a_fact(estate)
            assert estate.host.undelivered == 1
            await until(lambda: not estate.host.undelivered)
            (emit,) = estate.records(Emit)
            delivers, acks = estate.records(Deliver), estate.records(Ack)
            assert [ack.status for ack in acks] == statuses
            assert [ack.attempt for ack in acks] == list(range(1, len(statuses) + 1))
            assert {deliver.emit for deliver in delivers} | {ack.emit for ack in acks} == {emit.seq}
            assert acks[0].note == note
            assert len(delivers) == len(statuses) == len(receiver.got)
            assert all(d.seq < a.seq for d, a in zip(delivers, acks, strict=True))
            assert len({body for _headers, body in receiver.got}) == 1, "the same event, byte for byte"

    run(main())


@pytest.mark.usefixtures("quick_retries")
def test_a_target_that_is_not_up_yet_gets_its_events_when_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        receiver = Receiver([])
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            receiver.port = reserved.getsockname()[1]
        async with live(tmp_path) as estate:
            estate.host.subscribe(receiver.url, lambda _name: True)
            _state_a_fact(estate)
            await until(lambda: len(estate.records(Ack)) >= 2)
            assert {(ack.status, ack.note) for ack in estate.records(Ack)} == {(0, "refused")}
            assert not estate.records(Deliver), "nothing was sent to anybody"
            async with receiver.listening():
                await until(lambda: not estate.host.undelivered)
            assert len(estate.records(Deliver)) == 1

    run(main())


@pytest.mark.usefixtures("quick_retries")
def test_what_fails_for_long_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    """More events are refused again and again than there are connections: what comes after them still goes out."""
    poison, good = 40, 20

    class Picky(Receiver):
        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._stuck.append(writer)
            try:
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    body = await reader.readexactly(length)
                    self.got.append(({}, body))
                    status = 500 if b"poison" in body else 202
                    writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

    async def main() -> None:
        async with live(tmp_path) as estate, Picky([]).listening() as receiver:
            estate.host.subscribe(receiver.url, lambda _name: True)
            for number in range(poison):
                _state_a_fact(estate, f"poison-{number}")
            for number in range(good):
                _state_a_fact(estate, f"good-{number}")
            await until(lambda: estate.host.undelivered == poison)
            assert {body for _, body in receiver.got if b"good" in body} and len(estate.records(Emit)) == poison + good

    run(main())


@pytest.mark.usefixtures("quick_retries")
def test_the_envelope_and_its_signature(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path, speed=60.0) as estate, Receiver([500]).listening() as receiver:
            estate.host.subscribe(receiver.url, lambda _name: True)
            _state_a_fact(estate)
            await until(lambda: not estate.host.undelivered)
            for headers, body in receiver.got:
                given = dict(part.split("=") for part in headers["pilotplant-signature"].split(","))
                expected = hmac.new(SECRET.encode(), given["t"].encode() + b"." + body, sha256).hexdigest()
                assert hmac.compare_digest(given["v1"], expected)
                assert 0 <= int(given["t"]) - EPOCH < 30, "the moment of signing, on the wire's clock"
                assert headers["content-type"] == "application/cloudevents+json"
            event = json.loads(body)
            assert (event["specversion"], event["id"], event["source"]) == ("1.0", "erp-00000001", "/erp")
            assert (event["type"], event["subject"]) == ("erp.stock.posted", "DE01/4900000001")
            assert event["data"] == {"plant": "DE01", "document": "4900000001", "source_document": "CNF-1"}
            assert event["traceparent"].count("-") == 3

    run(main())


def test_a_held_event_is_delivered_at_its_moment(tmp_path: Path) -> None:
    held = fault("answer-held", until_s=0.3, match={"operation": "erp.stock.posted"})
    lost = fault("response-lost", max_count=1)

    async def main() -> None:
        async with live(tmp_path, faults=[held, lost]) as estate, Receiver([]).listening() as receiver:
            estate.host.subscribe(receiver.url, lambda _name: True)
            _state_a_fact(estate)
            await until(lambda: not estate.host.undelivered)
            (deliver,) = estate.records(Deliver)
            (emit,) = estate.records(Emit)
            assert deliver.t >= 0.29
            bitten = [(record.fault, record.touched) for record in estate.records(FaultBitten)]
            assert bitten == [("answer-held", emit.seq)]
            raw, ended = await _call(estate)
            assert (raw, ended) == (b"", "reset"), "the delivery did not use up the other fault's only strike"

    run(main())


# --- The host ------------------------------------------------------------------------------------------------------


def test_openapi_is_served_without_credentials(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path, erp={"auth": {"kind": "oauth2"}}) as estate:
            for system in estate.bench.estate:
                answer = await estate.http.get(estate.host.system_url(system) + "/openapi.json")
                assert answer.json()["openapi"] == "3.1.0"

    run(main())


def test_keep_alive_is_kept_over_refusals(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:
            for body in (b"no", GOOD, b"", GOOD):
                await estate.http.post(POST, content=body)
            assert len({record.connection for record in estate.records(Request)}) == 1

    run(main())


def test_a_behaviour_that_fails_ends_the_run_and_not_the_request(tmp_path: Path) -> None:
    failures: list[BaseException | None] = []

    async def main() -> None:
        async with live(tmp_path) as estate:
            env = estate.bench.world.env

            def broken() -> Any:
                yield env.timeout(0.01)
                raise ValueError("broken")

            estate.bench.world.process(broken())
            await asyncio.wait_for(estate.host.failed.wait(), 5)
            assert (await estate.http.get("/erp/jobs/none")).status_code == 404
            failures.append(estate.host.failure)
            estate.host.failure = None

    run(main())
    assert [str(failure) for failure in failures] == ["broken"]


def test_a_ledger_that_cannot_be_written_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with live(tmp_path) as estate:

            def full() -> None:
                raise OSError(28, "No space left on device")

            with monkeypatch.context() as patched:
                patched.setattr(estate.bench.ledger, "flush", full)
                await asyncio.wait_for(estate.host.failed.wait(), 5)
            assert "No space left on device" in str(estate.host.failure)
            estate.host.failure = None

    run(main())


def test_production_goes_on_in_business_time_while_nobody_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with live(tmp_path, speed=100_000.0) as estate:
            estate.host.begin()
            dispatched = [o for o in dataset().production_orders if o.dispatched]
            wanted = len(dispatched)
            await until(lambda: sum("order.completed" in _name(estate, e) for e in estate.records(Emit)) >= wanted)
            assert not estate.records(Crash)

    run(main())


def _name(estate: Live, emit: Emit) -> str:
    return estate.bench.ledger.header.operations[emit.operation].name


def test_a_unit_is_what_the_plant_says() -> None:
    assert posting()["lines"][0]["unit"] == at_plant(bought_item()).unit
