"""Requests that change one document are carried out in the order in which they arrived."""

import asyncio
from pathlib import Path

import httpx
import pytest

from pilotplant.exchange.turns import Turns
from pilotplant.ledger.records import Commit
from tests.estates import dataset, made_item
from tests.unit.test_faults import fault
from tests.virtual import Virtual, virtually


def test_a_turn_comes_when_those_before_it_have_left() -> None:
    turns = Turns()
    woken: list[str] = []
    first, second, third = turns.take(("A", "B")), turns.take(("B",)), turns.take(("A", "B"))
    second.wake, third.wake = lambda: woken.append("second"), lambda: woken.append("third")
    assert (first.come, second.come, third.come) == (True, False, False)
    first.leave()
    assert woken == ["second"]
    second.leave()
    assert woken == ["second", "third"] and third.come
    third.leave()
    assert turns.queues == {}


def test_one_that_goes_without_its_turn_blocks_nobody() -> None:
    turns = Turns()
    first, second, third = (turns.take(("A",)) for _ in range(3))
    second.leave()
    first.leave()
    assert third.come


def instructions(revision: str) -> dict[str, object]:
    centre = next(code for plant, code in dataset().work_centres if plant == "DE01")
    step = {"number": 10, "work_centre": centre, "setup_s": 60.0, "cycle_s": 5.0, "text": "Assemble"}
    return {"plant": "DE01", "item": made_item().number, "revision": revision, "steps": [step]}


def test_what_came_late_and_was_given_up_does_not_undo_what_came_after_it(tmp_path: Path) -> None:
    """A client that times out on D and sends E afterwards must find E, not D, in the end."""

    async def story(estate: Virtual) -> None:
        async with estate.client(timeout=1) as client:
            url = "/mes/DE01/work-instructions"
            with pytest.raises(httpx.ReadTimeout):
                await client.put(url, json=instructions("D"))
            answer = await client.put(url, json=instructions("E"), timeout=60)
            assert answer.status_code < 300, answer.text
            await asyncio.sleep(30)
        versions = [commit.version for commit in estate.records(Commit)]
        assert versions == sorted(versions) and len(versions) == 2

    virtually(tmp_path, story, faults=[fault("latency", delay_s=10, max_count=1)])
