"""What each event means to this middleware. Handlers only write to the database; lanes do the work afterwards."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from pilotplant.reference import changes, confirmations
from pilotplant.reference.activations import Activations
from pilotplant.reference.changes import EngineeringChanges
from pilotplant.reference.confirmations import ProductionConfirmations
from pilotplant.reference.inbox import Apply, Unreadable
from pilotplant.reference.messages import (
    ChangeCancelled,
    ChangeReleased,
    CloudEvent,
    ExceptionResolved,
    OrderCompleted,
    VersionOutcome,
)
from pilotplant.reference.notices import Notices

T = TypeVar("T")

IGNORED = frozenset(
    (
        "plm.part.created",
        "plm.change.approved",
        "erp.item.changed",
        "erp.stock.posted",
        "erp.production_order.changed",
        "mes.operation.completed",
    )
)
"""Facts that ask nothing of this middleware. Anything else that it does not know is kept, with a warning."""


class Events:
    """Turns events into work."""

    def __init__(
        self,
        activations: Activations,
        changing: EngineeringChanges,
        confirming: ProductionConfirmations,
        notices: Notices,
        told: Callable[[], None],
    ) -> None:
        self._activations = activations
        self._changing = changing
        self._confirming = confirming
        self._notices = notices
        self._told = told
        self.handlers = self.work()

    def work(self) -> dict[str, Apply]:
        """What is done on each type of event."""
        return {
            "plm.change.released": self._released,
            "plm.change.cancelled": self._cancelled,
            "erp.version.activated": self._version,
            "erp.version.rejected": self._rejected,
            "mes.order.completed": self._completed,
            "desk.exception.resolved": self._resolved,
        }

    def set_aside(self, unreadable: Unreadable) -> None:
        """An event that cannot be understood: a person has to look at it."""
        self._notices.exception(
            confirmations.FLOW if unreadable.type == "mes.order.completed" else changes.FLOW,
            unreadable.subject or unreadable.id,
            "",
            owner="plant-it",
            reason="unreadable-event",
            text=f"{unreadable.type or 'event'} of {unreadable.source or 'unknown source'}: {unreadable.error}",
            traceparent="",
        )
        self._told()

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

    def _completed(self, event: CloudEvent) -> None:
        self._confirming.take(self.read(event, OrderCompleted), event.traceparent)

    def _resolved(self, event: CloudEvent) -> None:
        """A person has mended the cause: what was refused is worth another attempt."""
        resolved = self.read(event, ExceptionResolved)
        self._notices.forget(resolved.flow, resolved.subject, resolved.plant)
        if resolved.resolution != "mended":
            return
        if resolved.flow == changes.FLOW:
            self._changing.reopen(resolved.subject, resolved.plant)
        elif resolved.flow == confirmations.FLOW:
            self._confirming.reopen(resolved.subject, resolved.plant)
