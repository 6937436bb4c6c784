"""Posting that relies on idempotency keys alone: right where ERP replays its answer to a key that it has seen."""

import msgspec

from pilotplant.reference.calls import Call
from pilotplant.reference.client import SystemClient
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.works import Work


class ReliesOnKeys(StockPosting):
    """Repeats without looking; the key says that it is a repetition."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        """Book the document once."""

        async def attempt() -> None:
            key = self._keys.key(entry.plant, entry.key, entry.refusals)
            call = Call("POST", "/stock-documents", entry.body, traceparent=entry.traceparent, idempotency_key=key)
            await erp.send(call, msgspec.Raw)

        await self._retry.persist(attempt)
