"""What a caller meets at a system's door when a fault strikes, without a socket; what is recorded, what was done."""

import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from pilotplant.exchange.exchange import Boundary, Exchange
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.wire import WireResponse
from pilotplant.faults.statuses import AFTER, BEFORE, LASTING, AfterCommit, BeforeCommit
from pilotplant.ledger.records import Commit, Emit, Ending, FaultBitten, Reject, Request, ResponseFirst
from pilotplant.model.problem import PROBLEMS
from pilotplant.model.script import Commit as CommitStep
from pilotplant.systems.erp.operations import post_stock, release_bom, upsert_item, upsert_routing
from tests.estates import EPOCH, Bench, bench, dataset, made_item, posting
from tests.unit.test_exchange import documents, problem, request
from tests.unit.test_faults import fault

LOOK = "/stock-documents?plant=DE01&source_document=CNF-1"


def drive(exchange: Exchange) -> WireResponse:
    """What a driver does with the script that it is given."""
    for step in exchange.script:
        if isinstance(step, CommitStep):
            exchange.commit()
    exchange.first_byte()
    exchange.end(Ending.SENT)
    return exchange.response


def call(boundary: Boundary, *arguments: Any, **named: Any) -> WireResponse:
    return drive(boundary.open(request(*arguments, **named)))


def bites(built: Bench) -> list[str]:
    return [record.fault for record in built.records(FaultBitten)]


# --- Refused before anything is done -------------------------------------------------------------------------------


def test_the_statuses_are_those_that_have_an_answer() -> None:
    assert tuple(BEFORE) == get_args(BeforeCommit) and tuple(AFTER) == get_args(AfterCommit)
    assert set(BEFORE) >= LASTING and all(BEFORE[status].definite for status in LASTING)
    assert not any(answer.definite for answer in AFTER.values()), "it was done: none may say that nothing was"


@pytest.mark.parametrize("status", get_args(BeforeCommit))
def test_every_status_before_the_commit(tmp_path: Path, status: int) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp", [fault("failed-before-commit", status=status, max_count=1)])
    given = problem(call(boundary))
    assert given[0] == status and PROBLEMS[given[1]].status == status
    assert documents(built) == 0 and bites(built) == ["failed-before-commit"]
    (reject,) = built.records(Reject)
    assert (reject.code, reject.status, reject.definite) == (given[1], status, PROBLEMS[given[1]].definite)
    assert bool(reject.effect) is (status in LASTING), "only what is refused for good is held against the flow"
    assert call(boundary).status == 201 and documents(built) == 1


def test_a_refusal_for_good_says_what_it_refuses(tmp_path: Path) -> None:
    built = bench(tmp_path)
    call(built.boundary("erp", [fault("failed-before-commit", status=422)]))
    (reject,) = built.records(Reject)
    assert reject.effect.startswith("erp.stock.post|DE01|CNF-1|receipt|")
    assert not reject.intended, "no order was completed that asks for it: this refusal excuses nothing"


@pytest.mark.parametrize(("status", "code"), [(429, "rate-limited"), (503, "unavailable")])
def test_when_to_come_again(tmp_path: Path, status: int, code: str) -> None:
    boundary = bench(tmp_path).boundary("erp", [fault("failed-before-commit", status=status, retry_after_s=2.2)])
    answer = call(boundary)
    assert problem(answer) == (status, code)
    assert dict(answer.headers)[b"retry-after"] == b"3"
    assert boundary.patience.told_to_wait_until_s == 3.0


def test_too_many_requests_said_with_a_400(tmp_path: Path) -> None:
    built = bench(tmp_path)
    answer = call(built.boundary("erp", [fault("failed-before-commit", status=400, vendor_limit=True)]))
    assert problem(answer) == (400, "request-limit-exceeded")
    assert [record.effect for record in built.records(Reject)] == [""]


def test_a_refused_request_leaves_its_idempotency_key_free(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"idempotency": "stripe"})
    boundary = built.boundary("erp", [fault("failed-before-commit", status=500, max_count=1)])
    assert [call(boundary, key="k").status for _ in range(3)] == [500, 201, 201]
    assert documents(built) == 1


# --- Done, and answered wrongly ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", get_args(AfterCommit))
def test_every_status_after_the_commit(tmp_path: Path, status: int) -> None:
    built = bench(tmp_path, erp={"idempotency": "stripe"})
    boundary = built.boundary("erp", [fault("failed-after-commit", status=status, max_count=1)])
    answer = call(boundary, key="k")
    assert answer.status == status and json.loads(answer.body)["definite"] is False
    assert documents(built) == 1 and bites(built) == ["failed-after-commit"]
    assert not built.records(Reject), "it was not refused, it was only said to have failed"
    assert [record.status for record in built.records(ResponseFirst)] == [status]
    assert call(boundary, key="k").status == 201, "the key remembers the true answer"
    assert documents(built) == 1


@pytest.mark.parametrize(
    ("how", "expected"),
    [("truncated", None), ("invalid", None), ("page", b"<!doctype html>"), ("empty", b"")],
)
def test_a_garbled_answer(tmp_path: Path, how: str, expected: bytes | None) -> None:
    built = bench(tmp_path)
    answer = call(built.boundary("erp", [fault("answer-garbled", how=how)]))
    assert answer.status == 201 and documents(built) == 1 and bites(built) == ["answer-garbled"]
    assert expected is None or answer.body.startswith(expected)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(answer.body)


def test_a_change_of_the_answer_bites_only_when_it_goes_out(tmp_path: Path) -> None:
    built = bench(tmp_path)
    exchange = built.boundary("erp", [fault("answer-garbled")]).open(request())
    exchange.commit()
    exchange.end(Ending.CALLER_GONE)
    assert documents(built) == 1 and bites(built) == []


def test_a_redirect_does_nothing(tmp_path: Path) -> None:
    built = bench(tmp_path)
    answer = call(built.boundary("erp", [fault("redirected", status=307, location="/elsewhere")]))
    assert (answer.status, dict(answer.headers)[b"location"], answer.body) == (307, b"/elsewhere", b"")
    assert documents(built) == 0 and bites(built) == ["redirected"] and not built.records(Reject)


def test_they_compose_at_the_door(tmp_path: Path) -> None:
    built = bench(tmp_path)
    answer = call(
        built.boundary("erp", [fault("failed-before-commit", status=503), fault("answer-garbled", how="empty")])
    )
    assert (answer.status, answer.body) == (503, b"")
    assert bites(built) == ["failed-before-commit", "answer-garbled"] and documents(built) == 0


# --- Jobs and queries ----------------------------------------------------------------------------------------------


def _definition(built: Bench, boundary: Boundary) -> dict[str, Any]:
    """An item with structure and routing, ready to be activated."""
    item = made_item()
    data = dataset()
    plm = built["plm"].state
    revision = plm.latest(item.number)
    bom, routing = plm.bom(item.number, revision), plm.routing(item.number, revision)
    keys = {"plant": "DE01", "item": item.number, "revision": revision}
    for line in bom.lines:
        assert ("DE01", line.component) in data.plant_items
    steps = [
        {name: getattr(s, name) for name in ("number", "work_centre", "text", "setup_s", "cycle_s")}
        for s in routing.steps
    ]
    lines = [{"component": line.component, "quantity": line.quantity, "unit": line.unit} for line in bom.lines]
    unit = data.plant_items["DE01", item.number].unit
    built.apply("erp", upsert_item, plant="DE01", item=item.number, description="x", unit=unit, revision=revision)
    built.apply("erp", release_bom, **keys, effective_from="2023-11-14T22:13:20Z", lines=lines, change="ECO-1")
    built.apply("erp", upsert_routing, **keys, steps=steps)
    return keys


def test_what_was_accepted_is_rejected_late(tmp_path: Path) -> None:
    built = bench(tmp_path)
    late = fault("rejected-late", max_count=1, reason="the cost estimate is missing")
    boundary = built.boundary("erp", [late])
    keys = _definition(built, boundary)
    path = "/production-version-activations"
    answer = call(boundary, path, keys)
    assert answer.status == 202 and json.loads(answer.body)["status"] == "queued", answer.body
    assert bites(built) == ["rejected-late"]
    built.pass_time(30)
    job = json.loads(call(boundary, f"/jobs/{json.loads(answer.body)['job']}", method="GET").body)
    assert (job["status"], job["reason"]) == ("failed", "the cost estimate is missing")
    names = built.ledger.header.operations
    stated = [names[record.operation].name for record in built.records(Emit)]
    assert "erp.version.rejected" in stated and "erp.version.activated" not in stated
    assert call(boundary, path, keys).status == 202, "whoever asks again gets another job"
    built.pass_time(30)
    assert "erp.version.activated" in [names[record.operation].name for record in built.records(Emit)]


def test_a_stale_read_tells_what_was_true(tmp_path: Path) -> None:
    built = bench(tmp_path)
    boundary = built.boundary("erp", [fault("stale-read", lag_s=2)])

    def found() -> int:
        return len(json.loads(call(boundary, LOOK, method="GET").body)["items"])

    assert found() == 0 and bites(built) == [], "nothing old was there to be told"
    assert call(boundary).status == 201
    built.pass_time(1.9)
    assert found() == 0 and bites(built) == ["stale-read"]
    built.pass_time(0.2)
    assert found() == 1 and bites(built) == ["stale-read"]


# --- Systems that are down, limits and tokens ----------------------------------------------------------------------


def test_an_outage_and_its_end(tmp_path: Path) -> None:
    built = bench(tmp_path)
    outage = fault("outage", match={"system": "erp"}, window={"from_s": 1, "to_s": 2}, retry_after_s=1)
    boundary = built.boundary("erp", [outage])
    statuses = []
    for _ in range(3):
        statuses.append(call(boundary).status)
        built.pass_time(1)
    assert statuses == [201, 503, 201] and documents(built) == 2


@pytest.mark.parametrize(("how", "status"), [("seconds", 429), ("date", 429), ("absent", 429), ("seconds", 400)])
def test_a_tighter_limit_says_when_to_come_again(tmp_path: Path, how: str, status: int) -> None:
    built = bench(tmp_path)
    tight = fault("limit-tightened", requests=1, per_s=1.5, retry_after=how, status=status)
    boundary = built.boundary("erp", [tight])
    assert call(boundary).status == 201
    answer = call(boundary)
    assert answer.status == status and documents(built) == 1
    told = dict(answer.headers).get(b"retry-after", b"").decode()
    if how == "absent":
        assert told == "" and b"retry_after" not in answer.body and boundary.patience.told_to_wait_until_s == 0
        return
    wait_s = parsedate_to_datetime(told).timestamp() - EPOCH if how == "date" else float(told)
    assert 1.5 <= wait_s <= 3 and boundary.patience.told_to_wait_until_s == wait_s
    built.pass_time(wait_s)
    assert call(boundary).status == 201, "whoever waits as told is taken"


def _token(boundary: Boundary) -> WireResponse:
    given = boundary.credentials
    form = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": given.client_secret}
    return drive(open_token(boundary, form, request("/oauth/token")))


def _header(answer: WireResponse) -> str:
    return f"Bearer {json.loads(answer.body)['access_token']}"


def test_a_token_that_dies_early(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2", "token_life_s": 60}})
    boundary = built.boundary("erp", [fault("token-expires-early", after_s=1, max_count=1)])
    first = _token(boundary)
    assert json.loads(first.body)["expires_in"] == 60 and bites(built) == ["token-expires-early"]
    assert call(boundary, authorization=_header(first)).status == 201
    built.pass_time(1)
    assert problem(call(boundary, authorization=_header(first))) == (401, "unauthorized")
    second = _token(boundary)
    built.pass_time(30)
    assert call(boundary, authorization=_header(second)).status == 201 and bites(built) == ["token-expires-early"]


def test_a_token_that_is_revoked_stays_so(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2"}})
    boundary = built.boundary("erp", [fault("token-revoked", nth=2)])
    old = _header(_token(boundary))
    statuses = [call(boundary, authorization=old).status for _ in range(3)]
    assert statuses == [201, 401, 401] and bites(built) == ["token-revoked"]
    assert call(boundary, authorization=_header(_token(boundary))).status == 201
    assert documents(built) == 2


def test_the_token_endpoint_is_down_with_its_system(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2"}})
    boundary = built.boundary("erp", [fault("outage", max_count=1)])
    assert _token(boundary).status == 503 and bites(built) == ["outage"]
    assert _token(boundary).status == 200
    assert boundary.open_exchanges == 0


def test_no_token_reaches_the_ledger(tmp_path: Path) -> None:
    built = bench(tmp_path, erp={"auth": {"kind": "oauth2"}})
    token = json.loads(_token(built.boundary("erp", [fault("token-expires-early", after_s=5)])).body)["access_token"]
    built.ledger.flush()
    assert len(built.records(Request)) == 1
    assert not [path for path in tmp_path.iterdir() if token.encode() in path.read_bytes()]


def test_what_a_system_does_by_itself_is_never_struck(tmp_path: Path) -> None:
    built = bench(tmp_path)
    built.boundary("erp", [fault("failed-before-commit", status=503)])
    built.apply("erp", post_stock, **posting())
    assert len(built.records(Commit)) == 1 and bites(built) == []
