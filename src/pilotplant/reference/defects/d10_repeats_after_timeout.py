"""Repeats a posting after a time-out without asking whether it was booked: what most hand-written loops do."""

from dataclasses import replace

import msgspec

from pilotplant.reference.calls import Call
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.works import Work

NUMBER = 10
NAME = "ambiguous time-out repeated"
CHECK = "once"
SCENARIO = "ambiguous-timeouts"


class RepeatsAfterTimeout(StockPosting):
    """Posts until it is told that it has posted."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        call = Call("POST", "/stock-documents", entry.body, traceparent=entry.traceparent)
        await self._retry.persist(lambda: erp.send(call, msgspec.Raw))


PARTS = replace(Parts(), posting=RepeatsAfterTimeout)
