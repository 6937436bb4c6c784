"""Defects of "exactly once": each books twice, or too seldom, where the reference books once."""

import asyncio
import sqlite3
from collections.abc import Callable

import httpx
import pytest

from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.relies_on_keys import ReliesOnKeys
from pilotplant.reference.variants.work_list import WorkList
from tests.unit.defect_stories import RESOLVED, first, happen, life, posting, told
from tests.unit.reference_estate import Estate, Json, Running, problem, run

DONE: Json = {
    "plant": "DE01",
    "confirmation": "CNF-1",
    "item": "M-1",
    "lot": "L-1",
    "good": 10,
    "scrap": 0,
    "unit": "EA",
    "posting_date": "2026-01-02",
    "consumption": [],
}


async def deliver(estate: Estate, number: str = "1", **more: Json) -> int:
    return await estate.tell("mes.order.completed", {**DONE, **more}, source="/mes/DE01", number=number)


def delivered_twice(gap_s: float) -> Callable[[Parts], int]:
    """How often a confirmation is booked whose event comes twice."""

    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await deliver(estate)
            await asyncio.sleep(gap_s)
            await deliver(estate)

        return len(happen(parts, what).documents)

    return story


def answer_lost(parts: Parts) -> Estate:
    """A posting was booked and its answer is lost; ERP replays its answer to a key that it knows."""

    async def what(estate: Estate, middleware: Running) -> None:
        await deliver(estate)

    estate = Estate(replays=True)
    estate.losses.append(first(1, httpx.ReadTimeout("slow"), posting))
    return happen(parts, what, estate=estate)


@pytest.mark.parametrize("gap_s", [0.0, 5.0])
def test_d09_books_every_delivery(gap_s: float) -> None:
    assert told("d09_processes_duplicates", delivered_twice(gap_s)) == (1, 2)


def test_d10_posts_again_after_a_time_out() -> None:
    assert told("d10_repeats_after_timeout", lambda parts: len(answer_lost(parts).documents)) == (1, 2)


def test_d11_says_with_a_new_key_that_it_is_another_posting() -> None:
    assert told("d11_new_key_per_retry", lambda parts: len(answer_lost(parts).documents)) == (1, 2)
    assert len(answer_lost(Parts(posting=ReliesOnKeys)).documents) == 1, "the keys of facts make it right"


def test_d12_gives_an_old_key_to_another_fact_after_a_restart() -> None:
    def story(parts: Parts) -> tuple[int, int]:
        database = sqlite3.connect(":memory:")

        async def main() -> Estate:
            estate = Estate(replays=True)
            for confirmation in ("CNF-1", "CNF-2"):
                async with life(estate, database, parts) as middleware:
                    await estate.complete(confirmation)
                    await middleware.settled()
            return estate

        estate = run(main())
        database.close()
        return len(estate.documents), len(estate.exceptions)

    assert told("d12_key_reused_for_other_content", story) == ((2, 0), (1, 1))


def test_d13_has_forgotten_a_duplicate_that_comes_late() -> None:
    assert told("d13_short_memory_for_duplicates", delivered_twice(0.5)) == (1, 1)
    assert told("d13_short_memory_for_duplicates", delivered_twice(2.0)) == (1, 2)


def test_d14_has_forgotten_after_a_crash_what_it_has_seen() -> None:
    def story(parts: Parts) -> int:
        database = sqlite3.connect(":memory:")

        async def main() -> Estate:
            estate = Estate()
            for _ in range(2):
                async with life(estate, database, parts) as middleware:
                    await deliver(estate)
                    await middleware.settled()
            return estate

        estate = run(main())
        database.close()
        return len(estate.documents)

    assert told("d14_duplicates_forgotten_on_crash", story) == (1, 2)
    assert told("d14_duplicates_forgotten_on_crash", delivered_twice(5.0)) == (1, 1), "without a crash all is well"


def test_d15_takes_a_second_order_of_the_same_item_for_the_first() -> None:
    def story(parts: Parts) -> list[str]:
        async def what(estate: Estate, middleware: Running) -> None:
            await deliver(estate, "1")
            await deliver(estate, "2", confirmation="CNF-2")
            await deliver(estate, "3", confirmation="CNF-3", item="M-2")

        return sorted(document["source_document"] for _, document in happen(parts, what).documents)

    assert told("d15_takes_equals_for_duplicates", story) == (["CNF-1", "CNF-2", "CNF-3"], ["CNF-1", "CNF-3"])


def test_d16_lets_two_deliveries_at_the_same_time_both_through() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await asyncio.gather(deliver(estate), deliver(estate))

        return len(happen(parts, what).documents)

    assert told("d16_concurrent_duplicates_race", story) == (1, 2)
    assert told("d16_concurrent_duplicates_race", delivered_twice(0.1)) == (1, 1), "one after the other all is well"


@pytest.mark.parametrize("gap_s", [0.0, 5.0])
def test_a_list_of_work_is_right_behind_an_inbox_that_knows_every_event_again(gap_s: float) -> None:
    assert delivered_twice(gap_s)(Parts(flows=(WorkList,))) == 1


def test_d25_sends_the_lines_again_that_were_booked() -> None:
    def story(parts: Parts) -> list[str]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1", scrap=0)

        estate = Estate(replays=True)
        estate.bends.append(
            first(1, problem(503, "unavailable"), lambda seen: posting(seen) and "issue" in str(seen.body))
        )
        happen(parts, what, estate=estate)
        return [line["movement"] for _, document in estate.documents for line in document["lines"]]

    assert told("d25_whole_batch_resent", story) == (["receipt", "issue"], ["receipt", "receipt", "issue"])


def test_d34_takes_what_is_not_shown_yet_for_not_booked() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await deliver(estate)

        estate = Estate(read_lag_s=0.9)
        estate.losses.append(first(1, httpx.ReadTimeout("slow"), posting))
        return len(happen(parts, what, estate=estate).documents)

    assert told("d34_decides_on_stale_read", story) == (1, 2)


def test_d49_gives_two_plants_the_same_key() -> None:
    def story(parts: Parts) -> list[str]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1", "DE01")
            await estate.complete("CNF-1", "US01")

        return sorted(document["plant"] for _, document in happen(parts, what, estate=Estate(replays=True)).documents)

    assert told("d49_key_collision_across_plants", story) == (["DE01", "US01"], ["DE01"])


def test_a_refused_posting_that_was_mended_is_booked_once_by_every_variant() -> None:
    async def what(estate: Estate, middleware: Running) -> None:
        await deliver(estate)
        await middleware.settled()
        await estate.tell("desk.exception.resolved", RESOLVED, source="/desk")

    for parts in (Parts(), Parts(flows=(WorkList,)), Parts(posting=ReliesOnKeys)):
        estate = Estate(replays=True)
        estate.bends.append(first(1, problem(422, "period-closed"), posting))
        assert len(happen(parts, what, estate=estate).documents) == 1
