"""Notes an event in one transaction and its work in the next, since they belong to two services: a crash parts them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec

from pilotplant.reference.inbox import Apply, Inbox, Unreadable
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.parts import Parts

NUMBER = 18
NAME = "dual write half done"
CHECK = "recovery"
SCENARIO = "middleware-crash"
LIVE = True

BETWEEN_S = 0.02
"""What it takes to reach the other service."""


class TwoTransactions(Inbox):
    """First "seen", then "to do"."""

    async def take(
        self,
        body: bytes,
        *,
        received_at: float,
        apply: dict[str, Apply],
        ignored: frozenset[str],
        set_aside: Callable[[Unreadable], None],
    ) -> bool:
        handed_on: list[Callable[[], None]] = []

        def later(handler: Apply) -> Apply:
            return lambda event: handed_on.append(lambda: handler(event))

        seen = {kind: later(handler) for kind, handler in apply.items()}
        new = self.accept(body, received_at=received_at, apply=seen, ignored=ignored, set_aside=set_aside)
        if handed_on:
            await asyncio.sleep(BETWEEN_S)
            self._carry_on(handed_on[0], body, set_aside)
        return new

    def _carry_on(self, work: Callable[[], None], body: bytes, set_aside: Callable[[Unreadable], None]) -> None:
        try:
            work()
        except (msgspec.DecodeError, ValueError) as error:
            event = msgspec.json.decode(body, type=CloudEvent)
            set_aside(Unreadable(event.source, event.id, event.type, event.subject, str(error)))


PARTS = replace(Parts(), inbox=TwoTransactions)
