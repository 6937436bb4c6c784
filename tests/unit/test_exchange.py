"""The door of a system without a socket: credentials, limits, idempotency keys, entity tags, and what is recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotplant.exchange.authentication import TokenCheck
from pilotplant.exchange.exchange import Boundary, Exchange
from pilotplant.exchange.limits.concurrency import Concurrency
from pilotplant.exchange.limits.limit import limit_kinds
from pilotplant.exchange.limits.sliding_window import SlidingWindow
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.ledger.records import (
    Commit,
    Ending,
    Exposed,
    FaultBitten,
    Reject,
    Request,
    ResponseEnd,
    ResponseFirst,
    Reveals,
)
from pilotplant.model.script import NORMAL, REFUSE, Delay, Drop
from tests.estates import Bench, bench, dataset, posting
from tests.unit.test_faults import fault

ORDER = next(order.order for order in dataset().production_orders if order.plant == "DE01")
POST = "/stock-documents"


def request(path: str = POST, body: Any = None, *, method: str = "POST", key: str = "", **headers: str) -> WireRequest:
    path, _, query = path.partition("?")
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    if key:
        given[b"idempotency-key"] = key.encode()
    content = b"" if method == "GET" else json.dumps(posting() if body is None else body).encode()
    return WireRequest(method, path, query.encode(), given, content)


def perform(exchange: Exchange) -> WireResponse:
    """What a driver does with a script in which nothing is out of the ordinary."""
    if exchange.script is not REFUSE:
        exchange.commit()
    exchange.first_byte()
    exchange.end(Ending.SENT)
    return exchange.response


def ask(boundary: Boundary, *arguments: Any, **named: Any) -> WireResponse:
    return perform(boundary.open(request(*arguments, **named)))


def issued(boundary: Boundary, form: dict[str, str], asked: WireRequest) -> WireResponse:
    return perform(open_token(boundary, form, asked))


def problem(response: WireResponse) -> tuple[int, str]:
    assert dict(response.headers)[b"content-type"] == b"application/problem+json"
    document = json.loads(response.body)
    assert document["status"] == response.status
    return response.status, document["code"]


def documents(built: Bench) -> int:
    return len(built["erp"].state.documents)


# --- Credentials ---------------------------------------------------------------------------------------------------


def test_tokens_are_issued_used_and_expire(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2", "token_life_s": 60}})
    boundary = built.boundary("erp")
    given = boundary.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": given.client_id,
        "client_secret": given.client_secret,
    }
    answer = issued(boundary, form, request("/oauth/token"))
    token = json.loads(answer.body)
    assert (answer.status, token["token_type"], token["expires_in"]) == (200, "Bearer", 60)
    header = f"Bearer {token['access_token']}"
    assert ask(boundary, authorization=header).status == 201
    built.pass_time(59.9)
    second = json.loads(issued(boundary, form, request("/oauth/token")).body)
    assert second["access_token"] != token["access_token"]
    assert ask(boundary, authorization=header).status == 201
    built.pass_time(0.1)
    assert problem(ask(boundary, authorization=header)) == (401, "unauthorized")
    assert ask(boundary, authorization=f"Bearer {second['access_token']}").status == 201
    assert documents(built) == 3


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_how_the_scheme_is_written_does_not_matter(tmp_path: Path, scheme: str) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2"}})
    boundary = built.boundary("erp")
    given, door = boundary.credentials, boundary.authenticator
    form = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": given.client_secret}
    token = json.loads(issued(boundary, form, request("/oauth/token")).body)["access_token"]
    header = f"{scheme} {token}"
    assert ask(boundary, authorization=header).status == 201
    assert ask(boundary, authorization=f"Basic {token}").status == 401
    door.revoke({b"authorization": header.encode()})
    assert ask(boundary, authorization=header).status == 401


@pytest.mark.parametrize("place", ["URL", "body", "nowhere"])
def test_a_token_where_others_read_it_is_noted_and_blotted_out(tmp_path: Path, place: str) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2", "token_life_s": 60}})
    boundary = built.boundary("erp")
    given = boundary.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": given.client_id,
        "client_secret": given.client_secret,
    }
    token = json.loads(issued(boundary, form, request("/oauth/token")).body)["access_token"]
    path = f"{POST}?access_token={token}" if place == "URL" else POST
    body = posting() | ({"text": f"sent with {token}"} if place == "body" else {})
    ask(boundary, path, body, authorization=f"Bearer {token}")
    noted = [record.place for record in built.records(Exposed)]
    assert noted == ([] if place == "nowhere" else [place])
    built.ledger.close()
    assert token.encode() not in (tmp_path / "ledger.msgpack").read_bytes() + (tmp_path / "bodies.pack").read_bytes()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "unauthorized")),
        ({"client_id": "wrong"}, (401, "unauthorized")),
        ({"client_secret": "ü\0"}, (401, "unauthorized")),
        ({"grant_type": "password"}, (422, "invalid-request")),
        ({"grant_type": ""}, (422, "invalid-request")),
    ],
)
def test_wrong_credentials_get_no_token(tmp_path: Path, changed: dict[str, str], expected: tuple[int, str]) -> None:
    boundary = bench(tmp_path, erp={"auth": {"kind": "oauth2"}}).boundary("erp")
    given = boundary.credentials
    form = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": given.client_secret}
    assert problem(issued(boundary, {**form, **changed}, request("/oauth/token"))) == expected
    assert isinstance(boundary.authenticator, TokenCheck)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nonsense", "bearer x", "Basic eDp5", "\xff"])
def test_a_bad_token_gets_nowhere(tmp_path: Path, header: str) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2"}})
    response = ask(built.boundary("erp"), authorization=header)
    assert problem(response) == (401, "unauthorized")
    assert dict(response.headers)[b"www-authenticate"] == b"Bearer"
    assert documents(built) == 0
    assert [record.code for record in built.records(Reject)] == ["unauthorized"]


def test_an_api_key(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "api-key"}})
    boundary = built.boundary("erp")
    assert problem(ask(boundary)) == (401, "unauthorized")
    assert problem(ask(boundary, x_api_key="wrong")) == (401, "unauthorized")
    assert ask(boundary, x_api_key=boundary.credentials.api_key).status == 201
    assert problem(issued(boundary, {}, request("/oauth/token"))) == (404, "no-such-operation")


# --- Limits --------------------------------------------------------------------------------------------------------


def test_the_folder_of_limits() -> None:
    windows = {"sliding-window", "fixed-window", "token-bucket", "daily-quota"}
    assert set(limit_kinds()) == windows | {"concurrency", "execution-time"}


def test_a_sliding_window_slides() -> None:
    window = SlidingWindow(2, 10.0)
    assert [window.take(now) for now in (0.0, 4.0)] == [0.0, 0.0]
    assert window.take(5.0) == pytest.approx(5.0)
    assert window.take(9.75) == pytest.approx(0.25), "what was refused does not count"
    assert window.take(10.0) == 0.0
    assert window.take(10.0) == pytest.approx(4.0)
    window.give_back()
    assert window.take(10.0) == 0.0


def test_a_caller_that_waits_as_told_is_taken() -> None:
    window = SlidingWindow(1, 0.1)
    now = 0.0
    for _ in range(1000):
        wait_s = window.take(now)
        if wait_s:
            now += wait_s
            # Rounding may ask for another hair of time; a caller that waits whole seconds never notices.
            assert window.take(now) < 1e-9
        now += 0.0173


def test_concurrency_counts_what_is_under_way() -> None:
    limit = Concurrency(1, 3.0)
    assert [limit.take(0.0), limit.take(0.0)] == [0.0, 3.0]
    limit.done(0.0, 0.0)
    assert limit.take(0.0) == 0.0
    limit.give_back()
    assert limit.take(0.0) == 0.0


def test_429_says_when_to_come_back_and_nothing_is_done(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"limits": [{"kind": "sliding-window", "requests": 2, "per_s": 10}]})
    boundary = built.boundary("erp")
    assert [ask(boundary).status for _ in range(2)] == [201, 201]
    built.pass_time(2.5)
    response = ask(boundary)
    assert problem(response) == (429, "rate-limited")
    assert dict(response.headers)[b"retry-after"] == b"8"
    assert json.loads(response.body)["retry_after_s"] == pytest.approx(7.5)
    assert documents(built) == 2
    built.pass_time(7.5)
    assert ask(boundary).status == 201


def test_what_concurrency_refuses_the_window_does_not_count(tmp_path: Path) -> None:
    limits = [{"kind": "sliding-window", "requests": 2, "per_s": 10}, {"kind": "concurrency", "at_once": 1}]
    boundary = bench(tmp_path, erp={"limits": limits}).boundary("erp")
    first = boundary.open(request())
    for _ in range(5):
        assert problem(ask(boundary)) == (429, "rate-limited")
    perform(first)
    assert ask(boundary).status == 201


@pytest.mark.parametrize("ending", list(Ending))
def test_a_slot_is_free_again_however_the_exchange_ended(tmp_path: Path, ending: Ending) -> None:
    boundary = bench(tmp_path, erp={"limits": [{"kind": "concurrency", "at_once": 1}]}).boundary("erp")
    exchange = boundary.open(request())
    assert problem(ask(boundary)) == (429, "rate-limited")
    exchange.end(ending)
    assert boundary.open_exchanges == 0
    assert ask(boundary).status == 201


def test_refusals_after_the_limits_free_their_slot_too(tmp_path: Path) -> None:
    boundary = bench(tmp_path, erp={"limits": [{"kind": "concurrency", "at_once": 1}]}).boundary("erp")
    for _ in range(3):
        assert problem(ask(boundary, body={"plant": 1})) == (422, "invalid-request")
    assert ask(boundary).status == 201


# --- Idempotency keys ----------------------------------------------------------------------------------------------


def test_none_takes_no_notice_of_a_key(tmp_path: Path) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp")
    assert [ask(boundary, key="k").status for _ in range(2)] == [201, 201]
    assert documents(built) == 2
    assert [record.idempotency_key for record in built.records(Request)] == ["k", "k"]


def test_strict_requires_a_key_and_accepts_it_once(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"idempotency": "strict"})
    boundary = built.boundary("erp")
    assert problem(ask(boundary)) == (400, "idempotency-key-missing")
    refused = {**posting(), "plant": "XX01"}
    assert problem(ask(boundary, body=refused, key="k")) == (422, "unknown-plant")
    assert ask(boundary, key="k").status == 201, "what was refused was not accepted"
    conflict = ask(boundary, key="k")
    assert problem(conflict) == (409, "idempotency-conflict")
    assert json.loads(conflict.body)["definite"] is False, "the first request did change something"
    assert problem(ask(boundary, body=posting("CNF-2"), key="k")) == (422, "idempotency-key-reused")
    assert documents(built) == 1
    assert ask(boundary, f"/production-orders/{ORDER}", method="GET").status == 200, "queries need none"


def test_stripe_replays_the_first_answer(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"idempotency": "stripe"})
    boundary = built.boundary("erp")
    first = ask(boundary, key="k")
    again = ask(boundary, key="k")
    assert (again.status, again.body) == (first.status, first.body)
    assert (b"idempotency-replayed", b"true") in again.headers
    assert ask(boundary).status == 201, "a key is not required"
    assert documents(built) == 2
    assert len(built.records(Commit)) == 2
    reveals = [record.reveals for record in built.records(ResponseFirst)]
    assert reveals == [Reveals.OWN, Reveals.EVERYTHING, Reveals.OWN]


def test_stripe_replays_a_refusal_as_well(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"idempotency": "stripe"})
    boundary = built.boundary("erp")
    refused = {**posting(), "plant": "XX01"}
    assert problem(ask(boundary, body=refused, key="k")) == (422, "unknown-plant")
    again = ask(boundary, body=refused, key="k")
    assert problem(again) == (422, "unknown-plant") and (b"idempotency-replayed", b"true") in again.headers


@pytest.mark.parametrize("mode", ["strict", "stripe"])
def test_a_key_used_for_other_content_is_refused_also_on_another_path(tmp_path: Path, mode: str) -> None:
    built = bench(tmp_path, erp={"idempotency": mode})
    boundary = built.boundary("erp")
    numbers = [json.loads(ask(boundary, key=key).body)["document"] for key in ("a", "b")]
    assert ask(boundary, f"{POST}/{numbers[0]}/reversal", body={}, key="r").status == 201
    other = ask(boundary, f"{POST}/{numbers[1]}/reversal", body={}, key="r")
    assert problem(other) == (422, "idempotency-key-reused")
    assert built["erp"].state.documents.reversed == {1}


@pytest.mark.parametrize("mode", ["strict", "stripe"])
def test_a_key_whose_request_is_under_way_is_a_conflict(tmp_path: Path, mode: str) -> None:
    built = bench(tmp_path, erp={"idempotency": mode})
    boundary = built.boundary("erp")
    first = boundary.open(request(key="k"))
    assert problem(ask(boundary, key="k")) == (409, "idempotency-conflict")
    assert perform(first).status == 201
    assert ask(boundary, key="k").status == (201 if mode == "stripe" else 409)
    assert documents(built) == 1


@pytest.mark.parametrize("mode", ["strict", "stripe"])
def test_a_request_that_never_got_to_work_frees_its_key(tmp_path: Path, mode: str) -> None:
    built = bench(tmp_path, erp={"idempotency": mode})
    boundary = built.boundary("erp", [fault("request-dropped", nth=1)])
    dropped = boundary.open(request(key="k"))
    assert dropped.script == (Drop("request-dropped"),)
    dropped.end(Ending.DROPPED)
    assert ask(boundary, key="k").status == 201
    assert documents(built) == 1


def test_a_key_is_forgotten_after_a_day(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"idempotency": "stripe"})
    boundary = built.boundary("erp")
    ask(boundary, key="k")
    built.pass_time(86_399)
    ask(boundary, key="k")
    assert documents(built) == 1
    built.pass_time(1)
    ask(boundary, key="k")
    assert documents(built) == 2


# --- Entity tags ---------------------------------------------------------------------------------------------------


def test_an_order_is_changed_with_the_tag_that_was_read(tmp_path: Path) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp")
    path = f"/production-orders/{ORDER}"
    tag = dict(ask(boundary, path, method="GET").headers)[b"etag"].decode()
    change = {"quantity": 5.0}
    before = built.digest()
    assert problem(ask(boundary, path, change, method="PATCH")) == (428, "precondition-required")
    assert problem(ask(boundary, path, change, method="PATCH", if_match='"old"')) == (412, "precondition-failed")
    assert built.digest() == before
    changed = ask(boundary, path, change, method="PATCH", if_match=tag)
    assert changed.status == 200 and dict(changed.headers)[b"etag"].decode() != tag
    assert problem(ask(boundary, path, change, method="PATCH", if_match=tag)) == (412, "precondition-failed")
    assert ask(boundary, path, change, method="PATCH", if_match="*").status == 200
    unknown = ask(boundary, "/production-orders/none", change, method="PATCH", if_match="*")
    assert problem(unknown) == (404, "unknown-order")


# --- What is recorded ----------------------------------------------------------------------------------------------


def test_what_an_exchange_leaves_in_the_ledger(tmp_path: Path) -> None:
    built = bench(tmp_path)
    ask(built.boundary("erp"), traceparent="00-1-2-01")
    (got,) = built.records(Request)
    (commit,) = built.records(Commit)
    (first,) = built.records(ResponseFirst)
    (end,) = built.records(ResponseEnd)
    assert got.keys == ("DE01", "CNF-1") and got.traceparent == "00-1-2-01" and got.body
    assert commit.exchange == first.exchange == end.exchange == got.seq
    assert got.seq < commit.seq < first.seq < end.seq
    assert (first.status, first.reveals, end.ending) == (201, Reveals.OWN, Ending.SENT)


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "reveals"),
    [
        ("/plants/DE01/items/none", "GET", None, 422, Reveals.OWN),
        (f"/production-orders/{ORDER}", "GET", None, 200, Reveals.LISTED),
        (f"/production-orders/{ORDER}", "PATCH", {"quantity": 5.0}, 428, Reveals.OWN),
        (f"{POST}/4900000001/reversal", "POST", {}, 404, Reveals.OWN),
    ],
)
def test_what_an_answer_reveals(
    tmp_path: Path, path: str, method: str, body: Any, status: int, reveals: Reveals
) -> None:
    built = bench(tmp_path)
    assert ask(built.boundary("erp"), path, body, method=method).status == status
    assert built.records(ResponseFirst)[-1].reveals == reveals


def test_a_conflict_and_a_stale_tag_reveal_everything(tmp_path: Path) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp")
    document = json.loads(ask(boundary).body)["document"]
    for _ in range(2):
        last = ask(boundary, f"{POST}/{document}/reversal", body={})
    assert last.status == 409
    ask(boundary, f"/production-orders/{ORDER}", {"quantity": 5.0}, method="PATCH", if_match='"old"')
    assert [record.reveals for record in built.records(ResponseFirst)][-2:] == [Reveals.EVERYTHING] * 2


def test_latency_is_drawn_by_what_is_asked_and_not_by_the_order_of_arrival(tmp_path: Path) -> None:
    sources = [f"CNF-{number}" for number in range(20)]

    def delays(order: list[str], folder: str) -> dict[str, list[Any]]:
        directory = tmp_path / folder
        directory.mkdir()
        boundary = bench(directory, erp={"latency": {"median_ms": 4, "p95_ms": 15}}).boundary("erp")
        return {source: [boundary.open(request(body=posting(source))).script[0] for _ in range(2)] for source in order}

    found = delays(sources, "forwards")
    assert delays(sources[::-1], "backwards") == found
    drawn = [delay for pair in found.values() for delay in pair]
    assert all(isinstance(delay, Delay) and not delay.fault for delay in drawn)
    assert len(set(drawn)) == len(drawn)


def test_faults_touch_only_what_was_admitted_and_bite_when_the_step_is_performed(tmp_path: Path) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp", [fault("latency", delay_s=1)])
    assert boundary.open(request(body={})).script is REFUSE
    exchange = boundary.open(request())
    assert exchange.script == (Delay("latency", 1.0), *NORMAL)
    assert not built.records(FaultBitten) and boundary.faults.bitten["latency"] == 0
    exchange.bitten("latency")
    assert [record.touched for record in built.records(FaultBitten)] == [exchange.seq]
    boundary.faults.healed = True
    assert boundary.open(request()).script == NORMAL


def test_the_longest_pause_before_a_retry_is_noticed(tmp_path: Path) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp")
    lost = request(body=posting("CNF-9"))
    for pause_s in (1.0, 4.0, 2.0):
        boundary.open(lost).end(Ending.RESET)
        built.pass_time(pause_s)
    boundary.open(lost).end(Ending.SENT)
    assert boundary.patience.longest_retry_gap_s == pytest.approx(4.0)


def test_what_was_refused_for_good_is_not_waited_for(tmp_path: Path) -> None:
    """Two callers that ask for the same unknown thing half an hour apart are not one that pauses for half an hour."""
    built = bench(tmp_path)
    boundary = built.boundary("erp")
    for _ in range(2):
        ask(boundary, body={**posting("CNF-9"), "lines": []})
        built.pass_time(1800)
    assert boundary.patience.longest_retry_gap_s == 0


def test_a_simulator_that_breaks_ends_the_run_and_not_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = bench(tmp_path)
    failures: list[BaseException] = []
    boundary = built.boundary("erp")
    boundary.on_failure = failures.append
    monkeypatch.setattr(built["erp"], "apply", lambda *arguments: 1 / 0)
    assert problem(ask(boundary)) == (503, "unavailable")
    assert [type(error) for error in failures] == [ZeroDivisionError]
