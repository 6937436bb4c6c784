"""Defects that lose something, or leave it half done: each does so where the reference does not."""

import asyncio
import sqlite3
from contextlib import suppress

import httpx

from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.line_by_line import LineByLine
from tests.unit.defect_stories import RESOLVED, first, happen, life, of_movement, posting, told
from tests.unit.reference_estate import Estate, Json, Running, Seen, problem, run

CLOSED = problem(422, "period-closed")


def movements(documents: list[Json]) -> list[str]:
    return sorted(line["movement"] for document in documents for line in document["lines"])


async def complete(estate: Estate, middleware: Running) -> None:
    await estate.complete("CNF-1")


def killed_after(seconds: float, parts: Parts) -> int:
    """How many confirmations are booked when the process dies so long after it was handed one, and lives again."""
    database = sqlite3.connect(":memory:")

    async def main() -> Estate:
        estate = Estate()
        delivery: asyncio.Task[int] | None = None
        async with life(estate, database, parts):
            estate.bends.append(lambda seen: httpx.ConnectError("down") if estate.deliver is first_door else None)
            first_door = estate.deliver
            delivery = asyncio.create_task(estate.complete("CNF-1"))
            await asyncio.sleep(seconds)
        acknowledged = delivery.done() and not delivery.cancelled() and delivery.result() == 202
        async with life(estate, database, parts) as middleware:
            if not acknowledged:
                with suppress(asyncio.CancelledError):
                    await delivery
                estate.events -= 1  # the very same event is delivered again
                await estate.complete("CNF-1")
            await asyncio.sleep(1)
            await middleware.settled()
        return estate

    estate = run(main())
    database.close()
    return len(estate.documents)


def test_d17_loses_what_it_has_acknowledged() -> None:
    assert told("d17_acknowledges_before_durable", lambda parts: killed_after(0.1, parts)) == (1, 0)
    assert told("d17_acknowledges_before_durable", lambda parts: killed_after(0.4, parts)) == (1, 1), "written by then"


def test_d18_has_seen_an_event_and_never_does_its_work() -> None:
    assert told("d18_dual_write_half_done", lambda parts: killed_after(0.01, parts)) == (1, 0)
    assert told("d18_dual_write_half_done", lambda parts: killed_after(0.1, parts)) == (1, 1), "both were written"


def test_d19_stays_at_an_event_that_it_cannot_read() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1")
            await estate.tell("mes.order.completed", {"plant": "DE01"})
            await estate.complete("CNF-2")
            await asyncio.sleep(60)

        return len(happen(parts, what, settle=False).documents)

    assert told("d19_poison_blocks_the_queue", story) == (2, 1)


def test_d20_never_sets_anything_aside() -> None:
    def story(parts: Parts) -> tuple[int, bool, int]:
        async def what(estate: Estate, middleware: Running) -> None:
            statuses.append(await estate.tell("mes.order.completed", {"plant": "DE01"}))
            await estate.complete("CNF-1")
            await asyncio.sleep(30)

        statuses: list[int] = []
        estate = Estate()
        estate.bends.append(lambda seen: CLOSED if posting(seen) else None)
        happen(parts, what, estate=estate, settle=False)
        return statuses[0], len(estate.calls("erp POST /stock-documents")) > 10, len(estate.exceptions)

    assert told("d20_poison_retried_for_ever", story) == ((202, False, 2), (500, True, 0))


def test_d21_tells_nobody_what_it_could_not_read() -> None:
    def story(parts: Parts) -> tuple[int, int]:
        async def what(estate: Estate, middleware: Running) -> None:
            statuses.append(await estate.tell("mes.order.completed", {"plant": "DE01"}))

        statuses: list[int] = []
        return len(happen(parts, what).exceptions), statuses[0]

    assert told("d21_drops_the_unknown", story) == ((1, 202), (0, 202))


def test_d24_calls_a_batch_booked_of_which_a_line_was_refused() -> None:
    def story(parts: Parts) -> tuple[list[str], int]:
        estate = Estate()
        estate.bends.append(lambda seen: CLOSED if posting(seen) and "issue" in str(seen.body["lines"]) else None)
        happen(parts, complete, estate=estate)
        return movements(estate.standing()), len(estate.exceptions)

    assert told("d24_partial_batch_is_success", story) == (([], 1), (["receipt", "scrap"], 0))
    assert story(Parts(posting=LineByLine)) == ([], 1)


def test_d26_leaves_the_breaker_open_when_the_outage_is_over() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1")
            await asyncio.sleep(40)

        estate = Estate()
        estate.bends.append(lambda seen: problem(503, "unavailable") if posting(seen) and seen.at_s < 20 else None)
        return len(happen(parts, what, estate=estate, settle=False).documents)

    assert told("d26_never_recovers", story) == (1, 0)


def test_d27_reports_accepted_what_erp_has_refused() -> None:
    def story(parts: Parts) -> list[tuple[str, str, str]]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-1": "B"})

        return happen(parts, what, estate=Estate(inactive={("DE01", "M-1")})).results

    assert told("d27_reports_false_success", story) == (
        [("ECO-1", "DE01", "rejected")],
        [("ECO-1", "DE01", "accepted")],
    )


def test_d28_mirrors_its_own_mirrored_postings() -> None:
    def story(parts: Parts) -> bool:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1")
            for number in range(10):
                await asyncio.sleep(1)
                if len(estate.documents) > number:
                    _, document = estate.documents[number]
                    posted = {
                        "plant": "DE01",
                        "document": f"49{number}",
                        "source_document": document["source_document"],
                    }
                    await estate.tell("erp.stock.posted", posted, source="/erp")

        return len(happen(parts, what).documents) > 5

    assert told("d28_echo_loop", story) == (False, True)


# --- Half done -----------------------------------------------------------------------------------------------------


def scrap_refused(parts: Parts) -> Estate:
    """The last movement of a confirmation is refused."""
    estate = Estate()
    estate.bends.append(lambda seen: CLOSED if posting(seen) and "scrap" in str(seen.body["lines"]) else None)
    return happen(parts, complete, estate=estate)


def test_posting_line_by_line_is_right_as_long_as_all_or_none_stands() -> None:
    estate = scrap_refused(Parts(posting=LineByLine))
    assert movements([document for _, document in estate.documents]) == ["issue", "receipt"]
    assert not estate.standing()
    assert len(estate.calls("reversal")) == 2
    assert len(estate.exceptions) == 1


def test_posting_line_by_line_books_once_whatever_is_lost() -> None:
    estate = Estate(read_lag_s=0.9)
    estate.losses.append(first(2, httpx.ReadTimeout("slow"), lambda seen: seen.method == "POST" and posting(seen)))
    happen(Parts(posting=LineByLine), complete, estate=estate)
    assert movements(estate.standing()) == ["issue", "receipt", "scrap"]
    assert len(estate.documents) == 3


def test_posting_line_by_line_books_all_when_the_cause_was_mended() -> None:
    async def what(estate: Estate, middleware: Running) -> None:
        await estate.complete("CNF-1")
        await middleware.settled()
        await estate.tell("desk.exception.resolved", RESOLVED, source="/desk")

    estate = Estate(replays=True)
    estate.bends.append(first(1, CLOSED, of_movement("scrap")))
    happen(Parts(posting=LineByLine), what, estate=estate)
    assert movements(estate.standing()) == ["issue", "receipt", "scrap"]


def test_d30_leaves_the_movements_that_went_through() -> None:
    def story(parts: Parts) -> tuple[list[str], int]:
        estate = scrap_refused(parts)
        return movements(estate.standing()), len(estate.exceptions)

    assert told("d30_no_compensation", story) == (([], 1), (["issue", "receipt"], 1))


def test_d31_takes_back_what_had_succeeded() -> None:
    def story(parts: Parts) -> tuple[int, bool]:
        estate = Estate()
        estate.losses.append(first(1, httpx.ReadTimeout("slow"), posting))
        happen(parts, complete, estate=estate)
        return len(estate.calls("reversal")), bool(estate.standing())

    assert told("d31_compensates_after_success", story) == ((0, True), (1, False))


def test_d32_reverses_what_is_reversed() -> None:
    def story(parts: Parts) -> int:
        return len(scrap_refused(parts).calls("reversal"))

    assert told("d32_compensates_twice", story) == (0, 4)
    assert story(Parts(posting=LineByLine)) == 2


def test_d33_writes_back_what_it_had_read_before_somebody_else_wrote() -> None:
    def story(parts: Parts) -> list[str]:
        """Two items are changed together, and one of them is a component of the other."""
        estate = Estate()

        def slowly(seen: Seen) -> httpx.Response | None:
            """While the component is read, its own change gets through."""
            if str(seen) == "plm GET /items/B-1" and "B-1" not in begun:
                begun.add("B-1")
                return problem(503, "unavailable", retry_after="1")
            return None

        begun: set[str] = set()

        async def what(estate: Estate, middleware: Running) -> None:
            estate.held["DE01", "B-1"] = "A"
            await estate.release("ECO-1", {"M-1": "B"})
            await asyncio.sleep(0.5)
            estate.held["DE01", "B-1"] = "D"  # somebody at the plant

        estate.bends.append(slowly)
        happen(parts, what, estate=estate)
        return [seen.body["revision"] for seen in estate.calls("erp PUT /items") if seen.body["item"] == "B-1"]

    assert told("d33_lost_update", story) == ([], ["A"])
