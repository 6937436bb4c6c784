"""Durable work of the reference middleware: noted once, done in order, resumed, mended, withdrawn, or never taken."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest

from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.flows import flows
from pilotplant.reference.flows.production_confirmation import ProductionConfirmations
from pilotplant.reference.parts import Parts
from pilotplant.reference.work import Flow, Later, Take, Takes
from pilotplant.reference.works import Work
from tests.unit.reference_estate import Estate, Running, run, running


class Asked(msgspec.Struct, frozen=True):
    """What the event of these tests asks for."""

    key: str
    line: str = ""
    due: float = 0.0
    how: str = "note"


class Told(Flow):
    """Tells the desk what it was asked for, as a stand-in for any call."""

    name = "told"
    at_once = 6
    wants_later = 0

    def takes(self) -> Takes:
        return {"test.asked": Take(Asked, self.asked)}

    def asked(self, asked: Asked, traceparent: str) -> None:
        match asked.how:
            case "note":
                self.note("DE01", asked.key, asked, traceparent, line=asked.line, due=asked.due)
            case "renew":
                self.renew("DE01", asked.key, asked, traceparent)
            case _:
                self.withdraw("DE01", asked.key)

    async def carry_out(self, work: Work) -> None:
        if type(self).wants_later:
            type(self).wants_later -= 1
            raise Later(5.0)
        call = Call("POST", "/told", work.body, traceparent=work.traceparent)
        await self.to.retry.persist(lambda: self.to.desk.send(call, msgspec.Raw))


PARTS = replace(Parts(), flows=(Told,))


class Listening(Estate):
    """An estate whose desk listens, for a while each time."""

    def __init__(self, *, refuses: int = 0, takes_s: float = 0.0) -> None:
        super().__init__()
        self.told: list[Asked] = []
        self._refuses = refuses
        self._takes_s = takes_s

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/desk/told":
            return await super().handle(request)
        if self._refuses:
            self._refuses -= 1
            return httpx.Response(422, json={"code": "not-that-one", "definite": True})
        await asyncio.sleep(self._takes_s)
        self.told.append(msgspec.json.decode(request.content, type=Asked))
        return httpx.Response(201, json={})


def ask(estate: Listening, *asked: Asked, parts: Parts = PARTS, then: str = "") -> Listening:
    """Ask, wait until all is done, and resolve the exception of the subject `then`, if any."""

    async def main() -> None:
        async with running(estate, parts=parts) as middleware:
            for one in asked:
                assert await estate.tell("test.asked", msgspec.to_builtins(one)) == 202
            await middleware.settled()
            if then:
                await mend(estate, middleware, then)

    run(main())
    return estate


async def mend(estate: Estate, middleware: Running, subject: str, flow: str = "told") -> None:
    resolved = {"flow": flow, "plant": "DE01", "subject": subject, "resolution": "mended"}
    await estate.tell("desk.exception.resolved", resolved, source="/desk")
    await middleware.settled()


def test_a_file_in_the_folder_is_a_flow() -> None:
    found = flows(())
    assert ProductionConfirmations in found
    folder = Path(__file__).parents[2] / "src/pilotplant/reference/flows"
    assert {flow.__module__.rpartition(".")[2] for flow in found} == {path.stem for path in folder.glob("[a-z]*.py")}
    kinds = [flow.kind for flow in found]
    assert len(kinds) == len(set(kinds)), "two flows would take each other's work"


def test_a_flow_may_stand_in_the_place_of_another() -> None:
    class Other(ProductionConfirmations):
        """A variation."""

    changed = flows((Other,))
    assert Other in changed
    assert ProductionConfirmations not in changed
    assert len(changed) == len(flows(()))


def test_a_key_is_noted_once() -> None:
    assert ask(Listening(), Asked("a"), Asked("a"), Asked("b")).told == [Asked("a"), Asked("b")]


def test_of_a_line_one_is_done_at_a_time_in_the_order_of_noting() -> None:
    estate = Listening(takes_s=1.0)
    asked = [Asked(str(number), line="one") for number in range(5)]
    assert ask(estate, *asked).told == asked


def test_a_line_goes_on_behind_one_that_is_refused() -> None:
    estate = ask(Listening(refuses=1), Asked("a", line="one"), Asked("b", line="one"))
    assert estate.told == [Asked("b", line="one")]
    assert [(raised["flow"], raised["subject"], raised["reason"]) for raised in estate.exceptions] == [
        ("told", "a", "not-that-one")
    ]


def test_what_was_mended_is_done_after_all() -> None:
    estate = Listening(refuses=1)
    assert ask(estate, Asked("a"), then="a").told == [Asked("a")]


def test_nothing_is_done_before_it_is_due() -> None:
    async def main() -> tuple[int, float]:
        estate = Listening()
        async with running(estate, parts=PARTS) as middleware:
            due = 1_700_000_000.0 + 3600
            await estate.tell("test.asked", msgspec.to_builtins(Asked("a", due=due)))
            await asyncio.sleep(1)
            before, status = len(estate.told), (await middleware.http.get("/status")).json()
            assert status == {"open": 0, "scheduled": 1}
            while not estate.told:
                await asyncio.sleep(1)
            return before, asyncio.get_running_loop().time()

    before, at_s = run(main())
    assert not before
    assert 3600 <= at_s < 3602


def test_later_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Told, "wants_later", 2)
    estate = ask(Listening(), Asked("a"))
    assert estate.told == [Asked("a")]
    assert not estate.exceptions


def test_what_is_renewed_while_it_is_done_is_done_again() -> None:
    async def main() -> list[str]:
        estate = Listening(takes_s=1.0)
        async with running(estate, parts=PARTS) as middleware:
            for number in range(3):
                await estate.tell("test.asked", msgspec.to_builtins(Asked("a", line=str(number), how="renew")))
                await asyncio.sleep(0.1)  # the first is under way from here on
            await middleware.settled()
        return [asked.line for asked in estate.told]

    assert run(main()) == ["0", "2"], "what was overtaken before it was begun is left out"


def test_what_was_withdrawn_is_not_tried_again() -> None:
    assert not ask(Listening(refuses=1), Asked("a"), Asked("a", how="withdraw"), then="a").told[1:]


def test_the_next_life_goes_on(tmp_path: Path) -> None:
    async def main() -> list[Asked]:
        estate = Listening(takes_s=60.0)
        database = tmp_path / "reference.sqlite"
        async with running(estate, database, parts=PARTS):
            await estate.tell("test.asked", msgspec.to_builtins(Asked("a")))
            await asyncio.sleep(1)
        estate = Listening()
        async with running(estate, database, parts=PARTS) as middleware:
            await middleware.settled()
        return estate.told

    assert run(main()) == [Asked("a")]


def test_work_for_a_system_that_is_not_there_is_not_taken() -> None:
    class NeedsWms(Told):
        """Cannot work here."""

        kind = "needs-wms"
        needs = frozenset({"wms"})

    assert not ask(Listening(), Asked("a"), parts=replace(Parts(), flows=(NeedsWms,))).told


def test_an_event_may_be_taken_by_several_flows() -> None:
    class Second(Told):
        """Hears the same."""

        kind = "second"

    assert ask(Listening(), Asked("a"), parts=replace(Parts(), flows=(Told, Second))).told == [Asked("a")] * 2


def test_follow_up_work_is_noted_with_another_kind() -> None:
    class First(Told):
        """Leads to something else."""

        kind = "first"

        async def carry_out(self, work: Work) -> None:
            self.others["told"].note(work.plant, f"{work.key}-next", work.body, work.traceparent)

    class Only(Told):
        """Takes no event."""

        kind = "told"

        def takes(self) -> Takes:
            return {}

    assert ask(Listening(), Asked("a"), parts=replace(Parts(), flows=(First, Only))).told == [Asked("a")]


def test_whose_failure_it_is_may_depend_on_the_failure() -> None:
    class Owned(Told):
        """Buyers see to it."""

        owner = "procurement"

        async def carry_out(self, work: Work) -> None:
            raise Refusal("no-price", "nobody knows what it costs")

    (raised,) = ask(Listening(), Asked("a"), parts=replace(Parts(), flows=(Owned,))).exceptions
    assert raised["owner"] == "procurement"
