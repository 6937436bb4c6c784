"""Fetches a token wherever one is missing: when it expires, every call under way fetches one of its own."""

from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.tokens import TokenKeeper

NUMBER = 40
NAME = "token refresh stampede"
CHECK = "manners"
SCENARIO = "token-expiry"


class EveryoneFetches(TokenKeeper):
    """Does not ask whether somebody is fetching one already."""

    async def _current(self) -> str:
        if self._token and self._clock.monotonic() < self._renew_at:
            return self._token
        return await self._fetch()


PARTS = replace(Parts(), tokens=EveryoneFetches)
