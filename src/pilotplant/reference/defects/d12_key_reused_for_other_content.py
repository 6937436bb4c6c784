"""Counts idempotency keys from 1 and forgets the count with the process: after a restart other facts get old keys."""

from dataclasses import replace

from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.parts import Parts

NUMBER = 12
NAME = "key reused for other content"
CHECK = "once"
SCENARIO = "middleware-crash"


class CountedKeys(IdempotencyKeys):
    """A running number for each fact, kept in memory."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, int], int] = {}

    def key(self, plant: str, confirmation: str, refusals: int) -> str:
        number = self._numbers.setdefault((plant, confirmation, refusals), len(self._numbers) + 1)
        return f"posting-{number:08d}"


PARTS = replace(Parts(), keys=CountedKeys)
