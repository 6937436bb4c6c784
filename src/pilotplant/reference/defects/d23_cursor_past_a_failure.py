"""Moves on although a page could not be read: the cursor is advanced first, and an error is only a line in the log."""

import logging
from dataclasses import replace

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.looking import ChangeLookout
from pilotplant.reference.messages import ChangePage
from pilotplant.reference.parts import Parts

NUMBER = 23
NAME = "cursor advanced past a failure"
CHECK = "completeness"
SCENARIO = "polled-changes"

log = logging.getLogger("pilotplant.reference")


class MovesOn(ChangeLookout):
    """Notes where it stands as soon as it knows, and lets the rest of a broken look be."""

    async def page(self, since: str, cursor: str) -> ChangePage:
        page = await super().page(since, cursor)
        self.go_on_from(page.as_of)
        return page

    async def look(self) -> None:
        try:
            await super().look()
        except CallFailed as failed:
            log.warning("skipped: %s", failed)


PARTS = replace(Parts(), lookout=MovesOn)
