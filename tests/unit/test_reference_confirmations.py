"""The reference middleware's stock postings: exactly one document per confirmation, whatever happens to the answers."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import httpx
import msgspec
import pytest

from pilotplant.reference.calls import Call
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.works import Work
from tests.unit.reference_estate import Bend, Estate, Seen, problem, run, running

POST = "erp POST /stock-documents"
LOOK = "erp GET /stock-documents"


def first(times: int, answer: httpx.Response | Exception, what: str = POST) -> Bend:
    """Spoil the first `times` requests of a kind."""
    left = [times]

    def bend(seen: Seen) -> httpx.Response | Exception | None:
        if str(seen) != what or not left[0]:
            return None
        left[0] -= 1
        return answer

    return bend


def book(estate: Estate, *confirmations: str) -> Estate:
    """Deliver confirmations and wait until all is done."""

    async def main() -> None:
        async with running(estate) as middleware:
            for confirmation in confirmations or ("CNF-1",):
                assert await estate.complete(confirmation) == 202
            await middleware.settled()

    run(main())
    return estate


def test_a_confirmation_is_one_document_with_receipt_issues_and_scrap() -> None:
    estate = book(Estate())
    ((_, document),) = estate.documents
    assert document == {
        "plant": "DE01",
        "posting_date": "2026-01-02",
        "source_document": "CNF-1",
        "lines": [
            {"movement": "receipt", "item": "M-1", "quantity": 10.0, "unit": "EA", "lot": "L-1"},
            {"movement": "issue", "item": "B-1", "quantity": 22.5, "unit": "kg", "lot": "L-7"},
            {"movement": "scrap", "item": "M-1", "quantity": 1.0, "unit": "EA", "lot": "L-1"},
        ],
    }
    assert not estate.calls(LOOK), "nobody is unsure, so nobody has to look"


def test_movements_of_nothing_are_not_booked() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.complete("CNF-1", scrap=0)
            await estate.complete("CNF-2", good=0, scrap=0, consumption=[])
            await middleware.settled()
        return estate

    ((_, document),) = run(main()).documents
    assert [line["movement"] for line in document["lines"]] == ["receipt", "issue"]


def test_equal_numbers_of_two_plants_are_two_facts() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.complete("CNF-1", "DE01")
            await estate.complete("CNF-1", "US01")
            await middleware.settled()
        return estate

    estate = run(main())
    assert sorted(document["plant"] for _, document in estate.documents) == ["DE01", "US01"]
    assert len(estate.keys) == 2


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(httpx.ReadTimeout("slow"), id="time-out"),
        pytest.param(httpx.RemoteProtocolError("reset"), id="reset"),
        pytest.param(httpx.Response(500), id="500 of the system"),
        pytest.param(httpx.Response(504, text="<html>"), id="504 of a gateway"),
        pytest.param(httpx.Response(201, content=b'{"docum'), id="half an answer"),
    ],
)
@pytest.mark.parametrize("read_lag_s", [0.0, 0.9])
def test_a_posting_whose_answer_was_lost_is_found_and_not_repeated(lost: httpx.Response, read_lag_s: float) -> None:
    estate = Estate(read_lag_s=read_lag_s)
    estate.losses.append(first(1, lost))
    book(estate)
    assert len(estate.documents) == 1
    assert len(estate.calls(POST)) == 1
    assert estate.calls(LOOK)


def test_a_posting_that_never_arrived_is_repeated_with_the_same_key() -> None:
    estate = Estate()
    estate.bends.append(first(2, httpx.ReadError("reset")))
    book(estate)
    posts = estate.calls(POST)
    assert len(estate.documents) == 1
    assert len(posts) == 3
    assert len({post.headers["idempotency-key"] for post in posts}) == 1
    # Between two posts somebody looked, and as late as ERP may take to show what it has booked.
    order = [str(seen) for seen in estate.seen if str(seen) in (POST, LOOK)]
    assert all(before == LOOK for before, after in pairwise(order) if after == POST)
    assert posts[1].at_s - posts[0].at_s > 1


def test_while_the_look_up_fails_nothing_is_posted_again() -> None:
    estate = Estate()
    estate.losses.append(first(1, httpx.ReadError("reset")))
    estate.bends.append(first(5, problem(503, "unavailable"), LOOK))
    book(estate)
    assert len(estate.calls(POST)) == 1
    assert len(estate.calls(LOOK)) == 6


def test_an_idempotency_conflict_is_looked_up() -> None:
    estate = Estate()
    estate.losses.append(first(1, problem(409, "idempotency-conflict")))
    assert len(book(estate).calls(POST)) == 1


def test_a_definite_unavailability_needs_no_look_up() -> None:
    estate = Estate()
    estate.bends.append(first(1, problem(503, "unavailable", retry_after="3")))
    book(estate)
    assert not estate.calls(LOOK)
    before, after = estate.calls(POST)
    assert 3 <= after.at_s - before.at_s < 4


def test_a_refusal_goes_to_the_desk_and_is_not_repeated() -> None:
    estate = Estate()
    estate.bends.append(first(1, problem(422, "period-closed")))
    book(estate, "CNF-1", "CNF-2")
    (raised,) = estate.exceptions
    assert {name: raised[name] for name in ("flow", "subject", "plant", "owner", "reason")} == {
        "flow": "production-confirmation",
        "subject": "CNF-1",
        "plant": "DE01",
        "owner": "plant-it",
        "reason": "period-closed",
    }
    assert [document["source_document"] for _, document in estate.documents] == ["CNF-2"]


def test_what_was_mended_is_posted_under_another_key_since_erp_replays_refusals() -> None:
    async def main() -> Estate:
        estate = Estate()
        estate.bends.append(first(1, problem(422, "period-closed")))
        async with running(estate) as middleware:
            await estate.complete("CNF-1")
            await middleware.settled()
            resolved = {"flow": "production-confirmation", "plant": "DE01", "subject": "CNF-1", "resolution": "mended"}
            await estate.tell("desk.exception.resolved", resolved, source="/desk")
            await middleware.settled()
        return estate

    estate = run(main())
    assert len(estate.documents) == 1
    assert len({post.headers["idempotency-key"] for post in estate.calls(POST)}) == 2


def test_the_desk_is_told_even_if_it_is_closed_for_long() -> None:
    estate = Estate()
    estate.bends.append(first(1, problem(422, "period-closed")))
    estate.bends.append(
        lambda seen: httpx.ConnectError("closed") if seen.system == "desk" and seen.at_s < 200 else None
    )
    assert len(book(estate).exceptions) == 1


@pytest.mark.parametrize("booked", [True, False])
def test_after_a_crash_in_the_middle_of_a_posting_the_next_life_looks_first(tmp_path: Path, booked: bool) -> None:
    async def main() -> Estate:
        estate = Estate()
        database = tmp_path / "reference.sqlite"
        if not booked:
            estate.bends.append(first(1, httpx.ReadError("it got lost on its way")))
        async with running(estate, database):
            await estate.complete("CNF-1")
            while not estate.calls(POST):
                await asyncio.sleep(0.001)
        async with running(estate, database) as middleware:
            await middleware.settled()
        return estate

    estate = run(main())
    assert len(estate.documents) == 1
    kinds = [str(seen) for seen in estate.seen if str(seen) in (POST, LOOK)]
    assert kinds[1] == LOOK
    assert kinds.count(POST) == (1 if booked else 2)


class PostsAgainBlindly(StockPosting):
    """What most hand-written loops do."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        key = self._keys.key(entry.plant, entry.key, entry.refusals)
        call = Call("POST", "/stock-documents", entry.body, idempotency_key=key)
        await self._retry.persist(lambda: erp.send(call, msgspec.Raw))


def test_a_part_can_be_replaced_to_see_what_it_is_good_for() -> None:
    async def main() -> Estate:
        estate = Estate()
        estate.losses.append(first(1, httpx.ReadError("reset")))
        async with running(estate, parts=replace(Parts(), posting=PostsAgainBlindly)) as middleware:
            await estate.complete("CNF-1")
            await middleware.settled()
        return estate

    assert len(run(main()).documents) == 2


def test_a_burst_of_confirmations_leaves_room_for_changes() -> None:
    async def main() -> tuple[float, float]:
        estate = Estate(activation_s=0.1)
        async with running(estate) as middleware:
            for number in range(2000):
                await estate.complete(f"CNF-{number}")
            await estate.release("ECO-1", {"M-1": "B"})
            while not estate.executable:
                await asyncio.sleep(0.01)
            changed_at_s = asyncio.get_running_loop().time()
            await middleware.settled()
            assert len(estate.documents) == 2000
            return changed_at_s, asyncio.get_running_loop().time()

    changed_at_s, done_at_s = run(main())
    assert changed_at_s < 0.5 < done_at_s
