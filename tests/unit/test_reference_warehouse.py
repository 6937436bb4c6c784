"""The reference middleware and warehouses: what is booked of movements and counts, and when stock is set aside."""

import asyncio
from datetime import UTC, datetime

import httpx

from pilotplant.reference.settings import SystemAccess
from tests.unit.reference_estate import EPOCH, PLANTS, Estate, Json, problem, run, running

WMS = {plant: SystemAccess(f"http://estate/wms/{plant}", api_key="key") for plant in PLANTS}
QUARANTINE = {"from_revision": "A", "plants": ["DE01", "US01"], "disposition": "quarantine"}


def told(estate: Estate, *events: tuple[str, Json], wms: Json = WMS) -> Estate:
    """Let things happen and wait until all is done: (method of the estate, its arguments)."""

    async def main() -> None:
        async with running(estate, wms=wms) as middleware:
            for name, arguments in events:
                assert await getattr(estate, name)(**arguments) == 202
            await middleware.settled()

    run(main())
    return estate


def lines(estate: Estate) -> list[Json]:
    """The lines of all documents, with their source."""
    return [(document["source_document"], *document["lines"]) for _, document in estate.documents]


def test_a_transfer_is_booked_with_where_from_and_where_to() -> None:
    ((source, line),) = lines(told(Estate(), ("move", {"movement": "MOV-1"})))
    assert source == "MOV-1"
    assert line == {
        "movement": "transfer",
        "item": "B-1",
        "quantity": 3.0,
        "unit": "BX",
        "lot": "L-7",
        "status": "unrestricted",
        "to_status": "quality",
    }


def test_what_only_changes_its_bin_is_not_booked() -> None:
    internal = {"kind": "internal", "to_status": "unrestricted"}
    assert not told(Estate(), ("move", {"movement": "MOV-1", **internal})).documents


def test_counts_are_booked_with_their_sign_as_a_movement() -> None:
    counts = [("count", {"count": f"CNT-{n}", "difference": by}) for n, by in enumerate((2.5, -4, 0))]
    booked = [(source, line["movement"], line["quantity"]) for source, line in lines(told(Estate(), *counts))]
    assert sorted(booked) == [("CNT-0", "surplus", 2.5), ("CNT-1", "shortage", 4.0)]


def test_a_movement_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    estate = Estate(read_lag_s=0.5)
    left = [1]

    def lost(seen: object) -> httpx.Response | Exception | None:
        if str(seen) == "erp POST /stock-documents" and left[0]:
            left[0] = 0
            return httpx.ReadTimeout("slow")
        return None

    estate.losses.append(lost)
    told(estate, ("move", {"movement": "MOV-1"}), ("move", {"movement": "MOV-1"}))
    assert len(estate.documents) == 1
    assert estate.calls("erp GET /stock-documents")


def test_equal_numbers_of_a_movement_at_two_plants_are_two_facts() -> None:
    both = [("move", {"movement": "MOV-1", "plant": plant}) for plant in ("DE01", "US01")]
    assert len(told(Estate(), *both).documents) == 2


def test_without_a_warehouse_nothing_is_taken_and_nothing_is_set_aside() -> None:
    change = {"change": "ECO-1", "items": {}, "affected": [{"item": "M-1", "to_revision": "B", **QUARANTINE}]}
    estate = told(Estate(), ("move", {"movement": "MOV-1"}), ("release", change), wms={})
    assert not estate.documents
    assert not estate.dispositions
    assert estate.executable


def test_superseded_stock_is_set_aside_at_once_where_the_change_says_so() -> None:
    affected = [
        {"item": "M-1", "to_revision": "B", **QUARANTINE},
        {"item": "M-2", "to_revision": "C", **QUARANTINE, "disposition": "use-up"},
        {"item": "M-3", "to_revision": "B", **QUARANTINE, "disposition": "rework"},
    ]
    estate = told(Estate(activation_s=5.0), ("release", {"change": "ECO-1", "items": {}, "affected": affected}))
    assert sorted(rule for _, rule in estate.dispositions) == [
        ("DE01", "M-1", "B", "quarantine"),
        ("DE01", "M-3", "B", "rework"),
        ("US01", "M-1", "B", "quarantine"),
        ("US01", "M-3", "B", "rework"),
    ]
    assert max(at_s for at_s, _ in estate.dispositions) < 1, "ERP need not know more first"


def test_stock_is_not_set_aside_before_the_change_takes_effect() -> None:
    async def main() -> Estate:
        estate = Estate()
        moment = datetime.fromtimestamp(EPOCH + 100, UTC).isoformat()
        async with running(estate, wms=WMS):
            affected = [{"item": "M-1", "to_revision": "B", **QUARANTINE, "plants": ["DE01"]}]
            await estate.release("ECO-1", {}, affected=affected, effectivity={"kind": "date", "at": moment})
            affected = [{"item": "M-2", "to_revision": "B", **QUARANTINE, "plants": ["DE01"]}]
            await estate.release("ECO-2", {}, affected=affected, effectivity={"kind": "date", "at": moment})
            await estate.tell("plm.change.cancelled", {"change": "ECO-2", "reason": ""})
            while not estate.dispositions:
                await asyncio.sleep(1)
        return estate

    ((at_s, rule),) = run(main()).dispositions
    assert rule[1] == "M-1", "what was cancelled meanwhile is left alone"
    assert 100 <= at_s < 101


def test_a_change_that_was_cancelled_before_its_release_arrives_sets_nothing_aside() -> None:
    cancelled = {"kind": "plm.change.cancelled", "data": {"change": "ECO-1", "reason": ""}}
    released = {"change": "ECO-1", "items": {}, "affected": [{"item": "M-1", "to_revision": "B", **QUARANTINE}]}
    assert not told(Estate(), ("tell", cancelled), ("release", released)).dispositions


def test_a_newer_rule_that_stands_is_left_and_any_other_refusal_goes_to_the_desk() -> None:
    released = {"change": "ECO-1", "items": {}, "affected": [{"item": "M-1", "to_revision": "B", **QUARANTINE}]}
    for code, exceptions in (("newer-rule-stands", 0), ("disposition-conflict", 2)):
        estate = Estate()
        estate.bends.append(
            lambda seen, code=code: problem(422, code) if seen.system == "wms" else None  # type: ignore[misc]
        )
        told(estate, ("release", released))
        assert len([r for r in estate.exceptions if r["reason"] == code]) == exceptions
        assert all(raised["flow"] == "engineering-change" for raised in estate.exceptions)
