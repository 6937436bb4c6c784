"""Production orders on their way: created, released to the shop floor, confirmed, and confirmations taken back.

A confirmation may book receipt, backflush and scrap in one call. A movement that cannot be booked does not undo the
confirmation: it is told, and somebody has to book it later.
"""

from datetime import date
from typing import NamedTuple

import msgspec

from pilotplant.dataset.records import ProductionOrder
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Outcome, Refused
from pilotplant.systems.erp.events import ProductionOrderReleased, StockPosted
from pilotplant.systems.erp.orders import NameOrder, OrderView, etag, order_view
from pilotplant.systems.erp.problems import (
    ConfirmationExists,
    DocumentLocked,
    EmptyDocument,
    ItemNotAtPlant,
    ItemOnHold,
    NotProducible,
    OrderNotOpen,
    PeriodClosed,
    QuantityNotPositive,
    UnknownConfirmation,
    UnknownOrder,
    UnknownPlant,
)
from pilotplant.systems.erp.state import Confirmation, Erp, OrderState, StockDocument, StockLine
from pilotplant.systems.erp.stock import FIRST_NUMBER, PostLine, book, period_open, take_back
from pilotplant.systems.rules import rules_of

CONFIRM = "erp.production_order.confirm"


class CreateOrder(Command, frozen=True, kw_only=True):
    """What is to be made, in the plant's unit, and from when on; at once if nothing is said."""

    plant: str
    item: str
    quantity: float
    start: Moment | None = None


class ConfirmOrder(Command, frozen=True, kw_only=True):
    """What came out of an order, and what went in."""

    order: str
    confirmation: str
    posting_date: date
    lines: tuple[PostLine, ...]


class NameConfirmation(Command, frozen=True, kw_only=True):
    """Which confirmation of which order."""

    order: str
    confirmation: str


class FailedMovement(msgspec.Struct, frozen=True):
    """A movement that was not booked, and why."""

    movement: str
    item: str
    lot: str
    reason: str


class ConfirmationView(msgspec.Struct, frozen=True):
    """A confirmation: the document that it booked, and what it could not book."""

    plant: str
    order: str
    confirmation: str
    documents: list[str]
    failed: list[FailedMovement]
    cancelled: bool = False


class _Sorted(NamedTuple):
    """The movements of a confirmation that can be booked, and those that cannot."""

    good: list[StockLine]
    failed: list[FailedMovement]


@operation(
    "erp.production_order.create",
    rest="POST /production-orders",
    keys=("plant", "item"),
    effect=fact("plant", "order"),
    returns=OrderView,
    rejects=(UnknownPlant, ItemNotAtPlant, ItemOnHold, NotProducible, QuantityNotPositive),
)
def create_order(erp: Erp, cmd: CreateOrder, now: Instant) -> Outcome:
    """Create a production order for the version that is active now."""
    if cmd.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{cmd.plant} is not served by this ERP"))
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    if not 0 < cmd.quantity < 1e12:
        return Refused(QuantityNotPositive(detail=f"quantity {cmd.quantity}"))
    if held := erp.holds.get((cmd.plant, cmd.item)):
        return Refused(ItemOnHold(references=tuple(held)))
    version = erp.version(cmd.plant, cmd.item)
    if version is None:
        return Refused(NotProducible(detail=f"{cmd.item} at {cmd.plant}"))
    start_at = cmd.start.timestamp() if cmd.start else now.business
    created = plan_order(erp, cmd.plant, cmd.item, cmd.quantity, version.revision, start_at)
    return Committed(order_view(created), effects=(((cmd.plant, created.order.order), 0),), etag=etag(created))


@operation(
    "erp.production_order.release",
    rest="POST /production-orders/{order}/release",
    keys=("order",),
    effect=fact("plant", "order"),
    returns=OrderView,
    rejects=(UnknownOrder, DocumentLocked, OrderNotOpen, ItemOnHold, NotProducible),
    status=200,
)
def release_order(erp: Erp, cmd: NameOrder, now: Instant) -> Outcome:
    """Release an order to the shop floor, if nobody has it open and nothing holds its item."""
    held = erp.orders.get(cmd.order)
    if held is None:
        return Refused(UnknownOrder(detail=cmd.order))
    if now.wire < held.locked_until:
        return Refused(DocumentLocked(detail=f"order {cmd.order} is being edited"))
    if held.status not in ("created", "planned") or held.order.dispatched:
        return Refused(OrderNotOpen(status_now=held.status))
    plant, item = held.order.plant, held.order.item
    if holds := erp.holds.get((plant, item)):
        return Refused(ItemOnHold(references=tuple(holds)))
    kept = erp.item(plant, item)
    if kept is None or erp.version(plant, item) is None:
        return Refused(NotProducible(detail=f"{item} at {plant}"))
    held.status, held.row, held.released_at = "released", held.row + 1, now.business
    held.start_at = held.start_at or now.business
    held.released_revision = held.revision
    event = ProductionOrderReleased(
        plant=plant,
        order=cmd.order,
        item=item,
        revision=held.revision,
        quantity=held.quantity,
        unit=kept.unit,
        start=iso(held.start_at),
        rule=rules_of(erp.rules, plant).order_revision,
    )
    waits = (held,) if held.start_at > now.business else ()
    effects = (((plant, cmd.order), 0),)
    return Committed(order_view(held), emit=(event,), effects=effects, jobs=waits, etag=etag(held))


@operation(
    CONFIRM,
    rest="POST /production-orders/{order}/confirmations",
    keys=("order", "confirmation"),
    effect=fact("plant", "confirmation", "movement", "item", "lot", each="lines"),
    returns=ConfirmationView,
    rejects=(UnknownOrder, DocumentLocked, ConfirmationExists, EmptyDocument, PeriodClosed),
)
def confirm_order(erp: Erp, cmd: ConfirmOrder, now: Instant) -> Outcome:
    """Confirm what was made: book what can be booked, and say what could not. The confirmation stands in any case."""
    held = erp.orders.get(cmd.order)
    if held is None:
        return Refused(UnknownOrder(detail=cmd.order))
    if now.wire < held.locked_until:
        return Refused(DocumentLocked(detail=f"order {cmd.order} is being edited"))
    plant = held.order.plant
    if (plant, cmd.confirmation) in erp.confirmations:
        return Refused(ConfirmationExists(detail=cmd.confirmation))
    if not cmd.lines:
        return Refused(EmptyDocument())
    if not period_open(erp, plant, cmd.posting_date, now):
        return Refused(PeriodClosed(detail=f"{cmd.posting_date} lies outside the open periods"))
    movements = _sorted(erp, plant, cmd.lines)
    known = Confirmation(plant, cmd.order, cmd.confirmation, (), tuple(each.reason for each in movements.failed))
    events: tuple[StockPosted, ...] = ()
    if movements.good:
        day = cmd.posting_date.isoformat()
        document = StockDocument(plant, cmd.confirmation, day, now.wire, tuple(movements.good))
        number = book(erp, document)
        known.documents = (number,)
        name = str(FIRST_NUMBER + number)
        events = (StockPosted(plant=plant, document=name, source_document=cmd.confirmation),)
    erp.confirmations[plant, cmd.confirmation] = known
    facts = ((plant, cmd.confirmation, line.movement, line.item, line.lot) for line in movements.good)
    effects = tuple((keys, 0) for keys in dict.fromkeys(facts))
    return Committed(_view(known, movements.failed), emit=events, effects=effects)


@operation(
    "erp.production_order.cancel_confirmation",
    rest="POST /production-orders/{order}/confirmations/{confirmation}/cancellation",
    keys=("order", "confirmation"),
    effect=fact("plant", "confirmation"),
    returns=ConfirmationView,
    rejects=(UnknownOrder, UnknownConfirmation),
)
def cancel_confirmation(erp: Erp, cmd: NameConfirmation, now: Instant) -> Outcome:
    """Take a confirmation back, with everything that it booked."""
    held = erp.orders.get(cmd.order)
    if held is None:
        return Refused(UnknownOrder(detail=cmd.order))
    plant = held.order.plant
    known = erp.confirmations.pop((plant, cmd.confirmation), None)
    if known is None or known.order != cmd.order:
        if known is not None:
            erp.confirmations[plant, cmd.confirmation] = known
        return Refused(UnknownConfirmation(detail=cmd.confirmation))
    undone: list[str] = []
    for number in known.documents:
        if number in erp.documents.reversed:
            continue
        document = take_back(erp, number)
        facts = ((plant, cmd.confirmation, line.movement, line.item, line.lot) for line in document.lines)
        undone += [effect_id(CONFIRM, keys) for keys in dict.fromkeys(facts)]
    known.cancelled = True
    return Committed(_view(known, []), effects=(((plant, cmd.confirmation), 0),), undoes=tuple(undone))


def plan_order(
    erp: Erp, plant: str, item: str, quantity: float, revision: str, start_at: float, status: str = "created"
) -> OrderState:
    """Give an order its number and keep it."""
    erp.orders_created += 1
    number = f"PRO-{plant}-{erp.dataset.mark}N{erp.orders_created:05d}"
    order = ProductionOrder(plant, number, item, revision, quantity, 0.0, dispatched=False, remaining_s=0.0)
    created = erp.orders[number] = OrderState(order, quantity, revision, status=status, start_at=start_at)
    return created


def _sorted(erp: Erp, plant: str, lines: tuple[PostLine, ...]) -> _Sorted:
    movements = _Sorted([], [])
    for line in lines:
        held = erp.item(plant, line.item)
        converted = erp.in_plant_unit(plant, line.item, line.quantity, line.unit)
        if held is None:
            reason = ItemNotAtPlant.code
        elif not 0 < line.quantity < 1e12:
            reason = QuantityNotPositive.code
        elif line.movement not in ("receipt", "issue", "scrap"):
            reason = "not-of-production"
        elif converted is None:
            reason = "unit-not-convertible"
        elif line.movement == "issue" and _short(erp, plant, line, converted):
            reason = "stock-short"
        else:
            movements.good.append(StockLine(line.movement, line.item, line.lot, converted, held.unit))
            continue
        movements.failed.append(FailedMovement(line.movement, line.item, line.lot, reason))
    return movements


def _short(erp: Erp, plant: str, line: PostLine, quantity: float) -> bool:
    """Whether a backflush takes more than there is: a confirmation does not drive stock below zero."""
    return erp.balances.get((plant, line.item, line.lot), 0.0) < quantity


def _view(known: Confirmation, failed: list[FailedMovement]) -> ConfirmationView:
    documents = [str(FIRST_NUMBER + number) for number in known.documents]
    return ConfirmationView(known.plant, known.order, known.confirmation, documents, failed, known.cancelled)
