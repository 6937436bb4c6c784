"""What was built that nobody needs: units made in a revision that the order's rule and the changes forbid.

No message is wrong here, and no check convicts: that is what a late or missing message costs. Only orders that were
released in the run are looked at; what was in work when it began was begun by older rules.
"""

from pilotplant.ledger.records import Loss
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import effect_id
from pilotplant.systems.estate import Estate
from pilotplant.systems.mes.events import OrderCompleted
from pilotplant.systems.mes.order_replicas import due_revision
from pilotplant.systems.system import Published

SUPERSEDED = "superseded-revision"


class Losses:
    """Listens to the estate and writes down what a finished order has lost."""

    def __init__(self, estate: Estate, ledger: LedgerWriter) -> None:
        self._estate = estate
        self._ledger = ledger

    def on_event(self, published: Published) -> None:
        """An order may have been finished."""
        done = published.event
        if isinstance(done, OrderCompleted):
            quantity = done.good + done.scrap + done.rework
            if quantity and (due := self._forbidden(done)):
                effect = effect_id("mes.order.completed", (done.plant, done.order, done.item, done.revision, due))
                now = self._estate.world.env.now
                self._ledger.write(Loss, now, published.system.number, effect, SUPERSEDED, quantity, published.seq)

    def _forbidden(self, done: OrderCompleted) -> str:
        """The revision that should have been built instead; empty where this one was right."""
        plant, estate = done.plant, self._estate
        erp, mes = estate.serving("erp", plant), estate.serving("mes", plant)
        released = erp.state.orders.get(done.order) if erp else None
        made = mes.state.orders.get(done.order) if mes else None
        if released is None or made is None or not released.released_at or not made.begun_at:
            return ""
        due = due_revision(estate, released, made.begun_at)
        if due == done.revision or self._kept(done, due, made.dispatched_at):
            return ""
        return due

    def _kept(self, done: OrderCompleted, due: str, dispatched_at: float) -> bool:
        """Whether the change that asks for the other revision came when the order was out already, and keeps those."""
        change = self._estate.systems["plm"].state.change_of(done.item, due)
        return change is not None and change.released_at > dispatched_at and change.wip == "keep"
