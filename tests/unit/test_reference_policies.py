"""The reference middleware's manners on the wire: retries, limits, tokens, and what answers mean."""

import asyncio
import random
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise

import httpx
import msgspec
import pytest
import respx

from pilotplant.reference.calls import Call, CallFailed, GaveUp, NotNow, Refusal, Unsure, failure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.lanes import Key, Lane
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.revisions import ordinal
from pilotplant.reference.settings import SettingsError, SystemAccess, from_environment
from pilotplant.reference.tokens import TokenKeeper
from pilotplant.reference.traces import Traces
from tests.unit.reference_estate import EPOCH, LoopClock, problem, run

CLOCK = LoopClock()
ERP = SystemAccess("http://erp", token_url="http://erp/token", client_id="me", client_secret="hush")
READ = Call("GET", "/items/1")


def client(http: httpx.AsyncClient, access: SystemAccess = ERP, *, at_once: int = 16) -> SystemClient:
    return SystemClient(
        access.url,
        http=http,
        tokens=TokenKeeper(access, http, CLOCK, timeout_s=5),
        limiter=Limiter(CLOCK, at_once=at_once),
        traces=Traces(random.Random(1)),
        clock=CLOCK,
        timeout_s=5,
    )


def policy(budget_s: float = 60) -> RetryPolicy:
    return RetryPolicy(CLOCK, random.Random(1), budget_s=budget_s)


def issue(token: str, expires_in: float = 600) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "expires_in": expires_in})


# --- What answers mean ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (problem(422, "inactive-work-centre"), Refusal),
        (problem(404, "unknown-item"), Refusal),
        (problem(403, "forbidden"), Refusal),
        (problem(409, "effectivity-overlap"), Refusal),
        (problem(409, "document-locked"), NotNow),
        (problem(409, "idempotency-conflict"), Unsure),
        (problem(401, "unauthorized"), NotNow),
        (problem(412, "precondition-failed"), NotNow),
        (problem(425, "too-early"), NotNow),
        (problem(429, "rate-limited"), NotNow),
        (problem(400, "request-limit-exceeded"), NotNow),
        (httpx.Response(400, json={"vendor_code": "SSS_REQUEST_LIMIT_EXCEEDED", "definite": True}), NotNow),
        (problem(400, "bad-request"), Refusal),
        (problem(503, "unavailable"), NotNow),
        (problem(500, "oops", definite=False), Unsure),
        (httpx.Response(429, text="slow down"), NotNow),
        (httpx.Response(404, text="<html>no such route</html>"), Unsure),
        (httpx.Response(502, text="<html>"), Unsure),
        (httpx.Response(302, headers={"location": "http://login"}), Unsure),
        (httpx.Response(500, json=[1]), Unsure),
    ],
    ids=lambda value: f"{value.status_code} {value.text[:30]}" if isinstance(value, httpx.Response) else value.__name__,
)
def test_what_an_answer_means(answer: httpx.Response, means: type[CallFailed]) -> None:
    assert type(failure(answer, EPOCH)) is means


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("7", 7), (format_datetime(datetime.fromtimestamp(EPOCH + 9, UTC), usegmt=True), 9), ("soon", 0), ("-3", 0)],
)
def test_retry_after_is_seconds_or_a_date(given: str, seconds: float) -> None:
    assert failure(problem(429, "rate-limited", retry_after=given), EPOCH).retry_after_s == seconds


@respx.mock
def test_no_connection_is_definite_and_a_lost_answer_is_not() -> None:
    respx.get("http://mes/items/1").mock(
        side_effect=[httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.Response(200, text="{")]
    )

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            mes = client(http, SystemAccess("http://mes", api_key="key"))
            for expected in (NotNow, Unsure, Unsure):
                with pytest.raises(expected):
                    await mes.send(READ, msgspec.Raw)

    run(main())


def test_an_answer_that_trickles_for_ever_is_no_answer() -> None:
    async def trickle(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    async def main() -> float:
        async with httpx.AsyncClient(transport=httpx.MockTransport(trickle)) as http:
            with pytest.raises(Unsure):
                await client(http, SystemAccess("http://mes")).send(READ, msgspec.Raw)
        return CLOCK.monotonic()

    assert run(main()) == pytest.approx(5)


# --- Retries -------------------------------------------------------------------------------------------------------


def test_waits_grow_with_jitter_up_to_a_cap() -> None:
    waits_s = [policy().delay_s(attempts, NotNow("x")) for attempts in range(1, 20)]
    assert 0.05 <= waits_s[0] <= 0.1
    assert max(waits_s[:10]) <= 1.0
    assert 1.0 <= waits_s[-1] <= 2.0
    others_s = [RetryPolicy(CLOCK, random.Random(2), budget_s=60).delay_s(n, NotNow("x")) for n in range(1, 20)]
    assert waits_s != others_s


def test_retry_after_is_never_undercut() -> None:
    delay_s = policy().delay_s(1, NotNow("rate-limited", retry_after_s=30))
    assert 30 < delay_s < 31


def test_a_refusal_is_not_retried_and_the_budget_ends_the_rest() -> None:
    attempts = []

    async def refuse() -> None:
        attempts.append("refused")
        raise Refusal("no")

    async def fail() -> None:
        attempts.append("failed")
        raise Unsure("http-500")

    async def main() -> float:
        with pytest.raises(Refusal):
            await policy().persist(refuse)
        with pytest.raises(GaveUp, match="http-500"):
            await policy().persist(fail)
        return CLOCK.monotonic()

    assert 60 <= run(main()) <= 62
    assert attempts.count("refused") == 1
    assert 30 < attempts.count("failed") < 100


# --- Limits --------------------------------------------------------------------------------------------------------


def test_no_more_calls_at_once_than_allowed() -> None:
    under_way, most = 0, 0

    async def one(limiter: Limiter) -> None:
        nonlocal under_way, most
        async with limiter.turn():
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1)
            under_way -= 1

    async def main() -> None:
        limiter = Limiter(CLOCK, at_once=3)
        await asyncio.gather(*(one(limiter) for _ in range(10)))

    run(main())
    assert most == 3


def test_after_too_many_requests_everybody_pauses_and_half_of_them_come_back() -> None:
    starts: list[float] = []

    async def one(limiter: Limiter) -> None:
        async with limiter.turn():
            starts.append(CLOCK.monotonic())
            await asyncio.sleep(0.1)
            limiter.went_well()

    async def main() -> None:
        limiter = Limiter(CLOCK, at_once=8)
        limiter.hold_back(2, narrow=True)
        limiter.hold_back(2, narrow=True)
        await asyncio.gather(*(one(limiter) for _ in range(200)))

    run(main())
    assert min(starts) >= 2
    at_once = [starts.count(start) for start in sorted(set(starts))]
    assert at_once[:5] == [4] * 5
    assert max(after - before for before, after in pairwise(at_once[:-1])) == 1, "turns come back one by one"
    assert max(at_once) == 8, "and in the end all of them"


@respx.mock
def test_one_call_that_is_told_to_wait_holds_back_the_others() -> None:
    at_s: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        at_s.append(CLOCK.monotonic())
        return httpx.Response(200, json={}) if len(at_s) > 1 else problem(429, "rate-limited", retry_after="5")

    respx.get("http://mes/items/1").mock(side_effect=answer)

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            mes = client(http, SystemAccess("http://mes"), at_once=1)
            retry = policy()
            await asyncio.gather(*(retry.persist(lambda: mes.send(READ, msgspec.Raw)) for _ in range(4)))

    run(main())
    assert at_s[0] == 0
    assert min(at_s[1:]) >= 5


# --- Tokens --------------------------------------------------------------------------------------------------------


@respx.mock
def test_many_callers_share_one_token_and_one_renewal() -> None:
    token = respx.post("http://erp/token").mock(side_effect=[issue("first"), issue("second")])
    revoked: set[str] = set()

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.1)
        given = request.headers["authorization"]
        return problem(401, "unauthorized") if given in revoked else httpx.Response(200, json={})

    respx.get("http://erp/items/1").mock(side_effect=answer)

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            erp = client(http)
            await asyncio.gather(*(erp.send(READ, msgspec.Raw) for _ in range(10)))
            assert token.call_count == 1
            revoked.add("Bearer first")
            await asyncio.gather(*(erp.send(READ, msgspec.Raw) for _ in range(10)))
            assert token.call_count == 2

    run(main())
    form = token.calls[0].request.content.decode()
    assert form == "grant_type=client_credentials&client_id=me&client_secret=hush"


@respx.mock
def test_a_token_is_renewed_before_it_expires() -> None:
    token = respx.post("http://erp/token").mock(side_effect=[issue("first", 10), issue("second", 10)])
    route = respx.get("http://erp/items/1").respond(200, json={})

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            erp = client(http)
            for _ in range(2):
                await erp.send(READ, msgspec.Raw)
                await asyncio.sleep(9.5)

    run(main())
    assert token.call_count == 2
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer first", "Bearer second"]


@respx.mock
def test_a_401_that_a_new_token_does_not_cure_is_asked_again_later() -> None:
    token = respx.post("http://erp/token").mock(side_effect=lambda request: issue("t"))
    respx.get("http://erp/items/1").mock(return_value=problem(401, "unauthorized"))

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            with pytest.raises(NotNow):
                await client(http).send(READ, msgspec.Raw)

    run(main())
    assert token.call_count == 2


@respx.mock
@pytest.mark.parametrize("broken", [httpx.ConnectError("no"), httpx.Response(500), httpx.Response(200, text="?")])
def test_without_a_token_nothing_was_done_and_all_who_wait_hear_of_it_at_once(broken: httpx.Response) -> None:
    effects = [broken] if isinstance(broken, httpx.Response) else broken
    token = respx.post("http://erp/token").mock(side_effect=effects)

    async def main() -> list[object]:
        async with httpx.AsyncClient() as http:
            erp = client(http)
            work = (erp.send(READ, msgspec.Raw) for _ in range(5))
            return [type(outcome) for outcome in await asyncio.gather(*work, return_exceptions=True)]

    assert run(main()) == [NotNow] * 5
    assert token.call_count == 1


@respx.mock
def test_who_comes_just_after_a_token_could_not_be_had_does_not_ask_for_one_himself() -> None:
    token = respx.post("http://erp/token").mock(side_effect=[httpx.Response(503), issue("t")])
    respx.get("http://erp/items/1").respond(200, json={})

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            erp = client(http)
            for pause_s in (0.1, 0.15, 0.1):
                with pytest.raises(NotNow):
                    await erp.send(READ, msgspec.Raw)
                await asyncio.sleep(pause_s)
            assert token.call_count == 1
            await erp.send(READ, msgspec.Raw)

    run(main())
    assert token.call_count == 2


# --- Small things that matter --------------------------------------------------------------------------------------


def test_revisions_have_an_order() -> None:
    assert [ordinal(revision) for revision in ("A", "Z", "AA", "AZ", "BA")] == [1, 26, 27, 52, 53]
    with pytest.raises(ValueError, match="capital letters"):
        ordinal("0003")


def test_a_fact_always_has_the_same_key_and_no_other_fact_has_it() -> None:
    keys = IdempotencyKeys()
    assert keys.key("DE01", "CNF-1", 0) == keys.key("DE01", "CNF-1", 0)
    others = {keys.key("US01", "CNF-1", 0), keys.key("DE01", "CNF-11", 0), keys.key("DE01", "CNF-1", 1)}
    assert keys.key("DE01", "CNF-1", 0) not in others
    assert len(others) == 3


def test_a_trace_is_continued_or_begun() -> None:
    traces = Traces(random.Random(1))
    came = f"00-{'ab' * 16}-{'cd' * 8}-00"
    onward = traces.onward(came)
    assert onward.startswith(f"00-{'ab' * 16}-")
    assert onward.endswith("-00")
    assert "cd" * 8 not in onward
    begun = traces.onward("nonsense").split("-")
    assert [len(part) for part in begun] == [2, 32, 16, 2]


def test_a_lane_does_nothing_twice_at_once_and_the_urgent_first(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def work(key: Key) -> None:
        done.append(key[0])
        if key == ("defect",) and done.count("defect") == 1:
            raise RuntimeError("a defect")
        await asyncio.sleep(1)

    async def main() -> None:
        lane = Lane("test", work, CLOCK, workers=1)
        for name, urgency in (("low", 2), ("urgent", 0), ("defect", 1), ("low", 2)):
            lane.add((name,), urgency=urgency)
        lane.start()
        await asyncio.sleep(0.5)
        lane.add(("urgent",), urgency=0)
        await asyncio.sleep(20)
        await lane.stop()

    run(main())
    assert done == ["urgent", "urgent", "defect", "low", "defect"]
    assert "test defect failed and will be tried again" in caplog.text


def test_a_lane_leaves_workers_to_the_others_when_all_of_one_kind_is_stuck() -> None:
    done: list[str] = []

    async def work(key: Key) -> None:
        await asyncio.sleep(60 if key[0] == "CN01" else 1)
        done.append("/".join(key))

    async def main() -> None:
        lane = Lane("test", work, CLOCK, workers=3, each=2)
        lane.start()
        for number in range(4):
            lane.add(("CN01", str(number)))
        for number in range(3):
            lane.add(("DE01", str(number)))
        await asyncio.sleep(4)
        assert done == ["DE01/0", "DE01/1", "DE01/2"], "one worker is left to them"
        await asyncio.sleep(120)
        await lane.stop()

    run(main())
    assert sorted(done[3:]) == ["CN01/0", "CN01/1", "CN01/2", "CN01/3"]


def test_settings_prefer_the_erp_of_the_plant_and_name_all_that_is_missing() -> None:
    environment = {
        "PILOTPLANT_PLANTS": "DE01, US01",
        "PILOTPLANT_PLM_URL": "http://plm/",
        "PILOTPLANT_ERP_URL": "http://erp",
        "PILOTPLANT_ERP_US01_URL": "http://erp-us",
        "PILOTPLANT_ERP_US01_CLIENT_SECRET": "hush",
        "PILOTPLANT_MES_DE01_URL": "http://mes/de",
        "PILOTPLANT_MES_US01_URL": "http://mes/us",
        "PILOTPLANT_DESK_URL": "http://desk",
        "PILOTPLANT_DESK_API_KEY": "key",
        "PILOTPLANT_EVENTS_SECRET": "s",
    }
    settings = from_environment(environment)
    assert {plant: access.url for plant, access in settings.erp.items()} == {
        "DE01": "http://erp",
        "US01": "http://erp-us",
    }
    assert settings.plm.url == "http://plm"
    assert "hush" not in repr(settings)
    assert (settings.wms, settings.supplier) == ({}, None)
    more = {"PILOTPLANT_WMS_DE01_URL": "http://wms/", "PILOTPLANT_SUPPLIER_URL": "http://supplier"}
    settings = from_environment(environment | more)
    assert {plant: access.url for plant, access in settings.wms.items()} == {"DE01": "http://wms"}
    assert settings.supplier == SystemAccess("http://supplier")
    del environment["PILOTPLANT_MES_US01_URL"], environment["PILOTPLANT_EVENTS_SECRET"]
    with pytest.raises(SettingsError, match=r"PILOTPLANT_MES_URL, PILOTPLANT_EVENTS_SECRET$"):
        from_environment(environment)
