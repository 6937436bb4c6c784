"""A model from latencies that were measured elsewhere: a table with the columns `what,name,seconds`."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.times import measured
from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.resources import Project
from pilotplant.systems import catalog

LONGEST_S = 366 * 86_400.0
Measured = dict[tuple[str, str], list[float]]
"""Seconds, by what they are of and its name."""


def from_csv(project: Project, path: Path) -> tuple[ModelSpec, list[str]]:
    """A model, and settings of profiles: from `mapping` of a flow, `handling` (no name), `latency` of a kind of
    system."""
    catalog.include(project.root)
    known = {"mapping": list(project.names("flows")), "handling": [], "latency": list(catalog.kinds())}
    seen: Measured = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                what, name, seconds = _row(row, known, f"{path}:{number}")
                seen[what, name].append(seconds)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no CSV in UTF-8: {error}") from None
    if not seen:
        raise UsageError(f"{path} holds no rows")
    return _model_of(seen)


def _row(row: dict[str, str], known: dict[str, list[str]], place: str) -> tuple[str, str, float]:
    try:
        what, name, seconds = str(row["what"]).strip(), str(row["name"] or "").strip(), float(row["seconds"])
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"{place}: a row needs `what`, `name` and `seconds`", help="The first line names them."
        ) from None
    if not 0 <= seconds <= LONGEST_S:  # which what is not a number is neither
        raise UsageError(f"{place}: {row['seconds'].strip()!r} is no latency: it is negative, or more than a year")
    if what not in known:
        raise UsageError(f"{place}: `{what}` is none of {listed(known)}{did_you_mean(what, known)}")
    if known[what]:
        _check_name(what, name, known[what], place)
    elif name:
        raise UsageError(f"{place}: {what} has no name, and here it has `{name}`", help="It is the same for all flows.")
    return what, name, seconds


def _check_name(what: str, name: str, known: Iterable[str], place: str) -> None:
    if name not in known:
        of = "flow" if what == "mapping" else "kind of system"
        given = f"there is no {of} `{name}`" if name else f"{what} needs the name of a {of}"
        raise UsageError(f"{place}: {given}{did_you_mean(name, known)}", help=f"There are {listed(known)}.")


def _model_of(seen: Measured) -> tuple[ModelSpec, list[str]]:
    mappings = {name: measured(values) for (what, name), values in seen.items() if what == "mapping"}
    told: dict[str, object] = {"mappings": mappings}
    if handling := seen.get(("handling", "")):
        told["handling"] = measured(handling)
    latencies = {name: _latency(values) for (what, name), values in seen.items() if what == "latency"}
    return ModelSpec.model_validate(told), [
        f"profiles.{name}.latency.{field}={value}"
        for name, told_ms in latencies.items()
        for field, value in told_ms.items()
    ]


def _latency(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"median_ms": round(median(ordered) * 1000, 3), "p95_ms": round(p95 * 1000, 3)}
