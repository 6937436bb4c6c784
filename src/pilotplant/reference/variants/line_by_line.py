"""One stock document for each movement, and reversals where a later movement is refused.

Right, though laborious: either all movements of a confirmation stand in the end, or none does.
"""

import msgspec

from pilotplant.reference.calls import Call, NotNow, Refusal, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.messages import PostStock, StockLine
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.works import Work


class Booked(msgspec.Struct, frozen=True):
    """A stock document of one line, as a look-up shows it."""

    document: str
    reversed: bool
    lines: tuple[StockLine, ...]


class BookedList(msgspec.Struct, frozen=True):
    """What a look-up found."""

    items: tuple[Booked, ...]


class LineByLine(StockPosting):
    """Posts movement by movement, and takes back what it has booked when one of them is refused."""

    async def post(self, erp: SystemClient, entry: Work) -> None:
        """Book all movements, or none."""
        document = msgspec.json.decode(entry.body, type=PostStock)
        try:
            for number in range(len(document.lines)):
                await self.post_line(erp, entry, document, number)
        except Refusal:
            await self.take_back(erp, entry)
            raise

    async def post_line(self, erp: SystemClient, entry: Work, document: PostStock, number: int) -> None:
        """Book one movement once."""
        line = document.lines[number]
        call = self.call_for(entry, document, number)
        unsure_since = self._clock.monotonic() if entry.attempted else None

        async def attempt() -> None:
            nonlocal unsure_since
            if unsure_since is not None:
                if any(line in found.lines for found in await self.standing(erp, entry)):
                    return
                if self._clock.monotonic() - unsure_since < self._read_lag_s:
                    raise NotNow("not-shown-yet", "ERP may have booked it and not show it yet")
            try:
                await erp.send(call, msgspec.Raw)
            except Unsure:
                unsure_since = self._clock.monotonic()
                raise

        await self._retry.persist(attempt)

    def call_for(self, entry: Work, document: PostStock, number: int, again: int = 0) -> Call:
        """The posting of one movement; `again` tells apart what is meant as another posting."""
        one = msgspec.structs.replace(document, lines=(document.lines[number],))
        fact = f"{entry.key}/{number}" + (f"/{again}" if again else "")
        key = self._keys.key(entry.plant, fact, entry.refusals)
        body = msgspec.json.encode(one)
        return Call("POST", "/stock-documents", body, traceparent=entry.traceparent, idempotency_key=key)

    async def take_back(self, erp: SystemClient, entry: Work) -> None:
        """Reverse what was booked of the confirmation, as ERP shows it."""

        async def attempt() -> None:
            await self._clock.sleep(self._read_lag_s)  # until ERP shows all that it has booked
            for booked in await self.standing(erp, entry):
                call = Call(
                    "POST", f"/stock-documents/{booked.document}/reversal", b"{}", traceparent=entry.traceparent
                )
                await erp.send(call, msgspec.Raw)

        await self._retry.persist(attempt)

    async def standing(self, erp: SystemClient, entry: Work) -> list[Booked]:
        """The documents of the confirmation that were not reversed."""
        return [booked for booked in await self.shown(erp, entry) if not booked.reversed]

    async def shown(self, erp: SystemClient, entry: Work) -> tuple[Booked, ...]:
        """All documents of the confirmation."""
        query = {"plant": entry.plant, "source_document": entry.key}
        call = Call("GET", "/stock-documents", query=query, traceparent=entry.traceparent)
        return (await erp.send(call, BookedList)).items
