"""Makes an idempotency key for each request instead of each fact: the HTTP client adds one, as the example showed."""

from dataclasses import replace
from itertools import count

from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.relies_on_keys import ReliesOnKeys

NUMBER = 11
NAME = "new idempotency key per retry"
CHECK = "once"
SCENARIO = "ambiguous-timeouts"


class KeyPerRequest(IdempotencyKeys):
    """Never gives the same key twice."""

    def __init__(self) -> None:
        self._requests = count(1)

    def key(self, plant: str, confirmation: str, refusals: int) -> str:
        return f"{super().key(plant, confirmation, refusals)}-{next(self._requests)}"


PARTS = replace(Parts(), posting=ReliesOnKeys, keys=KeyPerRequest)
