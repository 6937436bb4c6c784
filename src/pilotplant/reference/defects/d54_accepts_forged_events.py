"""Looks at the moment of a signature and not at the signature: the check was switched off to get a test through."""

from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.signature import HEADER, SignatureCheck, parse

NUMBER = 54
NAME = "accepts a forged event"
CHECK = "security"
SCENARIO = "forged-events"


class SignedByAnybody(SignatureCheck):
    """Any signature will do."""

    def objection(self, header: str, body: bytes, now: float) -> str:
        signed_at, signatures = parse(header)
        if not signed_at or not signatures:
            return f"the header {HEADER} is missing or malformed"
        if abs(now - int(signed_at)) > self._age_max_s:
            return "the signature is too old or from the future"
        return ""


PARTS = replace(Parts(), signature=SignedByAnybody)
