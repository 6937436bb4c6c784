"""What an experiment says: curves, what matters most, how alternatives differ, where a limit begins to bind."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from statistics import fmean
from typing import Any

from pilotplant.model.durations import per_second
from pilotplant.model.instants import seconds
from pilotplant.sweep.campaign import Explored
from pilotplant.sweep.document import Point, written
from pilotplant.sweep.statistics import Estimate, difference, knee

BINDS_PERCENT = 1.0
"""A limit binds where more than this share of calls is refused by one, as far as the interval says."""
_THROTTLED = "calls_throttled_share"


@dataclass(frozen=True)
class Spot:
    """A point on a curve."""

    point: int
    x: float
    label: str
    estimate: Estimate


@dataclass(frozen=True)
class Curve:
    """A metric over one parameter, all others as the name says."""

    name: str
    spots: tuple[Spot, ...]
    bend: int | None
    """Which of its spots is the knee."""
    binds: int | None
    """From which of its spots on a limit refuses calls."""
    bound: bool = False
    """Whether a limit refuses calls at every spot."""


@dataclass(frozen=True)
class Chart:
    """A metric over one parameter."""

    metric: str
    path: str
    curves: tuple[Curve, ...]
    left_out: int = 0
    """Curves that are not drawn: more could not be told apart."""


@dataclass(frozen=True)
class Bar:
    """How far a metric moves over the values of one parameter, averaged over all others."""

    path: str
    low: float
    high: float
    low_at: str
    high_at: str
    apart: Estimate
    """How far, seed by seed."""

    @property
    def told(self) -> str:
        """Whether it moves at all, as far as the interval says."""
        return told_of(self.apart)


@dataclass(frozen=True)
class Comparison:
    """An alternative against the first one, seed by seed: the mean over all points, which share their chance."""

    alternative: str
    metric: str
    mean: float
    base: float
    difference: Estimate

    @property
    def told(self) -> str:
        """Whether there is a difference, as far as the interval says."""
        return told_of(self.difference)


def told_of(difference: Estimate) -> str:
    """Whether a difference is one."""
    if difference.half == inf:
        return "unknown: one seed alone"
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "no difference shown"


CURVES_MAX = 8


def charts(explored: Explored) -> list[Chart]:
    """Every metric over every parameter that has an order."""
    spec = explored.plan.spec
    paths = [
        path for path, values in spec.vary.items() if len(values) > 1 and all(place_of(v) is not None for v in values)
    ]
    return [_chart(explored, metric, path) for metric in spec.metrics for path in paths[:3]]


def _chart(explored: Explored, metric: str, path: str) -> Chart:
    groups: dict[str, list[Point]] = {}
    for planned in explored.plan.points:
        point = planned.point
        others = [f"{_last(p)} {written(v)}" for p, v in point.values.items() if p != path]
        named = ", ".join([*([point.alternative] if point.alternative else []), *others])
        groups.setdefault(named, []).append(point)
    curves = [curve for name, points in groups.items() if (curve := _curve(explored, metric, path, name, points)).spots]
    return Chart(metric, path, tuple(curves[:CURVES_MAX]), max(0, len(curves) - CURVES_MAX))


def _curve(explored: Explored, metric: str, path: str, name: str, points: list[Point]) -> Curve:
    spots: list[Spot] = []
    for point in points:
        found, x = explored.estimate(point.number, metric), place_of(point.values[path])
        if found is not None and x is not None:
            spots.append(Spot(point.number, x, written(point.values[path]), found))
    spots.sort(key=lambda spot: spot.x)
    bend = knee([s.x for s in spots], [s.estimate.mean for s in spots], [s.estimate.half for s in spots])
    binding = [_limited(explored, spot) for spot in spots]
    return Curve(name, tuple(spots), bend, _begins(binding), bool(binding) and all(binding))


def _limited(explored: Explored, spot: Spot) -> bool:
    share = explored.estimate(spot.point, _THROTTLED)
    return share is not None and share.low > BINDS_PERCENT


def _begins(binding: list[bool]) -> int | None:
    """Where along the curve calls begin to be refused by a limit: the spot on the side where they are."""
    changes = [place for place in range(1, len(binding)) if binding[place] != binding[place - 1]]
    if not changes:
        return None
    return changes[0] if binding[changes[0]] else changes[0] - 1


def tornado(explored: Explored, metric: str) -> list[Bar]:
    """What moves a metric most, first."""
    bars: list[Bar] = []
    for path, values in _dimensions(explored):
        means = _balanced(explored, path, values, metric)
        if not means:
            continue
        low, high = (pick(means, key=lambda value: fmean(means[value])) for pick in (min, max))
        apart = difference(means[high], means[low])
        bars.append(Bar(path, fmean(means[low]), fmean(means[high]), low, high, apart))
    return sorted(bars, key=lambda bar: bar.low - bar.high)


def _balanced(explored: Explored, path: str, values: list[str], metric: str) -> dict[str, list[float]]:
    """For each value that was measured the means over all other parameters, seed by seed. All are means over the same
    points and seeds: where one value has a figure and another has none, neither counts."""
    measured = {value: _measured(explored, path, value, metric) for value in values}
    measured = {value: found for value, found in measured.items() if found}
    if len(measured) < 2:
        return {}
    common = set.intersection(*(set(found) for found in measured.values()))
    by_seed: dict[int, list[str]] = {}
    for others, seed in sorted(common):
        by_seed.setdefault(seed, []).append(others)
    most = max(map(len, by_seed.values()), default=0)
    whole = {seed: points for seed, points in by_seed.items() if len(points) == most}
    if not whole:
        return {}
    return {
        value: [fmean(found[others, seed] for others in points) for seed, points in whole.items()]
        for value, found in measured.items()
    }


def _measured(explored: Explored, path: str, value: str, metric: str) -> dict[tuple[str, int], float]:
    """By what all other parameters are, and the seed."""
    found: dict[tuple[str, int], float] = {}
    for point in _at(explored, path, value):
        alternative = "" if path == "alternative" else point.alternative
        others = written([alternative, {name: other for name, other in point.values.items() if name != path}])
        for run in explored.runs[point.number]:
            if metric in run.metrics:
                found[others, run.seed] = run.metrics[metric]
    return found


def _dimensions(explored: Explored) -> Iterator[tuple[str, list[str]]]:
    spec = explored.plan.spec
    if len(spec.alternatives) > 1:
        yield "alternative", list(spec.alternatives)
    for path, values in spec.vary.items():
        yield path, list(dict.fromkeys(map(written, values)))


def _at(explored: Explored, path: str, value: str) -> list[Point]:
    points = [planned.point for planned in explored.plan.points]
    if path == "alternative":
        return [point for point in points if point.alternative == value]
    return [point for point in points if written(point.values[path]) == value]


def comparisons(explored: Explored) -> list[Comparison]:
    """Every alternative against the first, for every metric."""
    spec = explored.plan.spec
    names = list(spec.alternatives)
    found: list[Comparison] = []
    for name in names[1:]:
        for metric in spec.metrics:
            ours, theirs = _pairs(explored, name, names[0], metric)
            if ours:
                mean, base = sum(ours) / len(ours), sum(theirs) / len(theirs)
                found.append(Comparison(name, metric, mean, base, difference(ours, theirs)))
    return found


def _pairs(explored: Explored, name: str, base: str, metric: str) -> tuple[list[float], list[float]]:
    """The means over all points of both, seed by seed. Points of one seed share their chance: they are no evidence
    for each other, and only seeds are counted."""
    by_values: dict[str, dict[str, int]] = {}
    for planned in explored.plan.points:
        values = written(planned.point.values)
        by_values.setdefault(values, {})[planned.point.alternative] = planned.point.number
    pairs: dict[int, list[tuple[float, float]]] = {}
    for numbers in by_values.values():
        mine = {run.seed: run.metrics for run in explored.runs[numbers[name]]}
        for run in explored.runs[numbers[base]]:
            other = mine.get(run.seed, {})
            if metric in other and metric in run.metrics:
                pairs.setdefault(run.seed, []).append((other[metric], run.metrics[metric]))
    most = max(map(len, pairs.values()), default=0)
    whole = [found for found in pairs.values() if len(found) == most]  # others are means over other points
    ours = [fmean(mine for mine, _other in found) for found in whole]
    return ours, [fmean(other for _mine, other in found) for found in whole]


def place_of(value: Any) -> float | None:
    """A value as a place on an axis: a number, a duration or a rate."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    for read in (seconds, per_second):
        with suppress(ValueError):
            return read(value) if isinstance(value, str) else None
    return None


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def unit_of(metric: str) -> str:
    """The unit of a figure, as far as its name says."""
    if metric.endswith(("_share", "_accuracy", "_reconciliation", "_busy", "_first_pass")):
        return "%"
    seconds_ = metric.endswith(("_p50", "_p95", "_max", "_mean")) and metric != "backlog_max"
    return "s" if seconds_ or metric.startswith("recovery_") else ""
