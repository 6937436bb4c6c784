"""Getting in: an OAuth2 access token that is fetched once for all who wait for it, or an API key."""

import asyncio

import httpx
import msgspec

from pilotplant.reference.calls import NotNow, failure, unanswered
from pilotplant.reference.clock import Clock
from pilotplant.reference.settings import SystemAccess

PAUSE_AFTER_FAILURE_S = 0.3


class Token(msgspec.Struct, frozen=True):
    """The answer of a token endpoint."""

    access_token: str
    expires_in: float = 300.0


class TokenKeeper:
    """Keeps the credentials of one system."""

    def __init__(self, access: SystemAccess, http: httpx.AsyncClient, clock: Clock, *, timeout_s: float) -> None:
        self._access = access
        self._http = http
        self._clock = clock
        self._timeout_s = timeout_s
        self._token = ""
        self._renew_at = 0.0
        self._ask_again_at = 0.0
        self._fetching: asyncio.Task[str] | None = None

    async def headers(self) -> dict[str, str]:
        """The headers that let a call in."""
        if self._access.token_url:
            return {"authorization": f"Bearer {await self._current()}"}
        return {"x-api-key": self._access.api_key} if self._access.api_key else {}

    def refused(self, headers: dict[str, str]) -> bool:
        """Take note that the system did not accept these headers; say whether others can be had."""
        if not self._access.token_url:
            return False
        # Of many calls that fail with one old token, only the first may throw a token away.
        if headers.get("authorization") == f"Bearer {self._token}":
            self._token = ""
        return True

    async def _current(self) -> str:
        if self._token and self._clock.monotonic() < self._renew_at:
            return self._token
        if self._fetching is None:
            if self._clock.monotonic() < self._ask_again_at:
                # All who lack a token find out from one attempt that there is none.
                raise NotNow("no-token", "the token endpoint has just failed")
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        # Shielded: a caller who stops waiting must not take the token away from the others.
        return await asyncio.shield(self._fetching)

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self._fetching = None
        if not task.cancelled() and task.exception():  # those who waited have seen it
            self._ask_again_at = self._clock.monotonic() + PAUSE_AFTER_FAILURE_S

    async def _fetch(self) -> str:
        access = self._access
        form = {
            "grant_type": "client_credentials",
            "client_id": access.client_id,
            "client_secret": access.client_secret,
        }
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.post(access.token_url, data=form)
        except (httpx.TransportError, TimeoutError) as error:
            raise NotNow("no-token", str(unanswered(error))) from error
        if not response.is_success:
            failed = failure(response, self._clock.now())
            raise NotNow("no-token", str(failed), retry_after_s=failed.retry_after_s)
        try:
            token = msgspec.json.decode(response.content, type=Token)
        except msgspec.DecodeError as error:
            raise NotNow("no-token", f"the token endpoint answered nonsense: {error}") from error
        # Early enough that no call arrives with a token that expired on its way.
        self._token, self._renew_at = token.access_token, asked_at + token.expires_in * 0.9
        return self._token
