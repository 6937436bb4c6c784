"""An event comes with a true signature that was made long ago: somebody recorded it and sends it again."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Copy, Delay, Respond, Script, before


class ExpiredTimestamp(Fault):
    """`{fault: expired-timestamp, match: {operation: plm.change.released}, age_s: 3600}`"""

    KIND: ClassVar[str] = "expired-timestamp"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"age_s": (3600.0,)}

    age_s: Annotated[float, Field(ge=600, le=864_000)] = 3600.0
    """How old the signature is."""
    ahead_s: Annotated[float, Field(ge=0, le=600)] = 0.5
    """How long it comes before the same event with a signature of today."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        expired = before(script, Respond, Copy(self.KIND, age_s=self.age_s))
        return before(expired, Respond, Delay("", self.ahead_s)) if expired != script else script
