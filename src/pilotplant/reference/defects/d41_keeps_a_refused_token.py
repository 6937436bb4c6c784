"""Keeps a token until its time is up, even if it is refused before: `expires_in` says that it is valid."""

from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.tokens import TokenKeeper

NUMBER = 41
NAME = "keeps an expired token, or gives up on 401"
CHECK = "manners"
SCENARIO = "token-expiry"


class KeepsTheToken(TokenKeeper):
    """Learns nothing from a 401."""

    def refused(self, headers: dict[str, str]) -> bool:
        return False


PARTS = replace(Parts(), tokens=KeepsTheToken)
