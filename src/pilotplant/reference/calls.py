"""A call to a system, and the only three ways in which it can fail.

CallFailed
├── Refusal    the system understood and said no; asking again changes nothing
├── NotNow     nothing was done; it may be asked again
├── Unsure     it may or may not have been done; ask what happened before doing it again
└── GaveUp     it was tried for as long as the retry budget allows
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx
import msgspec


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    traceparent: str = ""
    idempotency_key: str = ""
    if_match: str = ""


class CallFailed(Exception):
    """A call did not lead to an answer that says done."""

    def __init__(self, code: str, detail: str = "", *, retry_after_s: float = 0.0, limited: bool = False) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.limited = limited
        """Whether the system said that these are too many requests."""


class Refusal(CallFailed):
    """The system understood and said no."""


class NotNow(CallFailed):
    """Nothing was done."""


class Unsure(CallFailed):
    """It may or may not have been done."""


class GaveUp(CallFailed):
    """The retry budget is spent."""


class Problem(msgspec.Struct, frozen=True):
    """The part of an RFC 9457 problem document that decides what to do."""

    code: str = ""
    detail: str = ""
    definite: bool = False
    vendor_code: str = ""


_NO_PROBLEM = Problem()
_PASSING = frozenset((401, 408, 409, 412, 423, 425, 429))
"""Client errors that time or another attempt can cure."""
_SETTLED_CONFLICTS = frozenset(("effectivity-overlap", "effectivity-gap", "owned-here"))
"""Conflicts (409) that stay, however often one asks."""
_LIMIT_CODES = frozenset(("request-limit-exceeded", "SSS_REQUEST_LIMIT_EXCEEDED"))
"""How some systems say "too many requests" in a 400, in our code or in the vendor's."""


def failure(response: httpx.Response, now: float) -> CallFailed:
    """What an answer that is not a success means."""
    problem = _problem(response)
    status = response.status_code
    code = problem.code or f"http-{status}"
    if problem.code == "idempotency-conflict":
        # An earlier request with this key was accepted. Whether it was carried out is for the look-up to say.
        return Unsure(code, problem.detail)
    if status == 429 or code in _LIMIT_CODES or problem.vendor_code in _LIMIT_CODES:
        return NotNow(code, problem.detail, retry_after_s=_retry_after_s(response, now), limited=True)
    if 400 <= status < 500 and problem.definite and (status not in _PASSING or code in _SETTLED_CONFLICTS):
        return Refusal(code, problem.detail)
    if problem.definite or status in (401, 425):
        return NotNow(code, problem.detail, retry_after_s=_retry_after_s(response, now))
    return Unsure(code, problem.detail, retry_after_s=_retry_after_s(response, now))


def unanswered(error: httpx.TransportError | TimeoutError) -> CallFailed:
    """What it means that no answer came."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NotNow("unreachable", str(error))
    return Unsure("no-answer", str(error) or type(error).__name__)


def _problem(response: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NO_PROBLEM  # something on the way answered in the system's place


def _retry_after_s(response: httpx.Response, now: float) -> float:
    """`Retry-After` in seconds; it may also be given as a date."""
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - now)
    except ValueError:
        return 0.0
