"""Mirrors stock postings into the plant's other ERP during a migration, and takes its own mirrored ones for news."""

import asyncio
from dataclasses import replace

import msgspec

from pilotplant.reference.confirmations import ProductionConfirmations
from pilotplant.reference.events import Events
from pilotplant.reference.inbox import Apply
from pilotplant.reference.lanes import Key
from pilotplant.reference.messages import CloudEvent, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 28
NAME = "echo loop"
CHECK = "completeness"
SCENARIO = "eco-cascade"

COPY_AFTER_S = 0.5
"""Copies are not urgent."""


class StockPosted(msgspec.Struct, frozen=True):
    """`erp.stock.posted`."""

    plant: str
    document: str
    source_document: str


class Mirror(ProductionConfirmations):
    """Books again what was booked."""

    def mirror(self, posted: StockPosted, traceparent: str) -> None:
        """Book a copy under the number of the original."""
        key = (posted.plant, posted.source_document)
        with self._store.transaction() as db:
            row = db.execute("select document from confirmations where plant = ? and confirmation = ?", key).fetchone()
            if row is None:
                return
            original = msgspec.json.decode(row["document"], type=PostStock)
            copy = msgspec.structs.replace(original, source_document=posted.document)
            db.execute(
                "insert or ignore into confirmations (plant, confirmation, document, traceparent) values (?, ?, ?, ?)",
                (posted.plant, posted.document, msgspec.json.encode(copy), traceparent),
            )
        self._wake((posted.plant, posted.document))

    async def carry_out(self, key: Key) -> None:
        if key[1].isdigit():  # a copy bears the number of a document
            await asyncio.sleep(COPY_AFTER_S)
        await super().carry_out(key)


class HearsItself(Events):
    """Does not ask who posted."""

    def work(self) -> dict[str, Apply]:
        return {**super().work(), "erp.stock.posted": self._posted}

    def _posted(self, event: CloudEvent) -> None:
        assert isinstance(self._confirming, Mirror)
        self._confirming.mirror(self.read(event, StockPosted), event.traceparent)


PARTS = replace(Parts(), events=HearsItself, confirming=Mirror)
