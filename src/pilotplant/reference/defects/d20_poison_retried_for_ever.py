"""Puts back whatever failed, refused or unreadable, for another try: nothing may be lost, so nothing is set aside."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from starlette.exceptions import HTTPException

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.inbox import Inbox, Unreadable
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy

NUMBER = 20
NAME = "poison retried for ever"
CHECK = "manners"
SCENARIO = "erp-rejects"

T = TypeVar("T")


class NeverSetsAside(Inbox):
    """Has the sender send it again."""

    def _set_aside(
        self, unreadable: Unreadable, body: bytes, received_at: float, set_aside: Callable[[Unreadable], None]
    ) -> bool:
        raise HTTPException(500, unreadable.error)


class NeverGivesUp(RetryPolicy):
    """Tries until it works."""

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        attempts = 0
        while True:
            attempts += 1
            try:
                return await attempt()
            except CallFailed as failed:
                await self._clock.sleep(self.delay_s(attempts, failed))


PARTS = replace(Parts(), inbox=NeverSetsAside, retry=NeverGivesUp)
