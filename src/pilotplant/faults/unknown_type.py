"""Besides an event comes one of a type that nobody has declared: the sender has a newer release."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.envelopes import another
from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Change, Copy, Envelope, Respond, Script, after

_NEW = 7_000_000


@dataclass(frozen=True, slots=True)
class OtherType(Change):
    """An event of another type, about a subject of its own."""

    name: str = ""

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        system = envelope["type"].partition(".")[0]
        return {**another(envelope, _NEW), "type": f"{system}.{self.name}"}


class UnknownType(Fault):
    """`{fault: unknown-type, match: {operation: mes.order.completed}, type: order.reviewed, probability: 0.3}`"""

    KIND: ClassVar[str] = "unknown-type"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"type": ("record.reviewed",)}

    type: Annotated[str, Field(pattern=r"^[a-z][a-z._]*$")] = "record.reviewed"
    """The type, after the name of the system."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """How often it is sent at most until it is acknowledged."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return after(script, Respond, Copy(self.KIND, OtherType(self.type), attempts=self.attempts))
