"""A list of work: every event that the inbox lets through is a piece of work of its own.

Right as long as the inbox knows every event again: nothing behind it looks whether a confirmation was taken before.
"""

from itertools import count

from pilotplant.reference.flows.production_confirmation import ProductionConfirmations
from pilotplant.reference.messages import OrderCompleted


class WorkList(ProductionConfirmations):
    """Numbers pieces of work, as a table of jobs does, instead of knowing facts by their own numbers."""

    def take(self, done: OrderCompleted, traceparent: str) -> None:
        """Add a piece of work."""
        document = self.to.mapping.stock_document(done)
        names = (f"{done.confirmation}#{number}" if number > 1 else done.confirmation for number in count(1))
        job = next(name for name in names if self.find(done.plant, name) is None)
        self.note(done.plant, job, document if document.lines else b"", traceparent)
