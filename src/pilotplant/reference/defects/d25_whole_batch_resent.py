"""Sends the whole batch again when one of its lines failed: the batch is what is retried, not the line."""

from dataclasses import replace

import msgspec

from pilotplant.reference.client import SystemClient
from pilotplant.reference.messages import PostStock
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.line_by_line import LineByLine
from pilotplant.reference.works import Work

NUMBER = 25
NAME = "whole batch resent"
CHECK = "once"
SCENARIO = "ambiguous-timeouts"


class ResendsTheBatch(LineByLine):
    """Keys tell batches apart, so a batch that is sent again is another one."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        document = msgspec.json.decode(entry.body, type=PostStock)
        batches = 0

        async def attempt() -> None:
            nonlocal batches
            batches += 1
            for number in range(len(document.lines)):
                await erp.send(self.call_for(entry, document, number, batches), msgspec.Raw)

        await self._retry.persist(attempt)


PARTS = replace(Parts(), posting=ResendsTheBatch)
