"""Posts the movements of a confirmation as a batch and calls it booked when the batch came through, refusals or not."""

import asyncio
import logging
from dataclasses import replace

import msgspec

from pilotplant.reference.calls import Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.messages import PostStock
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.line_by_line import LineByLine
from pilotplant.reference.works import Work

NUMBER = 24
NAME = "partial batch taken as success"
CHECK = "completeness"
SCENARIO = "erp-rejects"

log = logging.getLogger("pilotplant.reference")


class BatchCameThrough(LineByLine):
    """Looks at the batch, not at its lines."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        document = msgspec.json.decode(entry.body, type=PostStock)
        work = (self._line(erp, entry, document, number) for number in range(len(document.lines)))
        refused = sum(await asyncio.gather(*work))
        if refused:
            log.info("%s: %d of %d lines were not booked", entry.key, refused, len(document.lines))

    async def _line(self, erp: SystemClient, entry: Work, document: PostStock, number: int) -> bool:
        """Whether the line was refused."""
        try:
            await self.post_line(erp, entry, document, number)
        except Refusal:
            return True
        return False


PARTS = replace(Parts(), posting=BatchCameThrough)
