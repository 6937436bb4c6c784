"""What an answer says to its caller: whether it is for good, what is missing, and when to come again."""

from email.utils import parsedate_to_datetime

import msgspec

from pilotplant.exchange.wire import WireResponse
from pilotplant.model.problem import RateLimited, RequestLimitExceeded

_MAY_PASS = frozenset((401, 408, 423, 425, 429))
"""Refusals after which the same may succeed; what a document says of itself (`definite`) goes before."""
_LIMITS = frozenset((RateLimited.code, RequestLimitExceeded.code))
"""What a document says of itself where a limit was reached, whatever its status."""


def told(response: WireResponse | None) -> tuple[str, tuple[str, ...], bool]:
    """What a refusal says of itself: its code, the items that are missing, and whether it is for good."""
    if response is None:
        return "no-answer", (), False
    code = ""
    items: tuple[str, ...] = ()
    definite = 400 <= response.status < 500 and response.status not in _MAY_PASS
    try:
        document = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return code, items, definite
    if isinstance(document, dict):
        code = str(document.get("code", ""))
        definite = definite and code not in _LIMITS and document.get("definite", True) is not False
        items = tuple(map(str, document.get("items", ())))
    return code, items, definite


def by_a_limit(status: int, code: str) -> bool:
    """Whether a limit said no: the system is well, and wants less."""
    return status == 429 or code in _LIMITS


def is_failure(status: int) -> bool:
    """Whether a system failed: it broke the line, or said so itself, or what it said cannot be read."""
    return status < 400 or status >= 500


def asked_s(response: WireResponse | None, unix: float) -> float:
    """How long an answer asks its caller to wait."""
    if response is None:
        return 0.0
    for name, value in response.headers:
        if name == b"retry-after":
            given = value.decode("latin-1")
            if given.isdigit():
                return float(given)
            try:
                return max(0.0, parsedate_to_datetime(given).timestamp() - unix)
            except ValueError:
                return 0.0
    return 0.0
