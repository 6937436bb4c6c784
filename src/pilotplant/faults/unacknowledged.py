"""An event arrives and is acknowledged, but the acknowledgement is lost: the sender delivers it again."""

from typing import ClassVar, Literal

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Disregard, Respond, Script, replaced


class Unacknowledged(Fault):
    """`{fault: unacknowledged, match: {operation: mes.order.completed}, probability: 0.2}`"""

    KIND: ClassVar[str] = "unacknowledged"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {}

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return replaced(script, Respond, Disregard(self.KIND))
