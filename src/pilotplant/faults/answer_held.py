"""Keep back an answer, or the delivery of an event, until a moment of the run: what it confirms is not known before.

Holding confirmations on purpose turns a middleware that does not wait for them from a possible miss into a sure hit.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Hold, Respond, Script, before


class AnswerHeld(Fault):
    """`{fault: answer-held, match: {operation: erp.version.activated}, until_s: 6}`"""

    KIND: ClassVar[str] = "answer-held"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "both"
    DRAWN: ClassVar[Settings | None] = {"until_s": (0.5, 1.0, 2.0, 4.0)}

    until_s: Annotated[float, Field(gt=0)]
    """The moment, in seconds since the stimuli began, at which all is let go, unless the faults are lifted before."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Respond, Hold(self.KIND, self.until_s))
