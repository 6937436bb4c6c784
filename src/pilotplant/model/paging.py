"""Lists: pages with an opaque cursor that survives insertions, and what has changed since somebody looked last.

A list operation takes a `PageQuery`, returns `paged(…)` and declares with `rows` what identifies a row. That is all:
which rows changed when, what is gone, and how exactly the profile tells, the system adds (`systems/rows.py`).
"""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from pilotplant.model.operation import Command
from pilotplant.model.outcome import Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem

T = TypeVar("T")
PAGE_MAX = 1000
Revealed = tuple[tuple[str, int], ...]


@problem("bad-cursor", 400, "The cursor or limit cannot be used")
class BadCursor(Rejection, frozen=True, kw_only=True, gc=False):
    """A cursor or a point in time must be one that this system gave out; a limit lies between 1 and 1,000."""


class PageQuery(Command, frozen=True, kw_only=True):
    """Base of list queries. `changed_since` is the `as_of` of an earlier answer: only what has changed from then on,
    and what is gone, is listed."""

    limit: int = 100
    cursor: str = ""
    changed_since: str = ""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list. `next` is empty on the last one; a page may be shorter than was asked for and not be the last.

    `as_of` is what to ask with for changes from then on: that of the first page. Of a list of changes, `changed` says
    when each of the items did, where the system tells, and `removed` which rows are not in the list (any more).
    """

    items: list[T]
    next: str
    as_of: str = ""
    changed: list[str] = []
    removed: list[str] = []


class Listed(Found, frozen=True, gc=False):
    """A page, and what it takes to make it one of changes only."""

    keys: Sequence[str] = ()
    view: Callable[[str], Any] = str
    reveals_of: Callable[[str], Revealed] = lambda _key: ()


def paged(
    keys: Sequence[str],
    limit: int,
    cursor: str,
    view: Callable[[str], object],
    reveals: Callable[[str], Revealed] = lambda _key: (),
) -> Outcome:
    """The page of `keys` after the cursor. Keys are shown in sorted order, so that none is skipped while data
    change."""
    try:
        shown, after = cut(keys, limit, cursor)
    except ValueError as error:
        return Refused(BadCursor(detail=str(error)))
    revealed = tuple(pair for key in shown for pair in reveals(key))
    return Listed(Page([view(key) for key in shown], after), revealed, "", keys, view, reveals)


def cut(keys: Sequence[str], limit: int, cursor: str) -> tuple[list[str], str]:
    """The keys of a page and the cursor of the next one; raises a `ValueError` for what no system gave out."""
    if not 1 <= limit <= PAGE_MAX:
        raise ValueError(f"limit={limit} must lie between 1 and {PAGE_MAX}")
    ordered = sorted(keys)
    try:
        start = bisect_right(ordered, unsealed(cursor)) if cursor else 0
    except (binascii.Error, UnicodeError):
        raise ValueError("the cursor is not one of this system") from None
    shown = ordered[start : start + limit]
    more = start + limit < len(ordered)
    return shown, sealed(shown[-1]) if more else ""


def sealed(text: str) -> str:
    """A text that callers are to give back and not to read."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def unsealed(given: str) -> str:
    """The text in what `sealed` made; raises for anything else. The decoder alone would skip strange characters."""
    text = base64.urlsafe_b64decode(given.encode()).decode()
    if sealed(text) != given:
        raise binascii.Error
    return text
