"""Withdrawals that the target knows of: those it acknowledged in its present life.

Whoever dies may have lost what it had acknowledged (its folder is empty after a cold restart) and hears of it again;
until then it cannot be held to it.
"""

from typing import Any

from pilotplant.checks.case import Case
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import UNBELIEVABLE, Ack, Crash, Deliver, Emit


class Recalls:
    """Follows the events that withdraw something, from the event to the acknowledgement."""

    def __init__(self, case: Case) -> None:
        self._cancels = {flow.cancelled_by for flow in case.flows if flow.cancelled_by}
        self._recalling: dict[int, str] = {}
        """By event, what it withdraws."""
        self._disbelieved: set[tuple[int, int]] = set()
        self._recalled: dict[str, Ack] = {}

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""

        def withdraws(named: Named) -> bool:
            return named.name in self._cancels

        return {
            Emit: (withdraws, self.on_emit),
            Deliver: (None, self.on_deliver),
            Ack: (None, self.on_ack),
            Crash: (None, self.on_crash),
        }

    def on_emit(self, record: Emit) -> None:
        """Something is withdrawn."""
        self._recalling[record.seq] = record.effect.partition("|")[2]

    def on_deliver(self, record: Deliver) -> None:
        """Nobody need believe a forged withdrawal."""
        if record.emit in self._recalling and record.bent in UNBELIEVABLE:
            self._disbelieved.add((record.emit, record.attempt))

    def on_ack(self, record: Ack) -> None:
        """The target says that it has heard of it."""
        subject = self._recalling.get(record.emit) if self._recalling else None
        if subject is None or not 200 <= record.status < 300:
            return
        if (record.emit, record.attempt) not in self._disbelieved:
            self._recalled.setdefault(subject, record)

    def on_crash(self, _record: Crash) -> None:
        """From here on it may know of nothing."""
        self._recalled.clear()

    def known_since(self, subject: str) -> Ack | None:
        """How the target acknowledged that this is withdrawn; nothing if it need not know."""
        return self._recalled.get(subject)
