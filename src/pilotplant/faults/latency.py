"""The system takes longer before it carries out what it was asked, or before it delivers an event."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Fault
from pilotplant.model.script import Commit, Delay, Respond, Script, before, carries_out


class Latency(Fault):
    """`{fault: latency, delay_s: 2, probability: 0.2}`"""

    KIND: ClassVar[str] = "latency"

    delay_s: Annotated[float, Field(gt=0, le=600)]

    def bend(self, script: Script) -> Script:
        return before(script, Commit if carries_out(script) else Respond, Delay(self.KIND, self.delay_s))
