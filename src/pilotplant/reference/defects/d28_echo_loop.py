"""Mirrors stock postings into the plant's other ERP during a migration, and takes its own mirrored ones for news."""

import asyncio
from dataclasses import replace

import msgspec

from pilotplant.reference.flows.production_confirmation import ProductionConfirmations
from pilotplant.reference.messages import PostStock
from pilotplant.reference.parts import Parts
from pilotplant.reference.work import Take, Takes
from pilotplant.reference.works import Work

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
    """Books again what was booked, and does not ask who booked it."""

    def takes(self) -> Takes:
        return {**super().takes(), "erp.stock.posted": Take(StockPosted, self.mirror)}

    def mirror(self, posted: StockPosted, traceparent: str) -> None:
        """Book a copy under the number of the original."""
        original = self.find(posted.plant, posted.source_document)
        if original is None:
            return
        document = msgspec.json.decode(original.body, type=PostStock)
        copy = msgspec.structs.replace(document, source_document=posted.document)
        self.note(posted.plant, posted.document, copy, traceparent)

    async def carry_out(self, work: Work) -> None:
        if work.key.isdigit():  # a copy bears the number of a document
            await asyncio.sleep(COPY_AFTER_S)
        await super().carry_out(work)


PARTS = replace(Parts(), flows=(Mirror,))
