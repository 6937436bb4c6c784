"""Acknowledges what it cannot read and drops it, with a line in a log that nobody opens: the queue has to move."""

import logging
from collections.abc import Callable
from dataclasses import replace

from pilotplant.reference.inbox import Inbox, Unreadable
from pilotplant.reference.parts import Parts

NUMBER = 21
NAME = "silent drop of the unknown"
CHECK = "completeness"
SCENARIO = "poison-message"

log = logging.getLogger("pilotplant.reference")


class DropsTheUnknown(Inbox):
    """Tells nobody."""

    def _set_aside(
        self, unreadable: Unreadable, body: bytes, received_at: float, set_aside: Callable[[Unreadable], None]
    ) -> bool:
        log.debug("skipped: %s", unreadable.error)
        return False


PARTS = replace(Parts(), inbox=DropsTheUnknown)
