"""What each event means to this middleware. Handlers only write to the database; lanes do the work afterwards."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from pilotplant.reference import changes
from pilotplant.reference.activations import Activations
from pilotplant.reference.changes import EngineeringChanges
from pilotplant.reference.inbox import Apply, Unreadable
from pilotplant.reference.messages import (
    ChangeCancelled,
    ChangeReleased,
    CloudEvent,
    ExceptionResolved,
    VersionOutcome,
)
from pilotplant.reference.notices import Notices
from pilotplant.reference.work import Flow, Take

T = TypeVar("T")

IGNORED = frozenset(
    (
        "plm.change.approved",
        "plm.bom.released",
        "plm.routing.updated",
        "erp.stock.posted",
        "erp.production_order.changed",
    )
)
"""Facts that ask nothing of this middleware, beside those that flows ignore. Anything else that it does not know is
kept, with a warning."""


class Events:
    """Turns events into work."""

    def __init__(
        self,
        activations: Activations,
        changing: EngineeringChanges,
        flows: Sequence[Flow],
        notices: Notices,
        told: Callable[[], None],
    ) -> None:
        self._activations = activations
        self._changing = changing
        self._flows = flows
        self._notices = notices
        self._told = told
        self.handlers = self.work()
        self.ignored = IGNORED.union(*(flow.ignores for flow in flows))

    def work(self) -> dict[str, Apply]:
        """What is done on each type of event."""
        takers: defaultdict[str, list[Apply]] = defaultdict(list)
        takers["plm.change.released"] = [self._released]
        takers["plm.change.cancelled"] = [self._cancelled]
        takers["erp.version.activated"] = [self._version]
        takers["erp.version.rejected"] = [self._rejected]
        takers["desk.exception.resolved"] = [self._resolved]
        for flow in self._flows:
            for event, take in flow.takes().items():
                takers[event].append(partial(self._take, take))
        return {event: takes[0] if len(takes) == 1 else partial(_all, takes) for event, takes in takers.items()}

    def set_aside(self, unreadable: Unreadable) -> None:
        """An event that cannot be understood: a person has to look at it."""
        self._notices.exception(
            self._flow_of(unreadable.type),
            unreadable.subject or unreadable.id,
            "",
            owner="plant-it",
            reason="unreadable-event",
            text=f"{unreadable.type or 'event'} of {unreadable.source or 'unknown source'}: {unreadable.error}",
            traceparent="",
        )
        self._told()

    def _flow_of(self, event: str) -> str:
        """Changes come first: other flows may take their events too."""
        takers = (flow.name for flow in self._flows if event in flow.takes())
        return changes.FLOW if event.startswith("plm.change.") else next(takers, changes.FLOW)

    def read(self, event: CloudEvent, kind: type[T]) -> T:
        """What an event says. Fields that nobody here asks for are passed over."""
        return msgspec.json.decode(event.data, type=kind)

    def _released(self, event: CloudEvent) -> None:
        released = self.read(event, ChangeReleased)
        if len({affected.item for affected in released.affected}) < len(released.affected):
            raise ValueError("an item is affected twice")  # which of the two is meant, nobody here can say
        self._changing.release(released, event.traceparent)

    def _cancelled(self, event: CloudEvent) -> None:
        self._changing.cancel(self.read(event, ChangeCancelled).change)

    def _version(self, event: CloudEvent) -> None:
        self._activations.note(self.read(event, VersionOutcome))

    def _rejected(self, event: CloudEvent) -> None:
        outcome = self.read(event, VersionOutcome)
        reason = outcome.reason or "no reason given"
        self._activations.note(msgspec.structs.replace(outcome, reason=reason))

    def _take(self, take: Take[Any], event: CloudEvent) -> None:
        take.note(self.read(event, take.kind), event.traceparent)

    def _resolved(self, event: CloudEvent) -> None:
        """A person has mended the cause: what was refused is worth another attempt."""
        resolved = self.read(event, ExceptionResolved)
        self._notices.forget(resolved.flow, resolved.subject, resolved.plant)
        if resolved.resolution != "mended":
            return
        if resolved.flow == changes.FLOW:
            self._changing.reopen(resolved.subject, resolved.plant)
        for flow in self._flows:
            if flow.name == resolved.flow:
                flow.reopen(resolved.subject, resolved.plant)


def _all(takes: Sequence[Apply], event: CloudEvent) -> None:
    for take in takes:
        take(event)
