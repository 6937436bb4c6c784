"""What can be asked of the exception desk."""

from typing import Literal

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.desk.events import ExceptionResolved
from pilotplant.systems.desk.state import Desk, DeskException


@problem("unknown-exception", 404, "No such exception")
class UnknownException(Rejection, frozen=True, kw_only=True, gc=False):
    """No exception has this number."""


@problem("exception-resolved", 409, "The exception is resolved already")
class AlreadyResolved(Rejection, frozen=True, kw_only=True, gc=False):
    """An exception is resolved once."""


class RaiseException(Command, frozen=True, kw_only=True):
    """What could not be carried out. `subject` is the change or confirmation that the flow instance is about."""

    flow: str
    subject: str
    plant: str
    owner: Literal["engineering", "planning", "procurement", "plant-it"]
    reason: str
    text: str = ""


class ListExceptions(PageQuery, frozen=True, kw_only=True):
    """Which page of the exceptions."""


class ResolveException(Command, frozen=True, kw_only=True):
    """How an exception was resolved."""

    exception: str
    resolution: Literal["mended", "dropped"]


class ExceptionView(msgspec.Struct, frozen=True):
    """An exception as the desk shows it."""

    exception: str
    flow: str
    subject: str
    plant: str
    owner: str
    reason: str
    text: str
    status: str
    resolution: str


@operation(
    "desk.exception.raise",
    rest="POST /exceptions",
    keys=("plant", "subject"),
    effect=fact("plant", "subject", "reason"),
    returns=ExceptionView,
)
def raise_exception(desk: Desk, cmd: RaiseException, now: Instant) -> Outcome:
    """Tell the desk that something cannot be carried out. What is open already is not opened again."""
    key = (cmd.plant, cmd.subject, cmd.reason)
    if key in desk.open:
        known = desk.exceptions[desk.open[key]]
        return Found(_view(known), _reveals(known))
    number = f"EXC-{len(desk.exceptions) + 1:06d}"
    raised = DeskException(number, cmd.flow, cmd.plant, cmd.subject, cmd.owner, cmd.reason, cmd.text)
    desk.exceptions[number] = raised
    desk.open[key] = number
    return Committed(_view(raised), touches=(("desk.exception.list", number),))


@operation(
    "desk.exception.list",
    rest="GET /exceptions",
    returns=Page[ExceptionView],
    rejects=(BadCursor,),
    rows=("exception",),
)
def list_exceptions(desk: Desk, query: ListExceptions, now: Instant) -> Outcome:
    """Read the exceptions, a page at a time."""
    return paged(
        list(desk.exceptions),
        query.limit,
        query.cursor,
        lambda number: _view(desk.exceptions[number]),
        lambda number: _reveals(desk.exceptions[number]),
    )


@operation(
    "desk.exception.resolve",
    rest="POST /exceptions/{exception}/resolution",
    keys=("exception",),
    effect=fact("exception"),
    returns=ExceptionView,
    rejects=(UnknownException, AlreadyResolved),
)
def resolve_exception(desk: Desk, cmd: ResolveException, now: Instant) -> Outcome:
    """Note how an exception was resolved, and tell whoever waits for it."""
    held = desk.exceptions.get(cmd.exception)
    if held is None:
        return Refused(UnknownException(detail=cmd.exception))
    if held.status == "resolved":
        return Refused(AlreadyResolved(detail=cmd.exception))
    held.status, held.resolution = "resolved", cmd.resolution
    desk.open.pop((held.plant, held.subject, held.reason), None)
    event = ExceptionResolved(
        exception=held.exception,
        flow=held.flow,
        plant=held.plant,
        subject=held.subject,
        resolution=cmd.resolution,
    )
    undoes = (effect_id("desk.exception.raise", (held.plant, held.subject, held.reason)),)
    return Committed(_view(held), emit=(event,), undoes=undoes)


def _reveals(held: DeskException) -> tuple[tuple[str, int], ...]:
    return ((effect_id("desk.exception.raise", (held.plant, held.subject, held.reason)), 0),)


def _view(held: DeskException) -> ExceptionView:
    return ExceptionView(
        held.exception,
        held.flow,
        held.subject,
        held.plant,
        held.owner,
        held.reason,
        held.text,
        held.status,
        held.resolution,
    )
