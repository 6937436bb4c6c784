"""Means with intervals, paired differences, knees."""

from math import inf
from random import Random

import pytest

from pilotplant.sweep.statistics import difference, estimate, knee, student

# From tables of Student's distribution, two-sided 5 %.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 19: 2.093, 29: 2.045, 120: 1.980}


@pytest.mark.parametrize(("freedom", "quantile"), TABLE.items())
def test_student(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, abs=6e-4)


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    chance, covered = Random(5), 0
    for _ in range(2000):
        found = estimate([chance.gauss(10, 3) for _ in range(6)])
        covered += found.low <= 10 <= found.high
    assert 0.93 < covered / 2000 < 0.97


def test_one_replication_says_nothing_of_its_error() -> None:
    found = estimate([4.2])
    assert (found.mean, found.half, found.relative) == (4.2, inf, inf)


def test_pairs_see_what_means_do_not() -> None:
    chance = Random(1)
    days = [chance.uniform(10, 1000) for _ in range(8)]
    slower = [day + 1 + chance.uniform(-0.2, 0.2) for day in days]
    assert difference(slower, days).low > 0
    assert estimate(slower).low < estimate(days).high, "the intervals of the means overlap"


def test_a_knee_is_where_a_curve_bends() -> None:
    xs = list(map(float, range(1, 11)))
    bent = [1.0, 1.1, 1.0, 1.2, 1.3, 9.0, 17.0, 25.0, 33.0, 41.0]
    assert knee(xs, bent, [0.1] * 10) == 4


@pytest.mark.parametrize(
    ("ys", "half"),
    [([2.0 * x for x in range(10)], 0.0), ([5.0] * 10, 0.0), ([1, 1.1, 0.9, 1.2, 1, 1.1, 0.9, 1, 1.2, 1.1], 0.5)],
    ids=["straight", "flat", "noise"],
)
def test_no_knee_where_nothing_bends(ys: list[float], half: float) -> None:
    assert knee(list(map(float, range(10))), ys, [half] * 10) is None


def test_no_knee_where_an_interval_is_unknown() -> None:
    bent = [1.0, 1.1, 1.0, 1.2, 1.3, 9.0, 17.0, 25.0, 33.0, 41.0]
    assert knee(list(map(float, range(10))), bent, [0.1] * 9 + [inf]) is None
