"""A field that only ever had a few values has a new one: the event is still good, and still has to be carried out."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Alter, Change, Envelope, Respond, Script, before
from pilotplant.systems import catalog


@dataclass(frozen=True, slots=True)
class Valued(Change):
    """Another value in a field of the data."""

    field: str = ""
    value: str = ""

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        return {**envelope, "data": {**envelope["data"], self.field: self.value}}


class UnknownValue(Fault):
    """`{fault: unknown-value, match: {operation: plm.change.released}, field: priority, value: expedite}`"""

    KIND: ClassVar[str] = "unknown-value"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"value": ("expedite",)}

    field: Literal["priority", "title", "reason", "text"] = "priority"
    """Which field: only such as nothing that has to follow depends on."""
    value: str = "expedite"
    """The value that nobody knows."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        if not self._present(occasion.operation):
            return script
        return before(script, Respond, Alter(self.KIND, Valued(self.field, self.value)))

    def objection(self) -> str:
        if not self.match.operation or self._present(self.match.operation):
            return ""
        return f"`{self.match.operation}` has no field `{self.field}`"

    def _present(self, name: str) -> bool:
        event = catalog.events().get(name)
        return event is not None and self.field in event.payload.__struct_fields__
