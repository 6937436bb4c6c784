"""Differences of contracts as text: what breaks whom and why, then what breaks nobody."""

from collections.abc import Iterator, Sequence
from typing import get_args

from pilotplant.contracts.evolution.change import Change, Compared, Side
from pilotplant.reporting.wording import count, printable


def text(compared: Compared, sides: Sequence[Side], exit: int) -> str:
    """For a terminal: those that break first."""
    breaking = [change for change in compared.changes if change.breaking]
    safe = [change for change in compared.changes if not change.breaking]
    lines = [line for change in breaking for line in _broken(change)]
    lines += [f"safe      {_where(change)}: {_because(change)}" for change in safe]
    counted = [f"{len(compared.breaking(side))} break {side}s" for side in get_args(Side)]
    told = f"{count(len(compared.changes), 'change')} in {count(compared.documents, 'document')}: {', '.join(counted)}"
    verdict = "BREAKING" if compared.breaking(*sides) else "COMPATIBLE"
    return "\n".join([*lines, *([""] if lines else []), f"{verdict} — {told}   exit {exit}"])


def _broken(change: Change) -> Iterator[str]:
    yield f"BREAKING  {_where(change)}"
    for side, reason in (("consumer", change.breaks_consumer), ("producer", change.breaks_producer)):
        yield f"          {side}: {printable(reason) if reason else 'not broken'}"


def _where(change: Change) -> str:
    return printable(f"{change.document} {change.place.lstrip('.')} {change.what}")


def _because(change: Change) -> str:
    return printable(change.because or "it breaks nobody")
