"""Leaves the plant out of the key: with one plant, where it was built, confirmation numbers were unique."""

from dataclasses import replace

from pilotplant.reference.identity import IdempotencyKeys
from pilotplant.reference.parts import Parts

NUMBER = 49
NAME = "key collision across plants"
CHECK = "data"
SCENARIO = "eco-cascade"


class NumberAlone(IdempotencyKeys):
    """The confirmation's number is its name."""

    def key(self, plant: str, confirmation: str, refusals: int) -> str:
        return super().key("", confirmation, refusals)


PARTS = replace(Parts(), keys=NumberAlone)
