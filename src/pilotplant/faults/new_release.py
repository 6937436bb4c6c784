"""A vendor releases a new version of the interface: answers say more, use new words, warn of an end, or end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any, ClassVar, Literal, Self

import msgspec
from pydantic import model_validator

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.problem import VersionRemoved
from pilotplant.model.script import Answer, Commit, Refuse, Rewrite, Script, after, before
from pilotplant.systems import catalog

What = Literal["field", "value", "deprecated", "removed"]
_FIELD = "vendorExtension"


@dataclass(frozen=True, slots=True)
class Extended(Rewrite):
    """Every object of the answer has one more field."""

    def rewrite(self, answer: Answer) -> Answer:
        return _changed(answer, lambda found: {**found, _FIELD: {"since": "2", "values": []}})


@dataclass(frozen=True, slots=True)
class Renamed(Rewrite):
    """A field of the answer has a value that it never had, in the place of another."""

    field: str = ""
    value: str = ""
    instead_of: str = ""

    def rewrite(self, answer: Answer) -> Answer:
        return _changed(
            answer,
            lambda found: (
                {**found, self.field: self.value} if found.get(self.field) == self.instead_of else dict(found)
            ),
        )


@dataclass(frozen=True, slots=True)
class Announced(Rewrite):
    """The answer says that what was asked is deprecated, and from when it will be gone."""

    sunset: date = date(2027, 1, 31)

    def rewrite(self, answer: Answer) -> Answer:
        status, headers, body = answer
        moment = format_datetime(datetime.combine(self.sunset, time(), UTC), usegmt=True)
        more = ((b"deprecation", b"@1767225600"), (b"sunset", moment.encode()))
        return status, (*headers, *more), body


class NewRelease(Fault):
    """`{fault: new-release, match: {system: erp}, what: deprecated, sunset: 2027-01-31, window: {from_s: 2}}`"""

    KIND: ClassVar[str] = "new-release"

    what: What
    """What is new: one more field in answers, a new value, a Sunset header, or that the operation is gone (410)."""
    field: str = ""
    """With `value`: which field of the answer."""
    value: str = ""
    """With `value`: what it says now."""
    instead_of: str = ""
    """With `value`: what it said before."""
    sunset: date = date(2027, 1, 31)
    """With `deprecated`: from when it is to be gone."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        told = bool(self.field), bool(self.value), bool(self.instead_of)
        if any(told) != (self.what == "value") or any(told) != all(told):
            raise ValueError("`field`, `value` and `instead_of` go with `what: value`, all three")
        return self

    def bend(self, script: Script, occasion: Occasion) -> Script:
        match self.what:
            case "removed":
                return before(script, Commit, Refuse(self.KIND, VersionRemoved(), lasting=True))
            case "deprecated":
                return after(script, Commit, Announced(self.KIND, self.sunset))
            case "value":
                return after(script, Commit, Renamed(self.KIND, self.field, self.value, self.instead_of))
        return after(script, Commit, Extended(self.KIND))

    @property
    def refuses_for_good(self) -> bool:
        return self.what == "removed"

    def objection(self) -> str:
        """What is gone has to have an effect: only then does a flow say what must follow."""
        operation = catalog.operations().get(self.match.operation)
        if not self.refuses_for_good or (operation is not None and not operation.query):
            return ""
        named = f"`{self.match.operation}` changes nothing" if self.match.operation else "nothing is named"
        return f"410 refuses for good, so the operation that is gone has to be named, and {named}"


def _changed(answer: Answer, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Answer:
    """The answer with its JSON objects changed; what is no JSON, or a refusal, stays as it is."""
    status, headers, body = answer
    if status >= 400 or not body:
        return answer
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer
    return status, headers, msgspec.json.encode(_throughout(content, change))


def _throughout(value: Any, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        return change({name: _throughout(inner, change) for name, inner in value.items()})
    return [_throughout(inner, change) for inner in value] if isinstance(value, list) else value
