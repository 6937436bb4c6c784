"""Doing once what a system does anew each time it is asked: whoever is unsure looks before asking again."""

from collections.abc import Awaitable, Callable

import msgspec

from pilotplant.reference.calls import Call, NotNow, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.messages import StockDocuments
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.works import Work


class StockPosting:
    """Posts a stock document. Posting is not idempotent."""

    def __init__(self, retry: RetryPolicy, keys: IdempotencyKeys, clock: Clock, *, read_lag_s: float) -> None:
        self._retry = retry
        self._keys = keys
        self._clock = clock
        self._read_lag_s = read_lag_s

    async def post(self, erp: SystemClient, entry: Work) -> None:
        """Book the document once. The key of the work is the document's source."""
        await self.once(erp, entry, "/stock-documents", lambda: self._booked(erp, entry))

    async def once(self, client: SystemClient, entry: Work, path: str, found: Callable[[], Awaitable[bool]]) -> None:
        """Post the work's bytes once. `found` looks whether it was done; the system may hide that for a read lag."""
        unsure_since = self._clock.monotonic() if entry.attempted else None

        async def attempt() -> None:
            nonlocal unsure_since
            if unsure_since is not None:
                if await found():
                    return
                if self._clock.monotonic() - unsure_since < self._read_lag_s:
                    raise NotNow("not-shown-yet", "it may have been done and not be shown yet")
            key = self._keys.key(entry.plant, entry.key, entry.refusals)
            call = Call("POST", path, entry.body, traceparent=entry.traceparent, idempotency_key=key)
            try:
                await client.send(call, msgspec.Raw)
            except Unsure:
                unsure_since = self._clock.monotonic()
                raise

        await self._retry.persist(attempt)

    async def _booked(self, erp: SystemClient, entry: Work) -> bool:
        query = {"plant": entry.plant, "source_document": entry.key}
        call = Call("GET", "/stock-documents", query=query, traceparent=entry.traceparent)
        found = await erp.send(call, StockDocuments)
        return any(not document.reversed for document in found.items)
