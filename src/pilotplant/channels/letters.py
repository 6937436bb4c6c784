"""An event on its way to the target: how often it was sent, what faults made of it, and what goes out besides."""

from typing import Any, NamedTuple

import msgspec

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.ledger.records import ILLEGIBLE
from pilotplant.model.script import Alter, Change, Copy


class Letter(NamedTuple):
    """What is sent in one attempt. `bites` are the faults that bite when its first byte goes out; `about` is the
    subject of what is no copy but an event of its own."""

    journey: "Journey"
    body: bytes
    bent: str = ""
    bites: tuple[str, ...] = ()
    copied: bool = False
    forged: bool = False
    age_s: float = 0.0
    about: str = ""


class Journey:
    """One event and all attempts to deliver it; copies of it count along, so that no two attempts have one number."""

    __slots__ = ("_altered", "_attempts", "body", "event")

    def __init__(self, event: Outgoing) -> None:
        self.event = event
        self.body = event.body
        self._attempts = 0
        self._altered: tuple[str, ...] = ()

    def next_attempt(self) -> int:
        """The number of the attempt that is made now."""
        self._attempts += 1
        return self._attempts

    def alter(self, step: Alter) -> None:
        """Change the event, if it was not sent yet: one event is the same in every attempt."""
        if not self._attempts:
            self.body = _changed(self.body, step.change)
            self._altered = (*self._altered, step.fault)

    def letter(self, fault: str = "") -> Letter:
        """The event, as it is sent; `fault` is what else happened to this attempt."""
        named = self._altered[-1] if self._altered else fault
        return Letter(self, self.body, bent=_kind(named), bites=self._altered)

    def copy(self, step: Copy) -> Letter:
        """What a fault sends besides."""
        body = _changed(self.body, step.change)
        about = _subject(body) if body != self.body else ""
        if about == "/".join(self.event.keys):
            about = ""
        return Letter(self, body, _kind(step.fault), (step.fault,), True, step.forged, step.age_s, about)


def _changed(body: bytes, change: Change) -> bytes:
    envelope: dict[str, Any] = msgspec.json.decode(body)
    changed = change.apply(envelope)
    return changed if isinstance(changed, bytes) else msgspec.json.encode(changed)


def _subject(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["subject"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return ILLEGIBLE


def _kind(label: str) -> str:
    return label.partition("#")[0]
