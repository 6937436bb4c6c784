"""Outages, as far as faults show them: since when something has been touching a system without a long pause."""

from pilotplant.ledger.records import FaultBitten


class Outages:
    """Follows what faults touch, against how long the target declares to keep trying."""

    def __init__(self, retry_budget_s: float) -> None:
        self._budget_s = retry_budget_s
        self._by_system: dict[int, tuple[float, float]] = {}
        """Since when faults have been touching a system without a long pause, and until when."""

    def on_bitten(self, record: FaultBitten) -> None:
        """A fault touched a system: an outage goes on, or another begins."""
        since, until = self._by_system.get(record.system, (record.t, record.t))
        # Whoever tries again ever more rarely, alone, touches what is down only then: no pause within its budget says
        # that the outage was over.
        self._by_system[record.system] = (since if record.t - until <= self._budget_s else record.t, record.t)

    def outlasted(self, t: float) -> bool:
        """Whether an outage that is hardly over has lasted longer than the target declares to keep trying."""
        budget_s = self._budget_s
        if not budget_s:
            return False
        spans = self._by_system.values()
        return any(t - since >= 0.9 * budget_s and t - until <= budget_s / 2 for since, until in spans)
