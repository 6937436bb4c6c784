"""How long callers pause before they try again what failed, and how long they were asked to: rest waits for it."""

from email.utils import parsedate_to_datetime

from pilotplant.exchange.wire import WireRequest, WireResponse

MAY_ASK_TO_WAIT = frozenset((400, 429, 503))
_FAILURES_MAX = 10_000
"""How many failures are remembered, to see how long the target pauses before it tries again."""


class Patience:
    """What is learned of it at one system's door."""

    def __init__(self) -> None:
        self.longest_retry_gap_s = 0.0
        self.told_to_wait_until_s = 0.0
        """The latest moment until which an answer asked its caller to wait."""
        self._failed: dict[tuple[str, str, bytes, int], float] = {}

    def note_request(self, request: WireRequest, fingerprint: int, now: float) -> None:
        """A request came in; perhaps it is one that had failed."""
        if not self._failed:
            return
        failed_at = self._failed.pop((request.method, request.path, request.query, fingerprint), None)
        if failed_at is not None:
            self.longest_retry_gap_s = max(self.longest_retry_gap_s, now - failed_at)

    def note_failure(self, request: WireRequest, fingerprint: int, now: float) -> None:
        """Something failed in a way that lets a caller try the very same again, from `now` on: when it failed, or when
        the wait is over that it was asked for, since that is no pause of the caller's own."""
        if len(self._failed) >= _FAILURES_MAX:
            del self._failed[next(iter(self._failed))]
        self._failed[request.method, request.path, request.query, fingerprint] = now

    def note_answer(self, response: WireResponse, now: float, unix: float) -> float:
        """An answer goes out that may ask its caller to come again later; how much later."""
        told = dict(response.headers).get(b"retry-after", b"").decode("latin-1")
        if not told:
            return 0.0
        wait_s = float(told) if told.isdigit() else parsedate_to_datetime(told).timestamp() - unix
        self.told_to_wait_until_s = max(self.told_to_wait_until_s, now + wait_s)
        return max(0.0, wait_s)
