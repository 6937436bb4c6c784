"""The reference middleware and production orders: each reaches the shop floor once, in the revision of its start."""

import httpx

from tests.unit.reference_estate import Estate, Json, Seen, problem, run, running

ORDER: Json = {
    "plant": "DE01",
    "order": "PRO-1",
    "item": "M-1",
    "revision": "B",
    "quantity": 5,
    "start": "2023-11-14T22:13:20Z",
    "rule": "start-date",
}


class Shop:
    """PLM's answer to which revision is due, and a shop floor that makes what is executable."""

    def __init__(self, due: list[str], answers: list[httpx.Response | None]) -> None:
        self.due, self.answers = due, answers
        self.dispatched: list[str] = []
        self.estate = Estate(bends=[self.bend])

    def bend(self, seen: Seen) -> httpx.Response | None:
        if seen.path.endswith("/revision"):
            return httpx.Response(200, json={"revision": self.due[0] if len(self.due) == 1 else self.due.pop(0)})
        if seen.path == "/orders/PRO-1":
            return problem(404, "unknown-shop-order")
        if seen.path == "/orders":
            self.dispatched.append(seen.body["revision"])
            return (self.answers.pop(0) if self.answers else None) or httpx.Response(201, json={})
        return None

    def release(self) -> None:
        """Release the order and wait until all is done."""

        async def main() -> None:
            async with running(self.estate) as middleware:
                assert await self.estate.tell("erp.production_order.released", ORDER, source="/erp") == 202
                await middleware.settled()

        run(main())


def test_the_revision_is_asked_for_anew_after_every_attempt_that_failed() -> None:
    """Found by `explore order-dispatch`: while the key was not accepted, the item was revised."""
    shop = Shop(["B", "B", "C"], [problem(401, "unauthorized"), problem(401, "unauthorized")])
    shop.release()
    assert shop.dispatched == ["B", "B", "C"] and not shop.estate.exceptions


def test_one_that_is_refused_because_it_was_revised_meanwhile_goes_out_in_the_new_revision() -> None:
    shop = Shop(["B", "C"], [problem(422, "no-instructions")])
    shop.release()
    assert shop.dispatched == ["B", "C"] and not shop.estate.exceptions


def test_one_that_cannot_be_made_in_the_revision_that_is_due_is_told_to_the_desk() -> None:
    shop = Shop(["B"], [problem(422, "no-instructions")])
    shop.release()
    (told,) = shop.estate.exceptions
    assert shop.dispatched == ["B"] and told["subject"] == "PRO-1"
