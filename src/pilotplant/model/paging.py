"""Pages of a list: an opaque cursor that survives insertions, the way the simulators' list operations answer."""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from pilotplant.model.outcome import Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem

T = TypeVar("T")
PAGE_MAX = 1000


@problem("bad-cursor", 400, "The cursor or limit cannot be used")
class BadCursor(Rejection, frozen=True, kw_only=True, gc=False):
    """A cursor must be one that this system gave out; a limit lies between 1 and 1,000."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list. `next` is empty on the last one."""

    items: list[T]
    next: str


def paged(
    keys: Sequence[str],
    limit: int,
    cursor: str,
    view: Callable[[str], object],
    reveals: Callable[[str], tuple[tuple[str, int], ...]] = lambda _key: (),
) -> Outcome:
    """The page of `keys` after the cursor. Keys are shown in sorted order, so that none is skipped while data
    change."""
    if not 1 <= limit <= PAGE_MAX:
        return Refused(BadCursor(detail=f"limit={limit} must lie between 1 and {PAGE_MAX}"))
    ordered = sorted(keys)
    try:
        start = bisect_right(ordered, _key(cursor)) if cursor else 0
    except (binascii.Error, UnicodeError):
        return Refused(BadCursor(detail="the cursor is not one of this system"))
    shown = ordered[start : start + limit]
    more = start + limit < len(ordered)
    after = _cursor(shown[-1]) if more else ""
    revealed = tuple(pair for key in shown for pair in reveals(key))
    return Found(Page([view(key) for key in shown], after), revealed)


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key(cursor: str) -> str:
    """The key in a cursor; raises for what `_cursor` did not make. The decoder alone would skip strange characters."""
    key = base64.urlsafe_b64decode(cursor.encode()).decode()
    if _cursor(key) != cursor:
        raise binascii.Error
    return key
