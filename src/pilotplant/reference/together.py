"""Several things at once, all of them to their end, and then the failure that matters most."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from pilotplant.reference.calls import CallFailed, GaveUp, Refusal

T = TypeVar("T")


class Stopped(Exception):
    """The work is not wanted any more: its change was cancelled, or another item of its scope was refused."""


async def together(*work: Awaitable[T]) -> list[T]:
    """Wait for all. None is cut short when another fails: a call that is broken off leaves nobody any wiser."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failures:
        raise min(failures, key=_weight)
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


def _weight(failure: BaseException) -> int:
    """What nobody expected comes first; a refusal says more than having given up, and that more than a stop."""
    known = (Refusal, GaveUp, CallFailed, Stopped)
    return next((rank for rank, kind in enumerate(known, start=1) if isinstance(failure, kind)), 0)
