"""An old event is sent once more, long after it was dealt with: freshly signed, and nothing new."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Copy, Respond, Script, after


class Replayed(Fault):
    """`{fault: replayed, match: {operation: plm.change.released}, after_s: 3}`"""

    KIND: ClassVar[str] = "replayed"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"after_s": (0.5, 2.0)}

    after_s: Annotated[float, Field(gt=0, le=86_400)]
    """How long after its first delivery; it has to fall before the end of the stimuli."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return after(script, Respond, Copy(self.KIND, gap_s=self.after_s))
