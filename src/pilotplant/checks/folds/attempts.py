"""Requests that failed and came again: who they are, how they failed last, and how long was waited in between.

Only writes are followed: reads have no fingerprint, and two workers may well ask the same question. Memory is bounded:
of each open exchange its request is kept, of what failed a bounded number.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from math import inf

from pilotplant.ledger.records import Ending, Reject, Request, ResponseEnd, ResponseFirst
from pilotplant.model.problem import RequestLimitExceeded

Identity = tuple[int, int, int]
"""System, operation, fingerprint."""

_FOLLOWED_MAX = 20_000
_SEEN = frozenset((Ending.SENT, Ending.RESET, Ending.DROPPED))
_PERMANENT = frozenset((400, 403, 404, 405, 413, 415, 422))


@dataclass(slots=True)
class Failing:
    """A request that has not been answered well yet."""

    identity: Identity
    first: int
    last: int = 0
    """The request's last attempt."""
    ended: int = 0
    ended_at: float = 0.0
    status: int = 0
    """How the last attempt was answered; 0: not at all."""
    wait_s: float = 0.0
    """How long the last answer asked to wait."""
    times: int = 0
    refused: list[int] = field(default_factory=list)
    """Attempts that were refused for good, one after the other, for the same reason."""
    code: str = ""
    hurried: list[int] = field(default_factory=list)
    """Attempts that came right after the one before had failed."""


@dataclass(slots=True)
class Again:
    """A failed request came again."""

    request: Request
    failing: Failing
    pause_s: float


class Attempts:
    """Follows the writes. Feed it the records; `again` is what the last request was, if it was a repetition."""

    def __init__(self) -> None:
        self.open: dict[int, Request] = {}
        self.failing: OrderedDict[Identity, Failing] = OrderedDict()
        self._refusals: dict[int, Reject] = {}
        self._bad: dict[int, int] = {}
        self.bitten: set[int] = set()
        """Open exchanges that a fault has touched."""
        self.well = False
        """Whether the last exchange that ended was answered, and well."""

    def on_request(self, record: Request) -> Again | None:
        """A request arrived; if it had failed before, what is known of that."""
        self.open[record.seq] = record
        if not self.failing or not record.fingerprint:
            return None
        failing = self.failing.get((record.system, record.operation, record.fingerprint))
        if failing is None or not failing.ended:
            return None
        again = Again(record, failing, record.t - failing.ended_at)
        failing.last, failing.ended = record.seq, 0
        return again

    def on_reject(self, record: Reject) -> None:
        """Why, and how long to wait."""
        if record.exchange in self.open:
            self._refusals[record.exchange] = record

    def on_first(self, record: ResponseFirst) -> None:
        """Only what is answered badly matters."""
        if record.status >= 400:
            self._bad[record.exchange] = record.status

    def on_end(self, record: ResponseEnd) -> Failing | None:
        """An exchange is over; if it failed, what is known of its request."""
        status = self._bad.pop(record.exchange, 0) if self._bad else 0
        self.well = record.ending == Ending.SENT and not status
        request = self.open.pop(record.exchange, None)
        if request is None:
            return None
        if not request.fingerprint:
            if self._refusals:
                self._refusals.pop(record.exchange, None)
            return None
        identity = (request.system, request.operation, request.fingerprint)
        failing = None
        if not self.well:
            failing = self._fail(identity, request, record, status)
        elif self.failing:
            self.failing.pop(identity, None)
        if self.bitten:
            self.bitten.discard(record.exchange)
        return failing

    def _fail(self, identity: Identity, request: Request, record: ResponseEnd, status: int) -> Failing:
        failing = self.failing.get(identity)
        if failing is None:
            if len(self.failing) >= _FOLLOWED_MAX:
                self.failing.popitem(last=False)
            failing = self.failing[identity] = Failing(identity, request.seq, request.seq)
        refusal = self._refusals.pop(record.exchange, None)
        answered = record.ending == Ending.SENT
        failing.times += 1
        failing.ended = record.seq
        # A caller who left had done so before: nobody knows how long it has been waiting since.
        failing.ended_at = record.t if record.ending in _SEEN else -inf
        failing.status = status if answered else 0
        failing.wait_s = refusal.wait_s if refusal is not None and answered else 0.0
        own = answered and record.exchange not in self.bitten
        lasting = refusal is not None and refusal.status in _PERMANENT and refusal.code != RequestLimitExceeded.code
        if own and lasting and refusal is not None and refusal.definite:
            if refusal.code != failing.code:
                failing.refused.clear()
                failing.code = refusal.code
            failing.refused.append(request.seq)
        else:
            failing.refused.clear()
            failing.code = ""
        return failing

    def forget(self) -> None:
        """What was tried before says nothing of what is tried from now on."""
        self.failing.clear()
