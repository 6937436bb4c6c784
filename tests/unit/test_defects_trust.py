"""Defects of trust: whom each believes, and what it tells whom, where the reference does not."""

import asyncio

import pytest

from pilotplant.reference.defects import defects
from pilotplant.reference.parts import Parts
from tests.unit.defect_stories import first, happen, posting, told
from tests.unit.reference_estate import EPOCH, Estate, Json, Running, problem, sign

FORGED = b"""{"id": "1", "source": "/plm", "type": "plm.change.cancelled", "data": {"change": "ECO-1"}}"""


async def complete(estate: Estate, middleware: Running) -> None:
    await estate.complete("CNF-1")


def refused(parts: Parts) -> Estate:
    """A posting is refused for good."""
    estate = Estate()
    estate.bends.append(first(1, problem(422, "period-closed"), posting))
    return happen(parts, complete, estate=estate)


def delivered(parts: Parts, signature: str) -> int:
    """What is answered to an event with this signature."""
    statuses: list[int] = []

    async def what(estate: Estate, middleware: Running) -> None:
        statuses.append(await middleware.deliver(FORGED, signature))

    happen(parts, what)
    return statuses[0]


def test_d54_believes_any_signature_but_none_that_is_missing_or_old() -> None:
    def with_signature(signature: str) -> tuple[int, int]:
        return told("d54_accepts_forged_events", lambda parts: delivered(parts, signature))

    assert with_signature(sign(FORGED, EPOCH, "guess")) == (401, 202)
    assert with_signature("") == (401, 401)
    assert with_signature(sign(FORGED, EPOCH - 600)) == (401, 401)


def test_d55_believes_a_signature_of_any_age_but_not_a_wrong_one() -> None:
    def with_signature(signature: str) -> tuple[int, int]:
        return told("d55_accepts_old_signatures", lambda parts: delivered(parts, signature))

    assert with_signature(sign(FORGED, EPOCH - 600)) == (401, 202)
    assert with_signature(sign(FORGED, EPOCH, "guess")) == (401, 401)


def test_d56_sends_its_token_to_the_desk() -> None:
    def story(parts: Parts) -> bool:
        estate = refused(parts)
        return any(token in str(raised) for raised in estate.exceptions for token in estate.tokens)

    assert told("d56_tells_secrets", story) == (False, True)


def test_d57_books_without_saying_what_it_belongs_to() -> None:
    def story(parts: Parts) -> tuple[bool, bool]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.complete("CNF-1")
            await estate.release("ECO-1", {"M-1": "B"})

        estate = happen(parts, what)
        traces = [estate.calls(call)[0].headers["traceparent"] for call in ("erp POST /stock", "mes PUT")]
        return f"{1:032x}" in traces[0], f"{2:032x}" in traces[1]

    assert told("d57_loses_the_trace", story) == ((True, True), (False, True))


def test_d58_tells_nobody_that_it_has_given_up() -> None:
    assert told("d58_raises_no_exception", lambda parts: len(refused(parts).exceptions)) == (1, 0)


def test_d59_raises_an_exception_that_says_nothing() -> None:
    def story(parts: Parts) -> Json:
        (raised,) = refused(parts).exceptions
        return raised["flow"], raised["plant"], raised["subject"] == "CNF-1", raised["reason"]

    assert told("d59_exception_without_instance", story) == (
        ("production-confirmation", "DE01", True, "period-closed"),
        ("interface", "", False, "interface-error"),
    )


WRONG_BY_NATURE = {1, 2, 7, 28, 43, 44, 45, 46, 47, 49}
"""Those that are wrong as soon as there is anything to do; timing and content are tested above."""


@pytest.mark.parametrize("name", [name for name, defect in defects().items() if defect.number not in WRONG_BY_NATURE])
def test_when_nothing_goes_wrong_a_defect_does_what_the_reference_does(name: str) -> None:
    def story(parts: Parts) -> Json:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-1": "B", "M-2": "B"}, ("DE01", "US01"))
            await asyncio.sleep(5)
            for number in range(3):
                await estate.complete(f"CNF-{number}", item=f"M-{number}")
            await estate.release("ECO-2", {"M-1": "C"}, ("DE01",))
            await estate.tell("erp.stock.posted", {"plant": "DE01"})
            await asyncio.sleep(5)

        estate = happen(parts, what, estate=Estate(replays=True))
        lines = sorted(
            (document["source_document"], line["movement"], line["item"], line["quantity"])
            for document in estate.standing()
            for line in document["lines"]
        )
        return sorted(estate.executable), sorted(estate.results), estate.active, lines, estate.exceptions

    reference, defect = told(name, story)
    assert defect == reference
    assert len(reference[3]) == 9
