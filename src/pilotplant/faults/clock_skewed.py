"""The sender's clock is wrong: the event says that it was sent at another time than it was."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.instants import iso
from pilotplant.model.script import Alter, Change, Envelope, Respond, Script, before


@dataclass(frozen=True, slots=True)
class Skewed(Change):
    """Another time in the envelope. What happened in the plant, and the signature, stay as they are."""

    by_s: float = 0.0

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        moment = datetime.fromisoformat(envelope["time"]) + timedelta(seconds=self.by_s)
        return {**envelope, "time": iso(moment.timestamp())}


class ClockSkewed(Fault):
    """`{fault: clock-skewed, match: {system: mes}, by_s: -120, probability: 0.5}`"""

    KIND: ClassVar[str] = "clock-skewed"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"by_s": (-120.0, 30.0)}

    by_s: Annotated[float, Field(ge=-86_400, le=86_400)]
    """How far the clock is ahead; behind if negative."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Respond, Alter(self.KIND, Skewed(self.by_s)))
