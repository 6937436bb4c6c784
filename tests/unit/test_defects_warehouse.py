"""Defects of flows with warehouses, each beside the reference."""

from pilotplant.reference.parts import Parts
from tests.unit.defect_stories import happen, told
from tests.unit.reference_estate import Estate, Json, Running
from tests.unit.test_reference_warehouse import QUARANTINE, WMS


def counted(parts: Parts, *, times: int = 1) -> list[tuple[str, float, str]]:
    """What is booked of a count that found two boxes less than was known."""

    async def what(estate: Estate, middleware: Running) -> None:
        for _ in range(times):
            await estate.count("CNT-1", -2, number="event-7")

    return booked(happen(parts, what, wms=WMS))


def moved(parts: Parts, **more: Json) -> list[tuple[str, float, str]]:
    """What is booked of a movement."""

    async def what(estate: Estate, middleware: Running) -> None:
        await estate.move("MOV-1", **more)

    return booked(happen(parts, what, wms=WMS))


def booked(estate: Estate) -> list[tuple[str, float, str]]:
    """Movement, quantity and unit of each line of each document."""
    lines = (line for _, document in estate.documents for line in document["lines"])
    return [(line["movement"], line["quantity"], line["unit"]) for line in lines]


def test_d09_books_a_count_for_each_delivery() -> None:
    once = told("d09_books_counts_twice", counted)
    assert once[0] == once[1] == [("shortage", 2.0, "BX")]
    reference, defect = told("d09_books_counts_twice", lambda parts: counted(parts, times=2))
    assert reference == once[0]
    assert defect == once[0] * 2
    assert moved(Parts()) == told("d09_books_counts_twice", moved)[1], "movements are as they should be"


def test_d21_leaves_superseded_stock_alone() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {}, affected=[{"item": "M-1", "to_revision": "B", **QUARANTINE}])

        return len(happen(parts, what, wms=WMS).dispositions)

    assert told("d21_knows_no_dispositions", story) == (2, 0)


def test_d28_books_what_only_changes_its_bin() -> None:
    inside = {"kind": "internal", "to_status": "unrestricted"}
    reference, defect = told("d28_books_internal_moves", lambda parts: moved(parts, **inside))
    assert reference == []
    assert defect == [("issue", 3.0, "BX"), ("receipt", 3.0, "BX")]
    both = told("d28_books_internal_moves", moved)
    assert both[0] == both[1]


def test_d43_turns_the_sign_of_a_count_round() -> None:
    reference, defect = told("d43_counts_the_other_way_round", counted)
    assert reference == [("shortage", 2.0, "BX")]
    assert defect == [("surplus", 2.0, "BX")]


def test_d43_calls_boxes_pieces() -> None:
    assert told("d43_moves_in_engineering_units", moved) == (
        [("transfer", 3.0, "BX")],
        [("transfer", 3.0, "EA")],
    )
    pieces = told("d43_moves_in_engineering_units", lambda parts: moved(parts, unit="EA"))
    assert pieces[0] == pieces[1]
