"""What an idempotency key means to a system: nothing, a barrier (`strict`), or a replay of the first answer
(`stripe`)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from pilotplant.exchange.wire import WireResponse
from pilotplant.model.problem import (
    IdempotencyConflict,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Rejection,
)

RETAINED_S = 86_400.0


@dataclass(slots=True)
class _Remembered:
    fingerprint: int
    since: float
    response: WireResponse | None = None


class IdempotencyKeys:
    """The keys of one system."""

    def __init__(self, mode: Literal["none", "strict", "stripe"]) -> None:
        self.mode = mode
        self._keys: OrderedDict[str, _Remembered] = OrderedDict()

    def admit(self, key: str, fingerprint: int, now: float) -> Rejection | WireResponse | None:
        """What to answer at once; nothing if the request is to be carried out."""
        if self.mode == "none":
            return None
        if not key:
            return IdempotencyKeyMissing() if self.mode == "strict" else None
        self._forget(now)
        known = self._keys.get(key)
        if known is None:
            self._keys[key] = _Remembered(fingerprint, now)
            return None
        if known.fingerprint != fingerprint:
            return IdempotencyKeyReused()
        if known.response is None or self.mode == "strict":
            return IdempotencyConflict()
        return known.response._replace(headers=(*known.response.headers, (b"idempotency-replayed", b"true")))

    def settle(self, key: str, response: WireResponse) -> None:
        """Remember the answer. A strict system refuses what it accepted before; what it refused may come again."""
        if self.mode == "strict" and response.status >= 400:
            self.release(key)
        elif key in self._keys:
            self._keys[key].response = response

    def release(self, key: str) -> None:
        """Nothing was carried out: the key is free."""
        self._keys.pop(key, None)

    def _forget(self, now: float) -> None:
        while self._keys:
            key, oldest = next(iter(self._keys.items()))
            if oldest.since + RETAINED_S > now:
                return
            del self._keys[key]
