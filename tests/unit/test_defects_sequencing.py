"""Defects of order: each does what it is said to do, where the reference does not."""

import asyncio
from datetime import UTC, datetime

import httpx

from pilotplant.reference.parts import Parts
from tests.unit.defect_stories import happen, told
from tests.unit.reference_estate import EPOCH, Estate, Running, Seen, problem

ACTIVATION = "erp POST /production-version-activations"
PUBLICATION = "mes PUT /work-instructions"


def moment(estate: Estate, pattern: str) -> float:
    return estate.calls(pattern)[0].at_s


def test_d01_publishes_before_the_activation_was_even_answered() -> None:
    def story(parts: Parts) -> bool:
        estate = Estate(activation_s=2.0)
        estate.bends.append(lambda seen: problem(503, "unavailable") if ACTIVATION in str(seen) and early() else None)

        def early() -> bool:
            return asyncio.get_running_loop().time() < 1.0

        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-1": "B"})

        happen(parts, what, estate=estate)
        return moment(estate, PUBLICATION) < 1.0

    assert told("d01_publishes_before_confirmation", story) == (False, True)


def test_d02_publishes_when_the_activation_was_accepted_and_not_done() -> None:
    def story(parts: Parts) -> bool:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-1": "B"})

        estate = happen(parts, what, estate=Estate(activation_s=2.0))
        return moment(estate, PUBLICATION) - moment(estate, ACTIVATION) >= 2.0

    assert told("d02_takes_202_as_done", story) == (True, False)


def test_d03_publishes_what_erp_has_refused() -> None:
    def refused_at_once(parts: Parts) -> list[tuple[str, str, str]]:
        estate = Estate(inactive={("DE01", "M-1")})
        return happen(parts, release, estate=estate).executable

    def refused_in_the_background(parts: Parts) -> list[tuple[str, str, str]]:
        estate = Estate(rejected={("DE01", "M-1")})
        return happen(parts, release, estate=estate).executable

    async def release(estate: Estate, middleware: Running) -> None:
        await estate.release("ECO-1", {"M-1": "B"})

    for story in (refused_at_once, refused_in_the_background):
        assert told("d03_goes_on_after_refusal", story) == ([], [("DE01", "M-1", "B")])


def test_d04_sends_a_structure_whose_components_the_plant_does_not_know() -> None:
    def story(parts: Parts) -> list[tuple[str, str, str]]:
        estate = Estate()
        known: set[str] = set()

        def strict(seen: Seen) -> httpx.Response | None:
            if seen.method == "PUT" and seen.path == "/items":
                known.add(seen.body["item"])
            if str(seen) == "erp GET /plants/DE01/items/B-1" and "B-1" not in known:
                return problem(422, "item-not-at-plant")
            unknown = seen.path == "/bill-of-material-releases" and "B-1" not in known
            return problem(422, "unknown-component") if unknown else None

        estate.bends.append(strict)

        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-1": "B"})

        return happen(parts, what, estate=estate).executable

    assert told("d04_parents_before_components", story) == ([("DE01", "M-1", "B")], [])


def test_d05_puts_an_older_revision_over_a_newer_one() -> None:
    def story(parts: Parts) -> list[str]:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-2", {"M-1": "C"})
            await middleware.settled()
            await estate.release("ECO-1", {"M-1": "B"})

        return [revision for _, _, revision in happen(parts, what).executable]

    assert told("d05_stale_overwrites_newer", story) == (["C"], ["C", "B"])


def test_d06_activates_two_revisions_of_an_item_at_once() -> None:
    def story(parts: Parts) -> str:
        estate = Estate()

        def late(seen: Seen) -> httpx.Response | None:
            """The routing of the older revision fails for a while, so that the newer one passes it."""
            older = seen.path == "/routings" and seen.body["revision"] == "B"
            return problem(503, "unavailable") if older and asyncio.get_running_loop().time() < 3 else None

        estate.bends.append(late)

        async def what(estate: Estate, middleware: Running) -> None:
            await estate.release("ECO-1", {"M-1": "B"})
            await asyncio.sleep(0.5)
            await estate.release("ECO-2", {"M-1": "C"})

        return happen(parts, what, estate=estate).active["DE01", "M-1"]

    assert told("d06_changes_of_one_item_at_once", story) == ("C", "B")


def test_d07_begins_before_the_date() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            at = datetime.fromtimestamp(EPOCH + 3600, UTC).isoformat()
            await estate.release("ECO-1", {"M-1": "B"}, effectivity={"kind": "date", "at": at})
            await asyncio.sleep(60)

        return len(happen(parts, what, settle=False).executable)

    assert told("d07_ignores_effectivity", story) == (0, 1)


def test_d08_carries_out_what_was_withdrawn_before_it_came() -> None:
    def story(parts: Parts) -> int:
        async def what(estate: Estate, middleware: Running) -> None:
            await estate.tell("plm.change.cancelled", {"change": "ECO-1", "reason": "no"})
            await estate.release("ECO-1", {"M-1": "B"})

        return len(happen(parts, what).executable)

    assert told("d08_resurrects_what_was_cancelled", story) == (0, 1)
