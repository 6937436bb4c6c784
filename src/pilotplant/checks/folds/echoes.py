"""Loops: a write whose own announcement makes the target write the very same again, and so on.

Told apart from honest work by its content: what others caused in between differs from what was written before.
"""

from dataclasses import dataclass, field

from pilotplant.checks.case import Case
from pilotplant.checks.folds.recent import Recent
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Commit, Deliver, Emit, Request

ROUNDS = 6
"""So often the very same has to be written, each time after its own announcement was delivered."""

_ANNOUNCED_MAX = 20_000


@dataclass(slots=True)
class Echo:
    """Writes of the same content to the same thing, each told to the target before the next."""

    fingerprint: int
    written: list[Commit] = field(default_factory=list)
    rounds: int = 1
    told: int = 0


class Echoes:
    """Follows the writes that systems announce."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._fingerprints: Recent[int, int] = Recent()
        self._echoes: Recent[str, Echo] = Recent()
        self._announced: dict[int, str] = {}
        self._last: Commit | None = None
        self.loops: dict[str, Echo] = {}

    def concerns(self, named: Named) -> bool:
        """Writes of things that others may change, too; what flows promise is nothing that a system announces."""
        return named.effect == "state" and not named.event and not named.query and not self._case.governed(named)

    def on_request(self, record: Request) -> None:
        """What is to be written."""
        self._fingerprints[record.seq] = record.fingerprint

    def on_commit(self, record: Commit) -> None:
        """It is written."""
        self._last = record
        fingerprint = self._fingerprints.pop(record.exchange)
        if not fingerprint:
            self._echoes.pop(record.effect)  # somebody else wrote: there is something to answer to
            return
        echo = self._echoes.get(record.effect)
        if echo is None or echo.fingerprint != fingerprint or not echo.written[-1].seq < echo.told < record.exchange:
            self._echoes[record.effect] = Echo(fingerprint, [record])
            return
        echo.rounds += 1
        echo.written = [*echo.written[-3:], record]
        if echo.rounds >= ROUNDS:
            self.loops[record.effect] = echo

    def on_emit(self, record: Emit) -> None:
        """A system announces what was just written."""
        if self._last is not None and record.cause == self._last.seq and self._last.effect in self._echoes:
            if len(self._announced) >= _ANNOUNCED_MAX:
                self._announced.clear()  # they are never delivered
            self._announced[record.seq] = self._last.effect

    def on_deliver(self, record: Deliver) -> None:
        """And tells the target."""
        if self._announced and record.emit in self._announced:
            echo = self._echoes.get(self._announced.pop(record.emit))
            if echo is not None:
                echo.told = record.seq
