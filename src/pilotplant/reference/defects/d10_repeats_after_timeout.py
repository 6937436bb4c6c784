"""Repeats a posting after a time-out without asking whether it was booked: what most hand-written loops do."""

from dataclasses import replace

import msgspec

from pilotplant.reference.calls import Call
from pilotplant.reference.client import SystemClient
from pilotplant.reference.confirmations import Confirmation, StockPosting
from pilotplant.reference.parts import Parts

NUMBER = 10
NAME = "ambiguous time-out repeated"
CHECK = "once"
SCENARIO = "ambiguous-timeouts"


class RepeatsAfterTimeout(StockPosting):
    """Posts until it is told that it has posted."""

    async def post(self, erp: SystemClient, entry: Confirmation) -> None:
        call = Call("POST", "/stock-documents", entry.document, traceparent=entry.traceparent)
        await self._retry.persist(lambda: erp.send(call, msgspec.Raw))


PARTS = replace(Parts(), posting=RepeatsAfterTimeout)
