"""Which triggers are ever sent to the target: where none of a kind is, no reachable endpoint would help."""

from pilotplant.checks.case import Case
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.records import Deliver


class Untold:
    """Follows deliveries, and says what would let the target know of what it was never told."""

    def __init__(self, case: Case, promises: Promises) -> None:
        self._case = case
        self._promises = promises
        self._sent: set[int] = set()
        """The events of which any was sent, as triggers."""

    def on_deliver(self, record: Deliver) -> None:
        """An event is sent."""
        if (trigger := self._promises.triggers.get(record.emit)) is not None:
            self._sent.add(trigger.operation)

    def would_help(self, instance: Instance) -> str:
        """What would let the target know of an instance."""
        trigger = self._promises.triggers.get(instance.trigger)
        if trigger is None or trigger.operation in self._sent:
            return "see to it that the target's endpoint is reachable, or that it looks where no events are posted"
        return (
            f"no `{self._case.operation(trigger.operation)}` was sent to the target: let its `deliver` take that event "
            f"(`events`), leave `{self._case.flows[instance.flow].flow}` out of `flows`, or see to it that the target "
            "looks where no events are posted"
        )
