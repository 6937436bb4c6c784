"""The data of an event have a field that the contract does not know: whoever reads strictly loses the event."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Alter, Change, Envelope, Respond, Script, before


@dataclass(frozen=True, slots=True)
class Added(Change):
    """One more field in the data."""

    name: str = ""

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        return {**envelope, "data": {**envelope["data"], self.name: {"since": 2, "values": []}}}


class UnknownField(Fault):
    """`{fault: unknown-field, match: {operation: mes.order.completed}, field: energy, probability: 0.5}`"""

    KIND: ClassVar[str] = "unknown-field"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"field": ("energy",)}

    field: Annotated[str, Field(pattern=r"^[a-z_]+$")] = "extension"
    """How the field is called."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Respond, Alter(self.KIND, Added(self.field)))
