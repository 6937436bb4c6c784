"""Defects of manners and speed: what each does to the systems that it calls, and the reference does not."""

import asyncio
import random
from itertools import pairwise

import httpx
import msgspec
import pytest

from pilotplant.reference.calls import Call, CallFailed, NotNow
from pilotplant.reference.defects import find
from pilotplant.reference.lanes import Key
from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import SystemAccess
from tests.unit.defect_stories import first, happen, posting, told
from tests.unit.reference_estate import Estate, LoopClock, Running, Seen, problem, run

CLOCK = LoopClock()
POST = "erp POST /stock-documents$"


async def complete(estate: Estate, middleware: Running) -> None:
    await estate.complete("CNF-1")


def waits_s(parts: Parts, attempts: int) -> list[float]:
    """How long it pauses after the first, second, … failure of a call."""
    policy = parts.retry(CLOCK, random.Random(1), budget_s=60)

    async def main() -> list[float]:
        return [policy.delay_s(number, NotNow("x")) for number in range(1, attempts + 1)]

    return run(main())


def test_d35_asks_again_for_what_was_refused_for_good() -> None:
    def story(parts: Parts) -> tuple[int, int]:
        estate = Estate()
        estate.bends.append(lambda seen: problem(422, "period-closed") if posting(seen) else None)
        happen(parts, complete, estate=estate)
        return len(estate.calls(POST)), len(estate.exceptions)

    assert told("d35_retries_refusals", story) == ((1, 1), (5, 1))


def test_d36_does_not_back_off() -> None:
    def story(parts: Parts) -> bool:
        estate = Estate()
        estate.bends.append(lambda seen: problem(503, "unavailable") if posting(seen) and seen.at_s < 10 else None)
        return len(happen(parts, complete, estate=estate).calls(POST)) > 300

    assert told("d36_retry_storm", story) == (False, True)


@pytest.mark.parametrize("status", [429, 503])
def test_d37_comes_back_before_it_was_asked_to(status: int) -> None:
    def story(parts: Parts) -> bool:
        estate = Estate()
        estate.bends.append(first(1, problem(status, "unavailable", retry_after="5"), posting))
        before, after = happen(parts, complete, estate=estate).calls(POST)
        return after.at_s - before.at_s >= 5

    assert told("d37_ignores_retry_after", story) == (True, False)


def test_d38_comes_back_all_at_once() -> None:
    def story(parts: Parts) -> int:
        """The most postings within two hundredths of a second, once the outage is over."""
        estate = Estate()
        estate.bends.append(lambda seen: problem(503, "unavailable") if posting(seen) and seen.at_s < 9.9 else None)

        async def what(estate: Estate, middleware: Running) -> None:
            for number in range(30):
                await estate.complete(f"CNF-{number}")
                await asyncio.sleep(0.1)

        came = [seen.at_s for seen in happen(parts, what, estate=estate).calls(POST) if seen.at_s >= 9.9]
        return max(sum(start <= at < start + 0.02 for at in came) for start in came)

    reference, defect = told("d38_herd_after_healing", story)
    assert reference <= 12 < defect == 30


def test_d39_waits_for_an_answer_that_never_comes() -> None:
    def story(parts: Parts) -> bool:
        """Whether it lets go of a call within a minute."""

        async def silence(request: httpx.Request) -> httpx.Response:
            timeouts.append(request.extensions["timeout"]["read"])
            await asyncio.sleep(3600)
            return httpx.Response(200)

        async def main() -> bool:
            access = SystemAccess("http://mes")
            async with httpx.AsyncClient(transport=httpx.MockTransport(silence)) as http:
                client = parts.client(
                    access.url,
                    http=http,
                    tokens=parts.tokens(access, http, CLOCK, timeout_s=5),
                    limiter=parts.limiter(CLOCK, at_once=1),
                    traces=parts.traces(random.Random(1)),
                    clock=CLOCK,
                    timeout_s=5,
                )
                try:
                    async with asyncio.timeout(60):
                        await client.send(Call("GET", "/items/1"), msgspec.Raw)
                except CallFailed:
                    return True
                except TimeoutError:
                    return False
                return True

        timeouts: list[float | None] = []
        let_go = run(main())
        assert timeouts == [5 if let_go else None]
        return let_go

    assert told("d39_no_timeout", story) == (True, False)


def test_d40_fetches_a_token_for_each_call() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await asyncio.gather(*(estate.complete(f"CNF-{number}") for number in range(8)))

        return len(happen(parts, what).calls("erp POST /oauth/token"))

    assert told("d40_token_stampede", story) == (1, 4), "four confirmations of a plant are worked on at once"


def test_d41_goes_on_with_a_token_that_was_withdrawn() -> None:
    def story(parts: Parts) -> tuple[int, int]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1")
            await middleware.settled()
            estate.revoked.update(estate.tokens)
            await estate.complete("CNF-2")
            await asyncio.sleep(30)

        estate = happen(parts, what, settle=False)
        return len(estate.documents), len(estate.calls("erp POST /oauth/token"))

    assert told("d41_keeps_a_refused_token", story) == ((2, 2), (1, 1))


def test_d42_makes_more_calls_at_once_than_it_may() -> None:
    def story(parts: Parts) -> int:
        """The most calls of a system under way at once; one takes five milliseconds."""

        async def what(estate: Estate, middleware: Running) -> None:
            for number in range(16):
                await estate.release(f"ECO-{number}", {f"M-{number}-{place}": "B" for place in range(4)})

        came = sorted(seen.at_s for seen in happen(parts, what).calls("^plm GET"))
        return max(sum(start <= at < start + 0.004 for at in came) for start in came)

    reference, defect = told("d42_exceeds_concurrency", story)
    assert reference <= 16 < defect


def test_d52_lets_all_wait_for_one() -> None:
    def story(parts: Parts) -> bool:
        """Whether the others are booked while one has to be repeated."""

        async def what(estate: Estate, middleware: Running) -> None:
            for number in range(5):
                await estate.complete(f"CNF-{number}")
            await asyncio.sleep(5)

        def stuck(seen: Seen) -> httpx.Response | None:
            mine = posting(seen) and seen.body["source_document"] == "CNF-0"
            return problem(503, "unavailable") if mine and seen.at_s < 20 else None

        estate = Estate()
        estate.bends.append(stuck)
        return len(happen(parts, what, estate=estate, settle=False).documents) == 4

    assert told("d52_head_of_line_blocking", story) == (True, False)


def test_d53_sleeps_as_long_as_the_outage_was() -> None:
    longest_s = tuple(max(waits_s(parts, 10)) for parts in (Parts(), find("d53_unbounded_recovery").parts))
    assert longest_s[0] <= 1.0
    assert longest_s[1] > 25

    def story(parts: Parts) -> bool:
        """Whether it is back within three seconds after an outage."""
        estate = Estate()
        estate.bends.append(lambda seen: problem(503, "unavailable") if posting(seen) and seen.at_s < 20 else None)
        return happen(parts, complete, estate=estate).documents[0][0] < 23

    assert told("d53_unbounded_recovery", story) == (True, False)


def test_d53_pauses_no_differently_at_first() -> None:
    pauses = waits_s(find("d53_unbounded_recovery").parts, 4)
    assert all(before < after for before, after in pairwise(pauses))
    assert pauses == waits_s(Parts(), 4)


def test_d60_lets_a_change_wait_for_a_backlog_of_postings() -> None:
    def story(parts: Parts) -> bool:
        """Whether a change is through before the backlog is worked off."""

        async def what(estate: Estate, middleware: Running) -> None:
            for number in range(1000):
                await estate.complete(f"CNF-{number}")
            await estate.release("ECO-1", {"M-1": "B"}, priority="urgent")
            while not estate.executable:
                await asyncio.sleep(0.01)
            backlog.append(1000 - len(estate.documents))

        backlog: list[int] = []
        happen(parts, what, estate=Estate(activation_s=0.05))
        return backlog[0] > 100

    assert told("d60_bulk_starves_urgent", story) == (True, False)


def test_d60_serves_the_urgent_last_if_it_came_last() -> None:
    def story(parts: Parts) -> list[str]:
        async def main() -> list[str]:
            done: list[str] = []

            async def work(key: Key) -> None:
                done.append(key[0])
                await asyncio.sleep(1)

            lane = parts.lane("change", work, CLOCK, workers=1)
            for name, urgency in (("low", 2), ("normal", 1), ("urgent", 0)):
                lane.add((name,), urgency=urgency)
            lane.add_later(("late and urgent",), 0.5, urgency=0)
            lane.start()
            await asyncio.sleep(10)
            await lane.stop()
            return done

        return run(main())

    reference, defect = told("d60_bulk_starves_urgent", story)
    assert reference == ["urgent", "late and urgent", "normal", "low"]
    assert defect == ["low", "normal", "urgent", "late and urgent"]
