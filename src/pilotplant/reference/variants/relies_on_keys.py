"""Posting that relies on idempotency keys alone: right where ERP replays its answer to a key that it has seen."""

import msgspec

from pilotplant.reference.calls import Call
from pilotplant.reference.client import SystemClient
from pilotplant.reference.confirmations import Confirmation, StockPosting


class ReliesOnKeys(StockPosting):
    """Repeats without looking; the key says that it is a repetition."""

    async def post(self, erp: SystemClient, entry: Confirmation) -> None:
        """Book the document once."""

        async def attempt() -> None:
            key = self._keys.key(entry.plant, entry.confirmation, entry.refusals)
            call = Call("POST", "/stock-documents", entry.document, traceparent=entry.traceparent, idempotency_key=key)
            await erp.send(call, msgspec.Raw)

        await self._retry.persist(attempt)
