"""Takes a time-out for a failure and rolls back what was booked: to the error handler every exception is the same."""

from dataclasses import replace

import msgspec

from pilotplant.reference.calls import Refusal, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.messages import PostStock
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.line_by_line import LineByLine
from pilotplant.reference.works import Work

NUMBER = 31
NAME = "compensates after an ambiguous success"
CHECK = "atomicity"
SCENARIO = "ambiguous-timeouts"


class RollsBackOnTimeout(LineByLine):
    """Books each line once, and rolls back on any error."""

    async def post_line(self, erp: SystemClient, entry: Work, document: PostStock, number: int) -> None:
        call = self.call_for(entry, document, number)

        async def attempt() -> None:
            try:
                await erp.send(call, msgspec.Raw)
            except Unsure as failed:
                raise Refusal(failed.code, failed.detail) from failed

        await self._retry.persist(attempt)


PARTS = replace(Parts(), posting=RollsBackOnTimeout)
