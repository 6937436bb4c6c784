"""Means with their intervals, paired differences, where a curve bends, and what matters most."""

from collections.abc import Sequence
from math import cos, inf, pi, sqrt
from statistics import NormalDist, fmean, stdev

import msgspec

CONFIDENCE = 0.95


class Estimate(msgspec.Struct, frozen=True):
    """A mean over replications and its 95 % interval; of one replication the interval is unknown: infinite."""

    mean: float
    half: float
    n: int
    least: float
    most: float

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.half

    @property
    def relative(self) -> float:
        """Half the interval, relative to the mean."""
        if not self.half:
            return 0.0
        return abs(self.half / self.mean) if self.mean else inf


def estimate(samples: Sequence[float]) -> Estimate:
    """What these replications say of the mean."""
    n = len(samples)
    if n < 2:
        return Estimate(samples[0], inf, n, samples[0], samples[0])
    half = student(n - 1) * stdev(samples) / sqrt(n)
    return Estimate(fmean(samples), half, n, min(samples), max(samples))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """How much ours is more than theirs, seed by seed: common random numbers make the interval narrow."""
    return estimate([mine - other for mine, other in zip(ours, theirs, strict=True)])


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution (Hill 1970, algorithm 396; exact for 1 and 2)."""
    both = 1 - CONFIDENCE
    if freedom == 1:
        return cos(both * pi / 2) / sqrt(1 - cos(both * pi / 2) ** 2)
    if freedom == 2:
        return sqrt(2 / (both * (2 - both)) - 2)
    n = float(freedom)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * pi / 2) * n
    y = (d * both) ** (2 / n)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(both / 2)
        y = x * x
        if freedom < 5:
            c += 0.3 * (n - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = a * y * y
        y = 0.5 * y * y + y if y <= 0.002 else _exponential(y)
    else:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (
            n + 2
        ) + 1 / y
    return sqrt(n * y)


def _exponential(y: float) -> float:
    from math import expm1

    return expm1(y)


def knee(xs: Sequence[float], ys: Sequence[float], halves: Sequence[float]) -> int | None:
    """Where a curve bends: the point farthest from the straight line between its ends, if that is no chance.

    Nothing where the bend is less than a tenth of the whole rise, or lies within the intervals. Where an interval is
    unknown, any bend may be chance.
    """
    if len(xs) < 4 or xs[-1] == xs[0]:
        return None
    rise = ys[-1] - ys[0]
    away = [abs(ys[0] + rise * (x - xs[0]) / (xs[-1] - xs[0]) - y) for x, y in zip(xs, ys, strict=True)]
    place = max(range(len(away)), key=away.__getitem__)
    span = max(ys) - min(ys)
    noise = max(halves)
    if not span or away[place] < 0.1 * span or away[place] <= noise:
        return None
    return place
