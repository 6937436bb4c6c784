"""Since the faults were lifted, how long some system had asked its callers to wait: that is the system's time, and not
the target's."""

from pilotplant.ledger.records import Heal, Reject


class Waits:
    """Merges the stretches that were asked for; whoever is asked twice waits once."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._asked: list[tuple[float, float]] = []
        self._until = 0.0

    def on_heal(self, record: Heal) -> None:
        """From here on it counts; what was asked for before may still last."""
        self._since = record.t
        self._asked = [(record.t, self._until)] if self._until > record.t else []
        self._until = max(self._until, record.t)

    def on_reject(self, record: Reject) -> None:
        """A refusal, perhaps with the wish to wait."""
        begin, end = max(record.t, self._until), record.t + record.wait_s
        if end > begin:
            self._until = end
            if self._since is not None:
                self._asked.append((begin, end))

    def took_s(self, t: float) -> float:
        """How long it is since the faults were lifted, less what was to be waited."""
        assert self._since is not None, "it counts from when the faults were lifted"
        return t - self._since - sum(max(0.0, min(end, t) - begin) for begin, end in self._asked)
