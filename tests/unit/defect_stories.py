"""Tells one story twice: with the reference as it is, and with a defect in one of its policies."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import httpx

from pilotplant.reference.defects import find
from pilotplant.reference.parts import Parts
from tests.unit.reference_estate import Bend, Estate, Json, Running, Seen, run, running

T = TypeVar("T")
POST = "erp POST /stock-documents$"
LOOK = "erp GET /stock-documents"
RESOLVED = {"flow": "production-confirmation", "plant": "DE01", "subject": "CNF-1", "resolution": "mended"}


def told(defect: str, story: Callable[[Parts], T]) -> tuple[T, T]:
    """What comes of a story with the reference, and what with the defect."""
    return story(Parts()), story(find(defect).parts)


def happen(
    parts: Parts,
    what: Callable[[Estate, Running], Awaitable[None]],
    *,
    estate: Estate | None = None,
    settle: bool = True,
    **tuning: Json,
) -> Estate:
    """Let something happen to a middleware, wait until it is through with it, and return the estate."""

    async def main() -> Estate:
        mine = estate or Estate()
        async with running(mine, parts=parts, **tuning) as middleware:
            await what(mine, middleware)
            if settle:
                await middleware.settled()
        return mine

    return run(main())


@asynccontextmanager
async def life(estate: Estate, database: sqlite3.Connection, parts: Parts) -> AsyncIterator[Running]:
    """A life of the middleware that ends as by `kill -9`: nothing that it had begun goes on."""
    before = asyncio.all_tasks()
    # The database is handed in, so it survives; what is in memory does not.
    async with running(estate, database, parts=replace(parts)) as middleware:
        yield middleware
    for task in asyncio.all_tasks() - before - estate.background:
        task.cancel()


def first(times: int, answer: httpx.Response | Exception, what: Callable[[Seen], bool]) -> Bend:
    """Spoil the first `times` requests of a kind."""
    left = [times]

    def bend(seen: Seen) -> httpx.Response | Exception | None:
        if not left[0] or not what(seen):
            return None
        left[0] -= 1
        return answer

    return bend


def posting(seen: Seen) -> bool:
    """Whether a request books stock."""
    return str(seen) == "erp POST /stock-documents"


def of_movement(movement: str) -> Callable[[Seen], bool]:
    """Whether a request books nothing but a movement of this kind."""
    return lambda seen: posting(seen) and [line["movement"] for line in seen.body["lines"]] == [movement]
