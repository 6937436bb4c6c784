"""Limits as vendors shape them: when they take a request again, and in which words they say no."""

import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.limits.daily_quota import DAY_S, DailyQuotaSpec
from pilotplant.exchange.limits.execution_time import ExecutionTime
from pilotplant.exchange.limits.fixed_window import FixedWindow
from pilotplant.exchange.limits.limit import Limit
from pilotplant.exchange.limits.sliding_window import SlidingWindow
from pilotplant.exchange.limits.token_bucket import TokenBucket
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.ledger.records import Ending, Reject
from pilotplant.model.problem import RateLimited, RequestLimitExceeded
from pilotplant.model.script import REFUSE
from pilotplant.resources import bundled
from pilotplant.scenario.loading import validate_all
from tests.different.running import SHIPPED
from tests.estates import Bench, bench, posting

NAMES = ("cloud-erp-strict", "cloud-erp-burst", "erp-onprem")


def ask(built: Bench, boundary: Boundary, *, executing_s: float = 0.0, open_s: float = 0.0) -> WireResponse:
    """A posting, carried out at once or after a while."""
    body = json.dumps(posting()).encode()
    exchange = boundary.open(WireRequest("POST", "/stock-documents", b"", {}, body))
    if executing_s:
        built.pass_time(executing_s)
    if exchange.script is not REFUSE:
        exchange.commit()
    if open_s:
        built.pass_time(open_s)
    exchange.first_byte()
    exchange.end(Ending.SENT)
    return exchange.response


def door(path: Path, **limit: Any) -> tuple[Bench, Boundary]:
    """An ERP with one limit."""
    built = bench(path, erp={"limits": [limit]})
    return built, built.boundary("erp")


def test_a_fixed_window_lets_twice_as_many_through_around_its_change() -> None:
    window = FixedWindow(2, 10.0)
    assert [window.take(now) for now in (9.0, 9.5)] == [0.0, 0.0]
    assert window.take(9.75) == pytest.approx(0.25)
    assert [window.take(now) for now in (10.0, 10.1)] == [0.0, 0.0]
    assert window.take(10.2) == pytest.approx(9.8)
    window.give_back()
    assert window.take(10.2) == 0.0


def test_a_token_bucket_takes_a_burst_and_then_a_stream() -> None:
    bucket = TokenBucket(3, 2.0)
    assert [bucket.take(5.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(5.0) == pytest.approx(0.5)
    assert bucket.take(5.5) == 0.0
    assert bucket.take(5.75) == pytest.approx(0.25)
    bucket.give_back()
    assert bucket.take(5.75) == 0.0
    assert [bucket.take(1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.5)]


def test_execution_time_counts_work_not_requests() -> None:
    budget = ExecutionTime(2.0, 10.0)
    for _ in range(100):
        assert budget.take(0.0) == 0.0
        budget.done(0.0, 0.0)
    budget.done(1.0, 1.5)
    assert budget.take(2.0) == 0.0, "half a second is left"
    budget.done(4.0, 1.0)
    assert budget.take(5.0) == pytest.approx(6.0), "until the first work is ten seconds ago"
    assert budget.take(11.0) == 0.0


def test_a_daily_quota_rolls() -> None:
    quota = DailyQuotaSpec(kind="daily-quota", requests=1).build()
    assert quota.take(3600.0) == 0.0
    assert quota.take(7200.0) == pytest.approx(DAY_S - 3600.0)
    assert quota.take(DAY_S + 3600.0) == 0.0


@pytest.mark.parametrize("limit", [SlidingWindow(7, 2.0), FixedWindow(7, 2.0), TokenBucket(7, 3.5)])
def test_who_waits_as_told_is_taken_and_nobody_exceeds_the_rate(limit: Limit) -> None:
    now, taken = 0.0, 0
    while now < 200.0:
        wait_s = limit.take(now)
        if wait_s:
            now += wait_s
            assert limit.take(now) < 1e-9
        taken += 1
        now += 0.01
    assert 600 < taken < 750, "3.5 a second, and the burst at the beginning"


# --- In which words ---------------------------------------------------------------------------------------------------


def test_retry_after_in_seconds(tmp_path: Path) -> None:
    built, boundary = door(tmp_path, kind="sliding-window", requests=1, per_s=9.5)
    assert ask(built, boundary).status == 201
    answer = ask(built, boundary)
    assert (answer.status, dict(answer.headers)[b"retry-after"]) == (429, b"10")
    assert [(each.code, each.wait_s) for each in built.records(Reject)] == [(RateLimited.code, 9.5)]


def test_retry_after_as_a_date(tmp_path: Path) -> None:
    built, boundary = door(tmp_path, kind="fixed-window", requests=1, per_s=30, retry_after="date")
    ask(built, boundary)
    told = dict(ask(built, boundary).headers)[b"retry-after"].decode()
    assert parsedate_to_datetime(told).timestamp() == pytest.approx(built.world.unix() + 30, abs=1)
    assert built.records(Reject)[0].wait_s == 30


def test_no_retry_after(tmp_path: Path) -> None:
    built, boundary = door(tmp_path, kind="daily-quota", requests=1, code="4084", retry_after="absent")
    ask(built, boundary)
    answer = ask(built, boundary)
    assert answer.status == 429
    assert b"retry-after" not in dict(answer.headers)
    assert json.loads(answer.body)["vendor_code"] == "4084"
    assert built.records(Reject)[0].wait_s == 0
    assert boundary.patience.told_to_wait_until_s == 0


def test_retry_after_grows_for_those_who_keep_sending(tmp_path: Path) -> None:
    built, boundary = door(tmp_path, kind="sliding-window", requests=1, per_s=10, retry_after="growing")
    ask(built, boundary)
    told = [int(dict(ask(built, boundary).headers)[b"retry-after"]) for _ in range(7)]
    assert told == [10, 20, 30, 40, 50, 50, 50]
    built.pass_time(10)
    assert ask(built, boundary).status == 201
    assert dict(ask(built, boundary).headers)[b"retry-after"] == b"10", "whoever is taken is forgiven"


def test_a_400_with_the_code_of_the_vendor(tmp_path: Path) -> None:
    code = "SSS_REQUEST_LIMIT_EXCEEDED"
    built, boundary = door(tmp_path, kind="concurrency", at_once=1, status=400, code=code, retry_after="absent")
    first = boundary.open(WireRequest("POST", "/stock-documents", b"", {}, json.dumps(posting()).encode()))
    answer = ask(built, boundary)
    assert (answer.status, json.loads(answer.body)["vendor_code"]) == (400, code)
    assert json.loads(answer.body)["definite"] is True
    assert [each.code for each in built.records(Reject)] == [RequestLimitExceeded.code]
    first.commit()
    first.end(Ending.SENT)
    assert ask(built, boundary).status == 201


def test_the_pause_before_a_refused_request_comes_again_is_learned(tmp_path: Path) -> None:
    built, boundary = door(tmp_path, kind="sliding-window", requests=1, per_s=4, status=400, retry_after="absent")
    for _ in range(2):
        ask(built, boundary)
    built.pass_time(5)
    assert ask(built, boundary).status == 201
    assert boundary.patience.longest_retry_gap_s == pytest.approx(5)


def test_work_uses_up_the_time_that_it_takes(tmp_path: Path) -> None:
    built, boundary = door(tmp_path, kind="execution-time", seconds=2, per_s=60)
    assert [ask(built, boundary, executing_s=1.5).status for _ in range(3)] == [201, 201, 429]
    (tmp_path / "slow").mkdir()
    built, boundary = door(tmp_path / "slow", kind="execution-time", seconds=2, per_s=60)
    assert [ask(built, boundary, open_s=1.5).status for _ in range(3)] == [201, 201, 201], "who reads slowly works not"


@pytest.mark.parametrize("name", NAMES)
def test_the_profiles_say_what_they_imitate(name: str) -> None:
    text = (bundled() / "simulators" / "erp" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "imitates:" in text
    assert f"profiles/erp/{name}" in validate_all(SHIPPED)
