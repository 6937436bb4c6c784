"""Somebody who does not know the secret sends an event that looks right. Whoever believes it can be told anything."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.envelopes import another
from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Change, Copy, Delay, Envelope, Respond, Script, Unchanged, before

_FORGED = 5_000_000


@dataclass(frozen=True, slots=True)
class Imitation(Change):
    """An event about something that never happened."""

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        return another(envelope, _FORGED)


class ForgedSignature(Fault):
    """`{fault: forged-signature, match: {operation: mes.order.completed}, content: altered, probability: 0.3}`"""

    KIND: ClassVar[str] = "forged-signature"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"content": ("altered", "same")}

    content: Literal["altered", "same"] = "altered"
    """Whether it tells of something that never happened, or of the same before the true sender does."""
    ahead_s: Annotated[float, Field(ge=0, le=600)] = 0.5
    """How long it comes before the event that it imitates."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        change = Imitation() if self.content == "altered" else Unchanged()
        forged = before(script, Respond, Copy(self.KIND, change, forged=True))
        return before(forged, Respond, Delay("", self.ahead_s)) if forged != script else script
