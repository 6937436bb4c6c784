"""Defects of content: what each sends in another form than the reference."""

from pilotplant.reference.parts import Parts
from tests.unit.defect_stories import happen, told
from tests.unit.reference_estate import Estate, Json, Running


def booked(parts: Parts, plant: str = "DE01", **more: Json) -> Json:
    """The lines of the document that a confirmation becomes: movement, quantity, unit and lot."""

    async def what(estate: Estate, middleware: Running) -> None:
        await estate.complete("CNF-1", plant, scrap=0, **more)

    documents = happen(parts, what).documents
    return [
        (line["movement"], line["quantity"], line["unit"], line["lot"])
        for _, document in documents
        for line in document["lines"]
    ]


def test_d43_makes_tonnes_of_kilograms_and_leaves_pieces_alone() -> None:
    reference, defect = told("d43_wrong_unit", booked)
    assert reference == [("receipt", 10, "EA", "L-1"), ("issue", 22.5, "kg", "L-7")]
    assert defect == [("receipt", 10, "EA", "L-1"), ("issue", 22500, "kg", "L-7")]


def test_d44_loses_the_decimal_point_in_germany_only() -> None:
    reference, defect = told("d44_decimal_comma", booked)
    assert [line[1] for line in reference] == [10, 22.5]
    assert [line[1] for line in defect] == [10, 225]
    abroad = told("d44_decimal_comma", lambda parts: booked(parts, "US01"))
    assert abroad[0] == abroad[1]


def test_d45_books_on_the_day_before_where_the_sun_rises_earlier() -> None:
    def story(parts: Parts) -> list[str]:
        async def what(estate: Estate, middleware: Running) -> None:
            for plant in ("CN01", "DE01", "US01"):
                await estate.complete("CNF-1", plant)

        documents = sorted(happen(parts, what).documents, key=lambda document: str(document[1]["plant"]))
        return [document["posting_date"] for _, document in documents]

    assert told("d45_dates_become_moments", story) == (["2026-01-02"] * 3, ["2026-01-01", "2026-01-01", "2026-01-02"])


def test_d46_cuts_lots_so_that_two_become_one() -> None:
    def story(parts: Parts) -> list[str]:
        used = [
            {"item": "B-1", "lot": f"DE01-LOT-000{number}", "quantity": 1.0, "unit": "EA"} for number in range(10, 12)
        ]
        return [line[3] for line in booked(parts, consumption=used) if line[0] == "issue"]

    reference, defect = told("d46_cuts_texts", story)
    assert reference == ["DE01-LOT-00010", "DE01-LOT-00011"]
    assert defect == ["DE01-LOT-0"] * 2


def test_d46_cuts_descriptions_and_loses_their_letters() -> None:
    def story(parts: Parts) -> str:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-ü" + "x" * 50: "B"})

        return str(happen(parts, what).calls("erp PUT /items")[0].body["description"])

    reference, defect = told("d46_cuts_texts", story)
    assert reference == "Thing M-ü" + "x" * 50
    assert defect == "Thing M-?" + "x" * 31


def test_d47_books_to_a_lot_called_none() -> None:
    def story(parts: Parts) -> list[str]:
        return [line[3] for line in booked(parts, lot="")]

    assert told("d47_null_becomes_text", story) == (["", "L-7"], ["None", "L-7"])


def test_d48_cannot_read_an_event_that_says_more() -> None:
    def story(parts: Parts) -> tuple[int, int]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1")
            await estate.complete("CNF-2", shift="early")

        estate = happen(parts, what)
        return len(estate.documents), len(estate.exceptions)

    assert told("d48_refuses_new_fields", story) == ((2, 0), (1, 1))
