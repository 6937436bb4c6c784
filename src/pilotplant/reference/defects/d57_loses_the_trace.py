"""Books confirmations without the trace of their event: the context was not carried through the queue."""

from dataclasses import replace

from pilotplant.reference.flows.production_confirmation import ProductionConfirmations
from pilotplant.reference.messages import OrderCompleted
from pilotplant.reference.parts import Parts

NUMBER = 57
NAME = "loses the correlation id"
CHECK = "traceability"
SCENARIO = "eco-cascade"


class ForgetsTheTrace(ProductionConfirmations):
    """Keeps what is to be done, not why."""

    def take(self, done: OrderCompleted, traceparent: str) -> None:
        super().take(done, "")


PARTS = replace(Parts(), flows=(ForgetsTheTrace,))
