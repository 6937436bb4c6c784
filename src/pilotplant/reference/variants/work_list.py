"""A list of work: every event that the inbox lets through is a piece of work of its own.

Right as long as the inbox knows every event again: nothing behind it looks whether a confirmation was taken before.
"""

import msgspec

from pilotplant.reference.confirmations import ProductionConfirmations
from pilotplant.reference.messages import OrderCompleted


class WorkList(ProductionConfirmations):
    """Numbers pieces of work, as a table of jobs does, instead of knowing facts by their own numbers."""

    def take(self, done: OrderCompleted, traceparent: str) -> None:
        """Add a piece of work."""
        document = self._mapping.stock_document(done)
        body = msgspec.json.encode(document) if document.lines else b""
        with self._store.transaction() as db:
            (before,) = db.execute(
                "select count(*) from confirmations where plant = ? and (confirmation = ? or confirmation like ?)",
                (done.plant, done.confirmation, f"{done.confirmation}#%"),
            ).fetchone()
            job = f"{done.confirmation}#{before + 1}" if before else done.confirmation
            db.execute(
                "insert into confirmations (plant, confirmation, document, traceparent) values (?, ?, ?, ?)",
                (done.plant, job, body, traceparent),
            )
        self._wake((done.plant, job))
