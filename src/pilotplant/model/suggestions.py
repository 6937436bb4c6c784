"""What somebody who mistyped a name may have meant."""

import difflib
from collections.abc import Iterable

DID_YOU_MEAN = "; did you mean "
"""Separates what is wrong from the suggestion, for those who show the two apart."""

LENGTH_MAX = 80
"""Nobody mistypes a longer name, and comparing takes quadratic time."""

LISTED_MAX = 12


def nearest(given: str, candidates: Iterable[str]) -> str:
    """The candidate that looks most like what was given, or nothing."""
    if not given or len(given) > LENGTH_MAX:
        return ""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(given.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else ""


def did_you_mean(given: str, candidates: Iterable[str]) -> str:
    """The end of a message: a question with the nearest candidate, or nothing."""
    found = nearest(given, candidates)
    return f"{DID_YOU_MEAN}`{found}`?" if found and found != given else ""


def listed(names: Iterable[str]) -> str:
    """Names for a sentence: in order, in backticks, not too many."""
    ordered = sorted(names)
    shown = ", ".join(f"`{name}`" for name in ordered[:LISTED_MAX])
    more = len(ordered) - LISTED_MAX
    return f"{shown} and {more} more" if more > 0 else shown
