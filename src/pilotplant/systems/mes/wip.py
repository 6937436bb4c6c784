"""Open orders when another revision becomes executable: kept, re-read, or held, as the change's disposition says."""

from pilotplant.model.instants import Instant
from pilotplant.systems.mes.state import Mes, ShopOrder

FOLLOWS = "start-date"
"""The rule of orders that take the revision of the day on which they start; the others keep what they have."""


def dispose(mes: Mes, item: str, revision: str, wip: str, now: Instant) -> None:
    """Deal with the open orders of an item whose instructions have just become executable in a revision."""
    if wip == "keep":
        return
    for order in mes.orders.values():
        if order.item != item or order.revision == revision or not _concerned(order):
            continue
        if wip == "re-read":
            order.revision, order.row = revision, order.row + 1
        elif order.status == "dispatched":
            order.status, order.row, order.held_at = "held", order.row + 1, now.business


def _concerned(order: ShopOrder) -> bool:
    """Orders that were dispatched in this run, follow the revision of the day, and were not begun: material that is
    being worked on cannot become something else."""
    return bool(order.dispatched_at) and order.rule == FOLLOWS and not order.begun_at and order.status != "completed"
