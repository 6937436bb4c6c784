"""Events that nobody can carry out, and whether a person was told of them.

Told is whatever may have been meant: an exception that names the event's subject, or one raised later that names
nothing known. So one word about an event that cannot be read does for all that came before it.
"""

from pilotplant.checks.folds.promises import EXCEPTION, Promises
from pilotplant.checks.folds.recent import Recent
from pilotplant.ledger.records import ILLEGIBLE, Ack, Commit, Deliver, Obligation, Reject

POISON = "poison"
_POISON_MAX = 5_000


class Dropped:
    """Follows poison among the events that ask for something."""

    def __init__(self, promises: Promises) -> None:
        self._promises = promises
        self._promising: Recent[int, bool] = Recent()
        self._sent: dict[tuple[int, int], Deliver] = {}
        self._taken: dict[tuple[int, str], tuple[Deliver, Ack]] = {}
        """By event and subject, the first delivery that was acknowledged."""
        self._raised: dict[str, int] = {}
        """By subject that is not known, the last exception."""

    def on_obligation(self, record: Obligation) -> None:
        """An event asks for something. What is done about others is nobody's business: a move from bin to bin may be
        passed over, of whatever it is."""
        self._promising[record.trigger] = True

    def on_deliver(self, record: Deliver) -> None:
        """Poison goes out."""
        if record.bent == POISON and record.about and record.emit in self._promising and len(self._taken) < _POISON_MAX:
            self._sent[record.emit, record.attempt] = record

    def on_ack(self, record: Ack) -> None:
        """The target says that it has it."""
        if self._sent:
            poison = self._sent.pop((record.emit, record.attempt), None)
            if poison is not None and 200 <= record.status < 300:
                self._taken.setdefault((poison.emit, poison.about), (poison, record))

    def on_exception(self, record: Commit | Reject) -> None:
        """A person is told, or would have been, had the desk taken it."""
        subject = record.effect.split("|")[2] if record.effect.startswith(EXCEPTION) else ""
        if record.exchange and not self._promises.concerned(subject):
            self._raised[subject] = record.seq

    def untold(self) -> list[tuple[Deliver, Ack]]:
        """What was acknowledged, and nobody was told of it."""
        subjects = {about.rpartition("/")[2] for _emit, about in self._taken if about != ILLEGIBLE}
        others = max((seq for subject, seq in self._raised.items() if subject not in subjects), default=0)
        return [
            (poison, ack)
            for poison, ack in self._taken.values()
            if poison.about.rpartition("/")[2] not in self._raised and others < poison.seq
        ]
