"""Looking for changes page by page, and what goes wrong with it: each defect beside the reference."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from pilotplant.reference.calls import Call, CallFailed, NotNow
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.defects import find
from pilotplant.reference.looking import ChangeLookout
from pilotplant.reference.messages import ChangePage, CloudEvent, FoundChange
from pilotplant.reference.parts import Parts
from pilotplant.reference.store import Store

T = TypeVar("T")


def change(number: int, status: str = "released") -> FoundChange:
    """A change in the list."""
    return FoundChange(f"ECO-{number}", "normal", status, "immediate", "2026-03-02T06:00:00Z", ())


class FakePlm(SystemClient):
    """Answers each look with the pages that stand there for it; an exception in place of a page is raised once."""

    def __init__(self, *looks: list[ChangePage | CallFailed]) -> None:
        self._looks = list(looks)
        self._page = 0
        self.asked: list[dict[str, str]] = []

    async def send(self, call: Call, returns: type[T]) -> T:
        self.asked.append(dict(call.query))
        self._page = self._page + 1 if call.query.get("cursor") else 0
        pages = self._looks[0]
        answer = pages[self._page]
        if isinstance(answer, CallFailed):
            pages[self._page] = ChangePage((), "")
            self._looks.pop(0)
            raise answer
        if not answer.next:
            self._looks.pop(0)
        return msgspec.convert(msgspec.to_builtins(answer), returns)


async def watched(parts: Parts, plm: FakePlm, folder: Path, looks: int) -> tuple[list[str], ChangeLookout]:
    """What was taken after so many looks."""
    taken: list[str] = []

    async def take(body: bytes) -> None:
        taken.append(msgspec.json.decode(body, type=CloudEvent).id)

    store = Store(folder / "looks.sqlite")
    lookout = parts.lookout(plm, store, take, SystemClock(), every_s=1.0, back_s=5.0)
    for _ in range(looks):
        with contextlib.suppress(CallFailed):
            await lookout.look()
    return taken, lookout


def both(defect: str, story: Callable[[Parts, Path], Coroutine[Any, Any, Any]], folder: Path) -> tuple[Any, Any]:
    """A story as the reference tells it, and with the defect."""
    told: list[Any] = []
    for name, parts in (("right", Parts()), ("wrong", find(defect).parts)):
        (folder / name).mkdir()
        told.append(asyncio.run(story(parts, folder / name)))
    return told[0], told[1]


def test_d22_takes_a_short_page_for_the_last(tmp_path: Path) -> None:
    async def story(parts: Parts, folder: Path) -> list[str]:
        plm = FakePlm([ChangePage((change(1),), "more", "t1"), ChangePage((change(2),), "", "t2")])
        return (await watched(parts, plm, folder, 1))[0]

    assert both("d22_skips_pages", story, tmp_path) == (["ECO-1/released", "ECO-2/released"], ["ECO-1/released"])


def test_d23_moves_on_past_a_page_that_failed(tmp_path: Path) -> None:
    async def story(parts: Parts, folder: Path) -> str:
        plm = FakePlm([ChangePage((change(1),), "more", "t1"), NotNow("unavailable")], [ChangePage((), "", "t9")])
        return (await watched(parts, plm, folder, 1))[1].since()

    assert both("d23_cursor_past_a_failure", story, tmp_path) == ("", "t1")


def test_d29_does_not_look_back(tmp_path: Path) -> None:
    async def story(parts: Parts, folder: Path) -> str:
        plm = FakePlm([ChangePage((change(1),), "", "2026-03-02T06:00:07.000Z")])
        return (await watched(parts, plm, folder, 1))[1].since()

    right, wrong = both("d29_lost_at_the_poll_boundary", story, tmp_path)
    assert (right, wrong) == ("2026-03-02T06:00:02Z", "2026-03-02T06:00:07.000Z")


def test_the_first_page_says_where_to_go_on_and_a_token_is_given_back_as_it_is(tmp_path: Path) -> None:
    plm = FakePlm(
        [ChangePage((change(1, "draft"),), "more", "token-1"), ChangePage((change(2, "cancelled"),), "", "token-2")]
    )
    taken, lookout = asyncio.run(watched(Parts(), plm, tmp_path, 1))
    assert taken == ["ECO-2/cancelled"]
    assert lookout.since() == "token-1"
    assert plm.asked[1]["cursor"] == "more"


@pytest.mark.parametrize("defect", ["d22_skips_pages", "d23_cursor_past_a_failure", "d29_lost_at_the_poll_boundary"])
def test_they_belong_to_completeness(defect: str) -> None:
    assert (find(defect).check, find(defect).scenario) == ("completeness", "polled-changes")
