"""Service times of a real system, from what was measured there: a CSV, or a HAR as browsers and proxies write it.

What comes out is the `latency` of a profile, by operation. Times in a HAR are those of its entries from the last byte
sent to the first byte received (`wait`), since the way there is the network's and not the system's.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from pilotplant.dialects.rest import Rest
from pilotplant.exchange.wire import Route
from pilotplant.model.errors import REGISTRY, UsageError
from pilotplant.model.suggestions import did_you_mean
from pilotplant.systems import catalog

SIZE_MAX = 256 * 1024 * 1024
FEW = 20
"""With fewer samples of an operation its 95th percentile is a guess, and that is said."""
COLUMNS = ("operation", "ms")


@dataclass(frozen=True)
class Measured:
    """What was measured of one operation."""

    operation: str
    samples: int
    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Calibration:
    """What was read from a file."""

    measured: tuple[Measured, ...]
    unmatched: tuple[tuple[str, int], ...]
    """What no operation was found for, and how often it came."""


def calibrate(path: Path, system: str) -> Calibration:
    """Read measured service times of a kind of system."""
    if system not in catalog.kinds():
        raise UsageError(f"there is no system `{system}`{did_you_mean(system, catalog.kinds())}")
    if path.stat().st_size > SIZE_MAX:
        raise UsageError(f"{path} is larger than {SIZE_MAX // 1024 // 1024} MiB")
    read = _har if path.suffix.lower() in (".har", ".json") else _csv
    found: dict[str, list[float]] = defaultdict(list)
    unmatched: dict[str, int] = defaultdict(int)
    for name, took_ms in read(path, system):
        if name in catalog.kinds()[system].operations:
            found[name].append(took_ms)
        else:
            unmatched[name] += 1
    if not found:
        told = ", ".join(list(unmatched)[:5]) or "it is empty"
        raise UsageError(f"{path} holds nothing that is an operation of `{system}` ({told})")
    measured = tuple(
        Measured(name, len(times), round(_quantile(times, 0.5), 1), round(_quantile(times, 0.95), 1))
        for name, times in sorted(found.items())
    )
    return Calibration(measured, tuple(sorted(unmatched.items(), key=lambda entry: -entry[1])))


def as_profile(calibration: Calibration, source: str, today: date) -> str:
    """The part of a profile that says so, as YAML."""
    times: Mapping[str, Any] = {
        each.operation: {"median_ms": each.median_ms, "p95_ms": each.p95_ms} for each in calibration.measured
    }
    samples = sum(each.samples for each in calibration.measured)
    content = {
        "calibrated": f"{source}, {samples} samples, {today.isoformat()}",
        "latency": {"median_ms": 0.0, "p95_ms": 0.0, "operations": dict(times)},
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def _quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _csv(path: Path, system: str) -> Iterator[tuple[str, float]]:
    del system
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read: {error}", kind=REGISTRY["PP-FILE"]) from None


def _rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[tuple[str, float]]:
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        help = "Name an operation (`pilotplant list operations`) and its service time in milliseconds in each row."
        raise UsageError(f"{path}:1 needs the columns {' and '.join(COLUMNS)}", help=help)
    for row in reader:
        yield (row["operation"] or "").strip(), _milliseconds(path, reader.line_num, row["ms"])


def _milliseconds(path: Path, line: int, text: str | None) -> float:
    try:
        took_ms = float(text or "")
    except ValueError:
        took_ms = -1.0
    if not 0 <= took_ms < 3_600_000:
        raise UsageError(f"{path}:{line}: `ms` is {text!r}, which is no time in milliseconds")
    return took_ms


def _har(path: Path, system: str) -> Iterable[tuple[str, float]]:
    try:
        entries = json.loads(path.read_bytes())["log"]["entries"]
        told = [
            (str(each["request"]["method"]), str(each["request"]["url"]), float(each["timings"]["wait"]))
            for each in entries
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is not a HAR: {type(error).__name__} {error}", kind=REGISTRY["PP-FILE"]) from None
    routes = Rest(catalog.kinds()[system].operations)
    for method, url, wait_ms in told:
        if wait_ms >= 0:
            yield _operation(routes, method, urlsplit(url).path), wait_ms


def _operation(routes: Rest, method: str, path: str) -> str:
    """The operation that a path belongs to. A real system has a prefix before what our interface calls it."""
    parts = path.split("/")
    for start in range(1, len(parts)):
        found = routes.route(method.upper(), "/" + "/".join(parts[start:]))
        if isinstance(found, Route):
            return found.operation.name
    return f"{method} {path}"[:80]
