"""How much later than intended a flow was triggered: what closed load tests hide (coordinated omission).

A stimulus says for which moment it was intended. What it makes a system state is stated in the same instant.
"""

from typing import Any

from pilotplant.checks.case import Case
from pilotplant.ledger.records import Commit, Emit, Stimulus


class Intended:
    """Follows stimuli to the triggers that they are the cause of; remembers only what is late and open."""

    def __init__(self, case: Case) -> None:
        self._triggers = {trigger for flow in case.flows for trigger in flow.triggers}
        self._stimulus: Stimulus | None = None
        self._commit = 0
        self._lags: dict[int, float] = {}

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        sources = {trigger.partition(".")[0] for trigger in self._triggers}
        return {
            Stimulus: (None, self.on_stimulus),
            Commit: (lambda named: named.name.partition(".")[0] in sources, self.on_commit),
            Emit: (lambda named: named.name in self._triggers, self.on_emit),
        }

    def on_stimulus(self, record: Stimulus) -> None:
        """Somebody lets a system act."""
        self._stimulus = record

    def on_commit(self, record: Commit) -> None:
        """The system acted: right after the stimulus, at the same moment, and for nobody's request."""
        stimulus = self._stimulus
        if stimulus is not None and record.exchange == 0 and record.t == stimulus.t:
            self._commit = record.seq

    def on_emit(self, record: Emit) -> None:
        """And says so."""
        stimulus = self._stimulus
        if stimulus is not None and record.cause == self._commit and record.t > stimulus.planned:
            self._lags[record.seq] = record.t - stimulus.planned

    def lag(self, trigger: int) -> float:
        """How much later than intended this event was stated."""
        return self._lags.get(trigger, 0.0)

    def forget(self, trigger: int) -> None:
        """Nothing more depends on this event."""
        self._lags.pop(trigger, None)
