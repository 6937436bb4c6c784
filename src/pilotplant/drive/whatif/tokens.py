"""Asks a system for the token that its calls carry: one request at a time."""

from collections.abc import Callable
from functools import partial

import msgspec

from pilotplant.drive.whatif.performance import Alive, Performance
from pilotplant.exchange.authentication import Token
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.wire import WireRequest, WireResponse

_MARGIN = 0.95
"""A new one is asked for when so much of the life of the old one is over."""

Ended = Callable[[Token | None, WireResponse | None], None]
"""Called with the token, or with none, and with what was answered."""


class Tokens:
    """The credentials of a port that have to be fetched, where its system wants such."""

    def __init__(self, boundary: Boundary, timeout_s: float, alive: Alive, ended: Ended) -> None:
        self.asked = False
        """Whether one is asked for, or will be after a pause."""
        self.attempts = 0
        """How often in a row, without success."""
        self.fetched = 0
        self._boundary = boundary
        self._timeout_s = timeout_s
        self._alive = alive
        self._ended = ended
        self._needed = boundary.credentials.kind == "oauth2"
        self.until = -1.0 if self._needed else float("inf")
        """When a new one is needed, in wire time."""

    def drop(self) -> None:
        """The one that is there is not taken any more."""
        if self._needed:
            self.until = -1.0

    def forget(self) -> None:
        """The middleware died."""
        self.asked, self.attempts = False, 0
        self.drop()

    def ask(self) -> None:
        """Ask for one, unless that is seen to."""
        if self.asked:
            return
        self.asked = True
        self.attempts += 1
        given = self._boundary.credentials
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
        }
        body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
        request = WireRequest("POST", "/oauth/token", b"", {}, body, 0, self._alive.incarnation)
        exchange = open_token(self._boundary, form, request)
        performance = Performance(exchange, self._alive, partial(self._answered, self._alive.life))
        if performance.patience_needed_s >= self._timeout_s:
            late = partial(self._late, self._alive.life, performance)
            self._alive.later(self._timeout_s, lambda _event: late())
        performance.go()

    def _late(self, life: int, performance: Performance) -> None:
        if not self._alive.thawed(partial(self._late, life, performance)):
            return
        if not performance.over and not performance.gone:
            performance.gone = True
            self._answered(life, None)

    def _answered(self, life: int, response: WireResponse | None) -> None:
        if not self._alive.thawed(partial(self._answered, life, response)) or life != self._alive.life:
            return
        token = _read(response)
        if token is not None:
            self.asked, self.attempts = False, 0
            self.fetched += 1
            self.until = self._boundary.env.now + token.expires_in * _MARGIN
        self._ended(token, response)


def _read(response: WireResponse | None) -> Token | None:
    """The token, if the answer is one: a fault may have garbled it."""
    if response is None or response.status >= 300:
        return None
    try:
        return msgspec.json.decode(response.body, type=Token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
