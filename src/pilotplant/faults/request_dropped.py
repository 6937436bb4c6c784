"""Close the connection before anything was done: the caller sees a broken connection, and nothing happened."""

from typing import ClassVar

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Drop, Script, carries_out


class RequestDropped(Fault):
    """`{fault: request-dropped, probability: 0.05}`"""

    KIND: ClassVar[str] = "request-dropped"
    DRAWN: ClassVar[Settings | None] = {}

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return (Drop(self.KIND),) if carries_out(script) else script
