"""Posts again as soon as a look-up does not show the document: that ERP may show it a second later is in the manual."""

from dataclasses import replace

from pilotplant.reference.clock import Clock
from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.parts import Parts
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.retry import RetryPolicy

NUMBER = 34
NAME = "decides on a stale read"
CHECK = "atomicity"
SCENARIO = "ambiguous-timeouts"


class BelievesTheLookUp(StockPosting):
    """Takes "not shown" for "not booked"."""

    def __init__(self, retry: RetryPolicy, keys: IdempotencyKeys, clock: Clock, *, read_lag_s: float) -> None:
        super().__init__(retry, keys, clock, read_lag_s=0.0)


class NoKeys(IdempotencyKeys):
    """Whoever looks before posting needs no keys."""

    def key(self, plant: str, confirmation: str, refusals: int) -> str:
        return ""


PARTS = replace(Parts(), posting=BelievesTheLookUp, keys=NoKeys)
