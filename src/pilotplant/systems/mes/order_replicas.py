"""Orders as a shop floor should have them, given the ERP that released them and the changes that engineering has made.

Which revision is right depends on the order's rule: that of the day on which it starts, or the one that it was released
with. What the target could not have known is not held against it: every revision counts that was the right one by what
was released until some moment after the order's release. A change that says what becomes of open orders narrows that.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.state import OrderState
from pilotplant.systems.mes.operations import DispatchOrder
from pilotplant.systems.mes.state import Mes, ShopOrder
from pilotplant.systems.mes.wip import FOLLOWS

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]
AT_ONCE_S = 0.001


class Made(msgspec.Struct, frozen=True):
    """What an order is to make."""

    item: str
    revision: str
    quantity: float


def rule_of(estate: "Estate", plant: str) -> str:
    """By which rule orders of a plant choose their revision."""
    return str(estate.spec.plants[plant].rules.order_revision)


def due_revision(estate: "Estate", released: OrderState, known_at: float = inf) -> str:
    """The revision that an order is to be made in, by what is known at a moment."""
    plant, item = released.order.plant, released.order.item
    if rule_of(estate, plant) != FOLLOWS:
        return released.released_revision
    return str(estate.systems["plm"].state.valid_on(plant, item, released.start_at, known_at))


def _permitted(estate: "Estate", released: OrderState, made: ShopOrder | None) -> Iterator[str]:
    """The revisions that may be held, the one that is due by all that is known now first."""
    due = due_revision(estate, released)
    yield due
    plant, item = released.order.plant, released.order.item
    if rule_of(estate, plant) != FOLLOWS:
        return
    plm = estate.systems["plm"].state
    # What was released in the very moment of the order may have come after it.
    since = max((released.released_at - AT_ONCE_S, *_narrowed(estate, released, made)))
    moments = {since}
    for change in plm.changes.values():
        moments.update(at for at in (change.released_at, change.cancelled_at) if at > since)
    for moment in sorted(moments, reverse=True):
        yield due_revision(estate, released, moment)
    erp = estate.serving("erp", plant)
    version = erp.state.version(plant, item) if erp else None
    if version is not None and ordinal(version.revision) < ordinal(due_revision(estate, released)):
        yield version.revision  # the plant never took the newer one: this is what it can make
    if erp is not None and made is not None and made.revision != due and not erp.state.ever_active(plant, item, due):
        yield from _executable_then(estate, plant, made)
    if made is not None and made.rule == FOLLOWS and made.dispatched_at:
        yield from _taken_over(estate, released)


def _executable_then(estate: "Estate", plant: str, made: ShopOrder) -> Iterator[str]:
    """What the shop floor could make when it got the order."""
    mes = estate.serving("mes", plant)
    if mes is not None and (held := mes.state.executable_at(made.item, made.dispatched_at)) is not None:
        yield held.revision


def _taken_over(estate: "Estate", released: OrderState) -> Iterator[str]:
    """Revisions of changes that take open orders with them, whatever the day on which those were to start."""
    for change in estate.systems["plm"].state.changes.values():
        for affected in change.affected:
            concerned = affected.item == released.order.item and released.order.plant in affected.plants
            if concerned and change.released_at and change.wip == "re-read":
                yield affected.to_revision


def _narrowed(estate: "Estate", released: OrderState, made: ShopOrder | None) -> Iterator[float]:
    """When changes were released that were to take an order with them, or to hold it, and could have: it was waiting
    when their instructions became executable."""
    plant, item = released.order.plant, released.order.item
    system = estate.serving("mes", plant)
    if made is None or system is None or not made.dispatched_at:
        return
    executable = {each.instructions.revision: each.at for each in system.state.history.get(item, ())}
    for change in estate.systems["plm"].state.changes.values():
        if change.wip == "keep" or change.cancelled_at or not 0 < change.effective_at <= released.start_at:
            continue
        for affected in change.affected:
            at = executable.get(affected.to_revision, inf)
            waited = made.dispatched_at < at and not 0 < made.begun_at <= at
            held = change.wip == "hold" and made.held_at >= at
            if affected.item == item and plant in affected.plants and waited and not held and at < inf:
                yield change.released_at


def _released(estate: "Estate", keys: Keys) -> OrderState | None:
    plant, order = keys
    erp = estate.serving("erp", plant)
    held = erp.state.orders.get(order) if erp else None
    return held if held is not None and held.released_at else None


def _intended(estate: "Estate", keys: Keys) -> DispatchOrder | None:
    plant, order = keys
    released, mes = _released(estate, keys), estate.serving("mes", plant)
    if released is None or mes is None:
        return None
    made = mes.state.orders.get(order)
    permitted = list(_permitted(estate, released, made))
    return DispatchOrder(
        plant=plant,
        order=order,
        item=released.order.item,
        revision=made.revision if made is not None and made.revision in permitted else permitted[0],
        quantity=_quantity(estate, released),
        start=datetime.fromtimestamp(released.start_at, UTC),
    )


def _quantity(estate: "Estate", released: OrderState) -> float:
    """In the unit in which the shop floor counts."""
    plant, item = released.order.plant, released.order.item
    erp = estate.serving("erp", plant)
    held = erp.state.item(plant, item) if erp else None
    return released.quantity / held.per_base if held else released.quantity


def _held(mes: Mes, keys: Keys) -> DispatchOrder | None:
    plant, order = keys
    made = mes.orders.get(order)
    if made is None:
        return None
    return DispatchOrder(plant=plant, order=order, item=made.item, revision=made.revision, quantity=made.quantity)


def _form(mes: Mes, command: DispatchOrder) -> Made:
    del mes
    return Made(command.item, command.revision, round(command.quantity, 6))


DISPATCHED = Replica("mes.order.dispatch", _intended, _held, _form)
