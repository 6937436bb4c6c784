"""Reads a component at the plant, refreshes its text and writes all of it back: a change in between is undone."""

from dataclasses import replace

import msgspec

from pilotplant.reference.messages import PlmItem
from pilotplant.reference.parts import Parts
from pilotplant.reference.transfer import GoOn, Transfer

NUMBER = 33
NAME = "lost update"
CHECK = "sequencing"
SCENARIO = "eco-cascade"


class RefreshesComponents(Transfer):
    """Read, modify, write, and nobody asks whether it is still what was read."""

    async def _component(self, plant: str, number: str, trace: str, go_on: GoOn) -> None:
        held = await self._held(plant, number, trace)
        if held is None:
            await super()._component(plant, number, trace, go_on)
            return
        item = await self._read(self._plm, f"/items/{number}", PlmItem, trace)
        refreshed = msgspec.structs.replace(held, description=item.description)
        await self._write(self._erp[plant], "PUT", "/items", refreshed, msgspec.Raw, trace, go_on)


PARTS = replace(Parts(), transfer=RefreshesComponents)
