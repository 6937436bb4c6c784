"""The answer comes in small pieces with pauses between them."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Respond, Script, Trickle, carries_out, replaced


class SlowBody(Fault):
    """`{fault: slow-body, bytes_each: 16, pause_s: 0.05}`"""

    KIND: ClassVar[str] = "slow-body"
    DRAWN: ClassVar[Settings | None] = {"bytes_each": (16, 64), "pause_s": (0.01, 0.05)}

    bytes_each: Annotated[int, Field(ge=1)] = 16
    """How many bytes a piece has."""
    pause_s: Annotated[float, Field(gt=0, le=60)] = 0.05
    """The pause between two pieces."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        trickle = Trickle(self.KIND, self.bytes_each, self.pause_s)
        return replaced(script, Respond, trickle) if carries_out(script) else script
