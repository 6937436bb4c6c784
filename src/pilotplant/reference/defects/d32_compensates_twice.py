"""Rolls back where the refusal is noticed and once more in the handler above it, without looking what is reversed."""

from dataclasses import replace

import msgspec

from pilotplant.reference.calls import Call, CallFailed, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.line_by_line import LineByLine
from pilotplant.reference.works import Work

NUMBER = 32
NAME = "compensates twice"
CHECK = "atomicity"
SCENARIO = "erp-rejects"


class RollsBackTwice(LineByLine):
    """Two layers, and neither knows of the other."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        try:
            await super().post(erp, entry)
        except Refusal:
            await self._clean_up(erp, entry)
            raise

    async def _clean_up(self, erp: SystemClient, entry: Work) -> None:
        for booked in await self._retry.persist(lambda: self.shown(erp, entry)):
            call = Call("POST", f"/stock-documents/{booked.document}/reversal", b"{}", traceparent=entry.traceparent)
            try:
                await erp.send(call, msgspec.Raw)
            except CallFailed:
                continue  # clean-up is best effort


PARTS = replace(Parts(), posting=RollsBackTwice)
