"""The flow `production-confirmation`: what a plant made and used is booked in ERP, exactly once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from pilotplant.reference.calls import Call, GaveUp, NotNow, Refusal, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.lanes import Key
from pilotplant.reference.mapping import Mapping as Translation
from pilotplant.reference.messages import OrderCompleted, StockDocuments
from pilotplant.reference.notices import Notices
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.store import Store

FLOW = "production-confirmation"


@dataclass(frozen=True)
class Confirmation:
    """A confirmation that is not booked yet."""

    plant: str
    confirmation: str
    document: bytes
    """The bytes that every attempt sends; empty if nothing was moved."""
    traceparent: str
    attempted: bool
    """A posting may have left already, perhaps in an earlier life of this process."""
    refusals: int


class StockPosting:
    """Posts a stock document. Posting is not idempotent, so whoever is unsure looks before posting again."""

    def __init__(self, retry: RetryPolicy, keys: IdempotencyKeys, clock: Clock, *, read_lag_s: float) -> None:
        self._retry = retry
        self._keys = keys
        self._clock = clock
        self._read_lag_s = read_lag_s

    async def post(self, erp: SystemClient, entry: Confirmation) -> None:
        """Book the document once."""
        unsure_since = self._clock.monotonic() if entry.attempted else None

        async def attempt() -> None:
            nonlocal unsure_since
            if unsure_since is not None:
                if await self._booked(erp, entry):
                    return
                if self._clock.monotonic() - unsure_since < self._read_lag_s:
                    raise NotNow("not-shown-yet", "ERP may have booked it and not show it yet")
            key = self._keys.key(entry.plant, entry.confirmation, entry.refusals)
            call = Call("POST", "/stock-documents", entry.document, traceparent=entry.traceparent, idempotency_key=key)
            try:
                await erp.send(call, msgspec.Raw)
            except Unsure:
                unsure_since = self._clock.monotonic()
                raise

        await self._retry.persist(attempt)

    async def _booked(self, erp: SystemClient, entry: Confirmation) -> bool:
        query = {"plant": entry.plant, "source_document": entry.confirmation}
        call = Call("GET", "/stock-documents", query=query, traceparent=entry.traceparent)
        found = await erp.send(call, StockDocuments)
        return any(not document.reversed for document in found.items)


class ProductionConfirmations:
    """Takes confirmations and sees each to its end."""

    def __init__(
        self,
        store: Store,
        erp: Mapping[str, SystemClient],
        posting: StockPosting,
        mapping: Translation,
        notices: Notices,
        wake: Callable[[Key], None],
        told: Callable[[], None],
    ) -> None:
        self._store = store
        self._erp = erp
        self._posting = posting
        self._mapping = mapping
        self._notices = notices
        self._wake = wake
        self._told = told

    def take(self, done: OrderCompleted, traceparent: str) -> None:
        """Note what is to be booked, in the very bytes that every attempt will send."""
        document = self._mapping.stock_document(done)
        body = msgspec.json.encode(document) if document.lines else b""
        with self._store.transaction() as db:
            db.execute(
                "insert or ignore into confirmations (plant, confirmation, document, traceparent) values (?, ?, ?, ?)",
                (done.plant, done.confirmation, body, traceparent),
            )
        self._wake((done.plant, done.confirmation))

    def open_keys(self) -> list[Key]:
        """What is not booked yet."""
        rows = self._store.db.execute("select plant, confirmation from confirmations where state = 'open'")
        return [(row["plant"], row["confirmation"]) for row in rows]

    def resume(self) -> None:
        """Go on with all that is not booked."""
        for key in self.open_keys():
            self._wake(key)

    def reopen(self, confirmation: str, plant: str) -> None:
        """A person has mended the cause of a refusal: try again."""
        with self._store.transaction() as db:
            changed = db.execute(
                "update confirmations set state = 'open' where plant = ? and confirmation = ? and state = 'refused'",
                (plant, confirmation),
            )
        if changed.rowcount:
            self._wake((plant, confirmation))

    async def carry_out(self, key: Key) -> None:
        """Book a confirmation."""
        entry = self._open(key)
        if entry is None:
            return
        try:
            if entry.document:
                await self._post(entry)
        except (Refusal, GaveUp) as failed:
            self._fail(entry, failed)
            return
        self._set(entry, "state = 'booked'")

    async def _post(self, entry: Confirmation) -> None:
        if not entry.attempted:
            # Before the first byte leaves: should this process die now, its next life knows that it has to look.
            self._set(entry, "attempted = 1")
        await self._posting.post(self._erp[entry.plant], entry)

    def _fail(self, entry: Confirmation, failed: Refusal | GaveUp) -> None:
        with self._store.transaction():
            self._set(entry, "state = 'refused'")
            if isinstance(failed, Refusal):
                self._set(entry, "refusals = refusals + 1")
            self._notices.exception(
                FLOW,
                entry.confirmation,
                entry.plant,
                owner="plant-it",
                reason=failed.code,
                text=str(failed),
                traceparent=entry.traceparent,
            )
        self._told()

    def _open(self, key: Key) -> Confirmation | None:
        row = self._store.db.execute(
            "select plant, confirmation, document, traceparent, attempted, refusals from confirmations"
            " where plant = ? and confirmation = ? and state = 'open'",
            key,
        ).fetchone()
        return Confirmation(**dict(row)) if row else None

    def _set(self, entry: Confirmation, what: str) -> None:
        with self._store.transaction() as db:
            db.execute(
                f"update confirmations set {what} where plant = ? and confirmation = ?",
                (entry.plant, entry.confirmation),
            )
