"""One attempt at one call: credentials, limits, time-out, and what the answer means."""

import asyncio
from typing import TypeVar

import httpx
import msgspec

from pilotplant.reference.calls import Call, CallFailed, Unsure, failure, unanswered
from pilotplant.reference.clock import Clock
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.tokens import TokenKeeper
from pilotplant.reference.traces import Traces

T = TypeVar("T")


class SystemClient:
    """Speaks to one system. Repeating is not its business."""

    def __init__(
        self,
        url: str,
        *,
        http: httpx.AsyncClient,
        tokens: TokenKeeper,
        limiter: Limiter,
        traces: Traces,
        clock: Clock,
        timeout_s: float | None,
    ) -> None:
        self.url = url
        self._http = http
        self._tokens = tokens
        self._limiter = limiter
        self._traces = traces
        self._clock = clock
        self._timeout_s = timeout_s

    async def send(self, call: Call, returns: type[T]) -> T:
        """Make the call once and read the answer as `returns`; raises a `CallFailed` otherwise."""
        async with self._limiter.turn():
            response = await self._authorised(call)
            if not response.is_success:
                failed = failure(response, self._clock.now())
                self._hold_back(failed)
                raise failed
            self._limiter.went_well()
        try:
            return msgspec.json.decode(response.content, type=returns)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # It was done, but what came of it cannot be read: a truncated answer is as good as none.
            raise Unsure("unreadable-answer", str(error)) from error

    async def _authorised(self, call: Call) -> httpx.Response:
        """A token may be withdrawn or expire at any moment: a 401 is worth one new token."""
        headers = await self._tokens.headers()
        response = await self._exchange(call, headers)
        if response.status_code == 401 and self._tokens.refused(headers):
            response = await self._exchange(call, await self._tokens.headers())
        return response

    async def _exchange(self, call: Call, credentials: dict[str, str]) -> httpx.Response:
        headers = {**credentials, "traceparent": self._traces.onward(call.traceparent)}
        if call.body:
            headers["content-type"] = "application/json"
        if call.idempotency_key:
            headers["idempotency-key"] = call.idempotency_key
        if call.if_match:
            headers["if-match"] = call.if_match
        try:
            # Over all of it: httpx counts each read for itself, and an answer may trickle for ever.
            async with asyncio.timeout(self._timeout_s):
                return await self._http.request(
                    call.method,
                    self.url + call.path,
                    params=call.query or None,
                    content=call.body or None,
                    headers=headers,
                    timeout=self._timeout_s,
                )
        except (httpx.TransportError, TimeoutError) as error:
            raise unanswered(error) from error
        except httpx.DecodingError as error:
            raise Unsure("unreadable-answer", str(error)) from error

    def _hold_back(self, failed: CallFailed) -> None:
        if failed.limited or failed.retry_after_s:
            self._limiter.hold_back(failed.retry_after_s, narrow=failed.limited)
