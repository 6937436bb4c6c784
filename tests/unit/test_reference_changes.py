"""The reference middleware's engineering changes: order, barriers, refusals, cancellation, restart."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.unit.reference_estate import EPOCH, PLANTS, Estate, Seen, problem, run, running


def position(estate: Estate, pattern: str) -> list[int]:
    return [number for number, seen in enumerate(estate.seen) if seen in estate.calls(pattern)]


def test_a_change_becomes_executable_at_every_plant_once_erp_has_activated_all_of_it() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B", "M-2": "C"}, PLANTS)
            await middleware.settled()
        return estate

    estate = run(main())
    assert sorted(estate.executable) == [(p, i, r) for p in PLANTS for i, r in (("M-1", "B"), ("M-2", "C"))]
    assert sorted(estate.results) == [("ECO-1", plant, "accepted") for plant in PLANTS]
    assert not estate.exceptions
    item = {"plant": "DE01", "item": "M-1", "description": "Thing M-1", "unit": "BX", "revision": "B"}
    assert item in [seen.body for seen in estate.calls("erp PUT /items")]
    assert all(seen.body["version"] == "0007" for seen in estate.calls("mes PUT"))


def test_nothing_is_published_before_the_last_item_of_the_scope_is_active() -> None:
    async def main() -> Estate:
        estate = Estate(activation_s=2.0)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B", "M-2": "B"})
            while len(estate.jobs) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(1.9)
            assert not estate.executable
            await middleware.settled()
        return estate

    assert len(run(main()).executable) == 2


def test_an_item_that_is_not_made_gets_its_data_only() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"B-9": "B", "M-1": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    assert estate.executable == [("DE01", "M-1", "B")]
    assert estate.held["DE01", "B-9"] == "B"
    assert len(estate.calls("bill-of-material")) == 1


def test_a_component_unknown_at_the_plant_is_sent_before_the_structure() -> None:
    async def main() -> Estate:
        estate = Estate()
        known: set[str] = set()

        def forgetful(seen: Seen) -> httpx.Response | None:
            if seen.method == "PUT" and seen.path == "/items":
                known.add(seen.body["item"])
            unknown = str(seen) == "erp GET /plants/DE01/items/B-1" and "B-1" not in known
            return problem(422, "item-not-at-plant") if unknown else None

        estate.bends.append(forgetful)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    sent = [(seen.path, seen.body["item"]) for seen in estate.calls("erp (PUT /items|POST /bill)")]
    assert sent == [("/items", "M-1"), ("/items", "B-1"), ("/bill-of-material-releases", "M-1")]


@pytest.mark.parametrize("background", [True, False])
def test_one_refusal_stops_the_scope_and_is_raised_once_at_the_desk(background: bool) -> None:
    async def main() -> Estate:
        estate = Estate()
        (estate.rejected if background else estate.inactive).add(("DE01", "M-1"))
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B", "M-2": "B"}, ("DE01", "US01"))
            await middleware.settled()
        return estate

    estate = run(main())
    assert sorted(estate.executable) == [("US01", "M-1", "B"), ("US01", "M-2", "B")]
    (raised,) = estate.exceptions
    reason = "activation-rejected" if background else "inactive-work-centre"
    assert raised["text"].startswith(reason)
    del raised["text"]
    assert raised == {
        "flow": "engineering-change",
        "subject": "ECO-1",
        "plant": "DE01",
        "owner": "planning",
        "reason": reason,
    }
    assert sorted(estate.results) == [("ECO-1", "DE01", "rejected"), ("ECO-1", "US01", "accepted")]
    assert len(estate.calls("erp PUT /routings")) == 4, "a refusal is not asked for again"


def test_when_its_cause_was_mended_a_refused_scope_is_carried_out() -> None:
    async def main() -> Estate:
        estate = Estate()
        estate.inactive.add(("DE01", "M-1"))
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
            estate.inactive.clear()
            resolved = {"flow": "engineering-change", "plant": "DE01", "subject": "ECO-1", "resolution": "mended"}
            await estate.tell("desk.exception.resolved", resolved, source="/desk")
            await middleware.settled()
        return estate

    estate = run(main())
    assert estate.executable == [("DE01", "M-1", "B")]
    assert [status for _, _, status in estate.results] == ["rejected", "accepted"]


def test_an_older_revision_that_arrives_later_never_overwrites_a_newer_one() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.release("ECO-2", {"M-1": "AA"})
            await estate.release("ECO-1", {"M-1": "Z", "M-2": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    assert [seen.body["revision"] for seen in estate.calls("erp PUT /items") if seen.body["item"] == "M-1"] == ["AA"]
    assert sorted(estate.executable) == [("DE01", "M-1", "AA"), ("DE01", "M-2", "B")]
    assert sorted(estate.results) == [("ECO-1", "DE01", "accepted"), ("ECO-2", "DE01", "accepted")]
    (done,) = position(estate, "plm POST /changes/ECO-1/results")
    assert estate.seen[done].at_s > 0.3, "the older change waits until the newer revision is active"


def test_changes_of_one_item_are_carried_out_one_after_the_other() -> None:
    async def main() -> Estate:
        estate = Estate(activation_s=0.5)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B", "M-2": "B"})
            await asyncio.sleep(0.1)
            await estate.release("ECO-2", {"M-2": "C", "M-3": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    writes = [seen.body for seen in estate.calls("(erp|mes) (PUT|POST)") if seen.body]
    assert [body["revision"] for body in writes if body["item"] == "M-2"] == ["B"] * 5 + ["C"] * 5
    assert len(estate.executable) == 4


def test_when_a_newer_change_is_refused_the_older_one_that_relied_on_it_is_carried_out() -> None:
    async def main() -> Estate:
        estate = Estate()
        estate.inactive.add(("DE01", "M-9"))
        async with running(estate) as middleware:
            await estate.release("ECO-2", {"M-1": "C", "M-9": "B"})
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    assert estate.executable == [("DE01", "M-1", "B")]
    assert ("ECO-1", "DE01", "accepted") in estate.results
    assert ("ECO-2", "DE01", "rejected") in estate.results


def test_a_change_cancelled_before_its_release_arrives_is_never_begun() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.tell("plm.change.cancelled", {"change": "ECO-1", "reason": "no"})
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
            await asyncio.sleep(60)
        return estate

    assert not run(main()).seen


def test_a_cancellation_stops_what_is_not_done_yet() -> None:
    async def main() -> Estate:
        estate = Estate(activation_s=5)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await estate.release("ECO-0", {"M-1": "A"})
            await asyncio.sleep(1)
            await estate.tell("plm.change.cancelled", {"change": "ECO-1", "reason": "no"})
            await middleware.settled()
        return estate

    estate = run(main())
    assert ("DE01", "M-1", "B") not in estate.executable
    assert estate.results == [("ECO-0", "DE01", "accepted")]
    assert not estate.exceptions


def test_a_change_with_a_date_is_begun_on_that_date_and_relieves_nobody_before() -> None:
    async def main() -> Estate:
        estate = Estate()
        at = datetime.fromtimestamp(EPOCH + 3600, UTC).isoformat()
        async with running(estate) as middleware:
            await estate.release("ECO-2", {"M-1": "C"}, effectivity={"kind": "date", "at": at})
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
            assert estate.executable == [("DE01", "M-1", "B")]
            status = (await middleware.http.get("/status")).json()
            assert status == {"open": 0, "scheduled": 1}
            await asyncio.sleep(3610)
        return estate

    estate = run(main())
    assert estate.executable == [("DE01", "M-1", "B"), ("DE01", "M-1", "C")]
    assert estate.calls("bill-of")[-1].body["effective_from"].startswith("2023-11-14T23:13:20")


def test_when_erp_tells_nothing_its_job_is_asked() -> None:
    async def main() -> Estate:
        estate = Estate(tells=False, activation_s=4)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    assert estate.executable == [("DE01", "M-1", "B")]
    assert len(estate.calls("GET /jobs")) == 2


def test_an_activation_may_be_told_before_its_job_is_named() -> None:
    async def main() -> Estate:
        estate = Estate(activation_s=0)
        early = {"plant": "DE01", "item": "M-1", "revision": "B", "version": "1", "change": "ECO-1", "job": "JOB-1"}
        async with running(estate) as middleware:
            await estate.tell("erp.version.activated", early, source="/erp")
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    assert run(main()).executable == [("DE01", "M-1", "B")]


def test_state_writes_are_repeated_after_an_unsure_outcome_and_survive_an_outage() -> None:
    async def main() -> Estate:
        estate = Estate()

        def outage(seen: Seen) -> httpx.Response | Exception | None:
            if seen.system == "erp" and seen.at_s < 20:
                return httpx.ReadError("reset") if seen.method == "GET" else httpx.Response(502, text="<html>")
            return None

        estate.bends.append(outage)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    assert estate.executable == [("DE01", "M-1", "B")]
    assert not estate.exceptions


def test_an_outage_beyond_the_budget_goes_to_the_desk_but_not_to_plm() -> None:
    async def main() -> Estate:
        estate = Estate()
        estate.bends.append(lambda seen: httpx.ConnectError("down") if seen.system == "erp" else None)
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    estate = run(main())
    (raised,) = estate.exceptions
    assert (raised["reason"], raised["owner"]) == ("unreachable", "plant-it")
    assert not estate.results
    assert 60 < estate.seen[-1].at_s < 70


def test_a_restart_goes_on_where_the_last_life_ended(tmp_path: Path) -> None:
    async def main() -> Estate:
        estate = Estate(activation_s=5, tells=False)
        async with running(estate, tmp_path / "reference.sqlite"):
            assert await estate.release("ECO-1", {"M-1": "B", "M-2": "B"}) == 202
            await asyncio.sleep(1)
        await asyncio.sleep(10)
        before = len(estate.seen)
        async with running(estate, tmp_path / "reference.sqlite") as middleware:
            await middleware.settled()
        assert len(estate.seen) > before
        return estate

    estate = run(main())
    assert sorted(estate.executable) == [("DE01", "M-1", "B"), ("DE01", "M-2", "B")]
    assert estate.results == [("ECO-1", "DE01", "accepted")]


def test_calls_carry_the_trace_of_their_event() -> None:
    async def main() -> Estate:
        estate = Estate()
        async with running(estate) as middleware:
            await estate.release("ECO-1", {"M-1": "B"})
            await middleware.settled()
        return estate

    traces = [seen.headers["traceparent"] for seen in run(main()).seen if "token" not in seen.path]
    assert {trace.split("-")[1] for trace in traces} == {f"{1:032x}"}
    assert len({trace.split("-")[2] for trace in traces}) == len(traces)


def test_a_dozen_changes_at_three_plants_take_seconds() -> None:
    async def main() -> float:
        estate = Estate(activation_s=0.5)
        async with running(estate) as middleware:
            for number in range(12):
                items = {f"M-{number}-{place}": "B" for place in range(3)}
                await estate.release(f"ECO-{number}", items, PLANTS)
            await middleware.settled()
            assert len(estate.executable) == 12 * 3 * 3
            return asyncio.get_running_loop().time()

    assert run(main()) < 6
