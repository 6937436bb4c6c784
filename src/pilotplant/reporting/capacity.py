"""Tells what a search for capacity came to: on a console, and as a page that opens from disk."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from pilotplant.load.capacity import Attempt, lowest_broken
from pilotplant.load.conclusion import Capacity
from pilotplant.model.errors import LedgerError
from pilotplant.model.verdict import Verdict
from pilotplant.reporting import charts, wording
from pilotplant.run.latest import SEARCH

PAGE = "capacity.html"
_LEFT = "    "
_VERDICTS = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.UNKNOWN: "unknown"}


def write(capacity: Capacity, directory: Path) -> Path:
    """Write `capacity.json` and the page; where the page is."""
    (directory / SEARCH).write_bytes(msgspec.json.format(msgspec.json.encode(capacity), indent=2))
    path = directory / PAGE
    path.write_text(page(capacity), encoding="utf-8")
    return path


def read(directory: Path) -> Capacity:
    """What a directory holds of a search."""
    path = directory / SEARCH
    try:
        return msgspec.json.decode(path.read_bytes(), type=Capacity)
    except (OSError, ValueError) as error:
        raise LedgerError(f"{path} cannot be read: {error}") from None


def page(capacity: Capacity) -> str:
    """The page as text."""
    broken = lowest_broken(capacity.attempts) if capacity.recovery_s is not None else None
    return _template().render(
        capacity=capacity,
        attempts=capacity.attempts,
        broken=broken,
        each=_each(capacity.attempts),
        backlog=Markup(charts.draw([broken.backlog])) if broken else Markup(""),
        quantity=wording.quantity,
        verdict_word=_VERDICTS[capacity.verdict],
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pilotplant.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else _shown(value),
    )
    return environment.get_template("capacity.html.j2")


def _shown(text: str) -> str:
    return wording.printable(text)


def render(capacity: Capacity, *, report: str) -> str:
    """Plain text that ends with the verdict."""
    lines = [f"{capacity.profile} · {wording.printable(capacity.target)} · capacity · seed {capacity.seed}"]
    lines += [f"{_LEFT}{line}" for line in _lines(capacity)]
    last = f"{capacity.verdict.upper()} — report: {report}"
    return "\n".join([*lines, "", f"{last:<78}   exit {capacity.exit}", ""])


def _lines(capacity: Capacity) -> Iterator[str]:
    yield wording.printable(capacity.summary)
    yield f"why: {wording.printable(capacity.binding.why)}"
    if capacity.sustained_by is not None:
        yield f"for longer: {wording.printable(capacity.sustained_by.why)}"
    if capacity.recovery_s is not None:
        yield f"after too much, all was finished {capacity.recovery_s:.1f} s after the last arrival"
    yield wording.printable(capacity.held_as)
    if not capacity.attempts:
        return
    yield ""
    yield f"counted in arrivals; one began {_each(capacity.attempts)} flow instances"
    yield from (_attempt(each) for each in capacity.attempts)


def _each(attempts: Sequence[Attempt]) -> str:
    each = [attempt.instances_each for attempt in attempts]
    return wording.quantity(sum(each) / max(len(each), 1))


def _attempt(attempt: Attempt) -> str:
    state = "held" if attempt.held else "cannot be said" if attempt.undecided else "did not hold"
    state += f": {wording.printable(attempt.why)}" if attempt.why else ""
    if len(attempt.trials) > 1:
        state += f" ({sum(attempt.trials)} of {len(attempt.trials)} trials held)"
    p95 = " · ".join(f"{flow} p95 {p95:.3f} s" for flow, _p50, p95, _p99 in attempt.latencies)
    rate, finished = wording.quantity(attempt.rate), wording.quantity(attempt.finished_per_s)
    return f"{rate:>8}/s  finished {finished:>8}/s  {p95}  {state}"


def spread(found: Sequence[Capacity]) -> str:
    """How far several searches are apart: each says between which rates the knee lies."""
    knees = sorted(each.knee_per_s for each in found if each.knee_per_s is not None)
    if len(knees) < len(found) or not knees:
        return f"{len(found) - len(knees)} of {len(found)} searches found no rate that held"
    middle = knees[len(knees) // 2]
    apart = 100 * (knees[-1] - knees[0]) / middle
    bound = ", ".join(dict.fromkeys(each.binding.resource for each in found))
    between = ", ".join(_interval(each) for each in found)
    return (
        f"{len(found)} searches: {between} arrivals a second; in the middle {middle:g}, "
        f"{apart:.1f} % apart; what binds: {bound}"
    )


def _interval(capacity: Capacity) -> str:
    if capacity.broken_per_s is None:
        return f"{capacity.knee_per_s:g} or more"
    return f"{capacity.knee_per_s:g} to {capacity.broken_per_s:g}"
