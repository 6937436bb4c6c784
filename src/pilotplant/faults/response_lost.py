"""Commit, then break the connection after `at_byte` bytes of the answer: the caller cannot know."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Reset, Respond, Script, carries_out, replaced


class ResponseLost(Fault):
    """`{fault: response-lost, match: {operation: erp.stock.post}, probability: 0.1}`"""

    KIND: ClassVar[str] = "response-lost"
    DRAWN: ClassVar[Settings | None] = {"at_byte": (0, 0, 20)}

    at_byte: Annotated[int, Field(ge=0)] = 0
    """How many bytes of the answer, head and body, still come through."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return replaced(script, Respond, Reset(self.KIND, self.at_byte)) if carries_out(script) else script
