"""Besides an event comes one that nobody can carry out: not JSON, without what is needed, or about what does not exist.

It is signed as it should be, so it has to be dealt with: set aside, told to somebody, and out of the way of the rest.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from pilotplant.faults.envelopes import another
from pilotplant.faults.fault import Fault, Occasion, Settings, keys_of
from pilotplant.model.script import Change, Copy, Envelope, Respond, Script, after
from pilotplant.systems import catalog

How = Literal["unreadable", "incomplete", "impossible"]
_POISON = 6_000_000
_NOWHERE = "ITM-NOWHERE"


@dataclass(frozen=True, slots=True)
class Spoilt(Change):
    """An event of its own that cannot be carried out."""

    how: How = "unreadable"

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        own = another(envelope, _POISON)
        if self.how == "unreadable":
            return msgspec.json.encode(own)[:-20]
        data: dict[str, Any] = own["data"]
        if self.how == "incomplete":
            kept = keys_of(own["type"])
            return {**own, "data": {key: value for key, value in data.items() if key in kept}}
        # Where the subject is an item, it has a number that nobody uses already: each poison is about its own.
        named = {key: value for key, value in data.items() if key in keys_of(own["type"])[-1:]}
        return {**own, "data": {**_about_nothing(data), **named}}


class Poison(Fault):
    """`{fault: poison, match: {operation: mes.order.completed}, how: impossible, nth: 5}`"""

    KIND: ClassVar[str] = "poison"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    DRAWN: ClassVar[Settings | None] = {"how": ("unreadable", "incomplete", "impossible")}

    how: How = "unreadable"
    """What is wrong with it."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """How often it is sent at most until it is acknowledged."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        if self.how == "impossible" and not _names_items(occasion.operation):
            return script
        return after(script, Respond, Copy(self.KIND, Spoilt(self.how), attempts=self.attempts))

    def objection(self) -> str:
        operation = self.match.operation
        if self.how != "impossible" or not operation or _names_items(operation):
            return ""
        return f"`{operation}` names no item, so it cannot be about one that does not exist"


@cache
def _names_items(name: str) -> bool:
    event = catalog.events().get(name)
    return event is not None and b'"item":' in msgspec.json.encode(msgspec.json.schema(event.payload))


def _about_nothing(data: Any) -> Any:
    """The same about items that do not exist."""
    if isinstance(data, dict):
        return {key: _NOWHERE if key == "item" else _about_nothing(value) for key, value in data.items()}
    return [_about_nothing(entry) for entry in data] if isinstance(data, list) else data
