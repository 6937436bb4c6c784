"""Accepts a signature of any age: whoever has recorded an event can send it again."""

from dataclasses import replace
from math import inf

from pilotplant.reference.parts import Parts
from pilotplant.reference.signature import SignatureCheck

NUMBER = 55
NAME = "accepts a replayed old signature"
CHECK = "security"
SCENARIO = "forged-events"


class NeverTooOld(SignatureCheck):
    """Checks who signed, not when."""

    def __init__(self, secret: str, *, age_max_s: float) -> None:
        super().__init__(secret, age_max_s=inf)


PARTS = replace(Parts(), signature=NeverTooOld)
