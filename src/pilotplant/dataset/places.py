"""Which item is at which level and at which plants, so that a structure can be built wherever its item is made.

Items are numbered by level: bought ones first. A made item only stands where enough lower items stand too; that is
decided here, before any structure is drawn, so structures never have to move an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.streams import Streams

Place = tuple[str, ...]
"""Plant codes in the order of the estate."""

FLATTENING = 5
"""Zipf-Mandelbrot shift: without it the most common part would be in most structures of a small enterprise."""

BOUGHT_AT_LEAST = 3
EVERYWHERE = 4
"""The first items stand at as many plants as an item may: the semantic traps sit on them."""


def common(pool: Sequence[int], u: float) -> int:
    """The member of the pool at this quantile of a Zipf distribution: early members are common parts."""
    size = len(pool)
    return pool[int(FLATTENING * ((size + FLATTENING) / FLATTENING) ** u - FLATTENING) % size]


@dataclass
class Layout:
    """Levels as ranges of item indices, and the place of each item. Answers which items stand at a place."""

    bands: tuple[range, ...]
    places: list[Place]

    def __post_init__(self) -> None:
        self._at: dict[tuple[int, Place], list[int]] = {}
        self._below: dict[tuple[int, Place], list[int]] = {}

    def at(self, level: int, place: Place) -> list[int]:
        """The items of a level that stand at every plant of the place."""
        key = (level, place)
        if key not in self._at:
            needed = set(place)
            places = self.places
            # Places are few and items are many: decide per place, look up per item.
            wide = {other for other in set(places) if needed.issubset(other)}
            self._at[key] = [index for index in self.bands[level] if places[index] in wide]
        return self._at[key]

    def made_below(self, level: int, place: Place) -> list[int]:
        """The made items under a level that stand at every plant of the place, the highest level first."""
        key = (level, place)
        if key not in self._below:
            self._below[key] = [index for lower in range(level - 1, 0, -1) for index in self.at(lower, place)]
        return self._below[key]


def lay_out(plan: DataPlan, streams: Streams) -> Layout:
    """Draw levels and places. A plant shares items with its neighbours in the estate's order."""
    bands = _bands(plan, streams.stream("levels"))
    nested = _nested_places([plant.code for plant in plan.plants])
    chance = streams.stream("places").random
    layout = Layout(bands, [])
    for level, band in enumerate(bands):
        for rank, index in enumerate(band):
            # Homes rotate, so every plant has items of every level however few there are.
            choices = nested[rank % len(nested)]
            u = chance()
            size = len(choices) if index < EVERYWHERE else min(len(choices), 1 + (u > 0.35) + (u > 0.7))
            while size > 1 and level > 0 and not _buildable(layout, level, choices[size - 1]):
                size -= 1
            layout.places.append(choices[size - 1])
    return layout


def _buildable(layout: Layout, level: int, place: Place) -> bool:
    return len(layout.at(0, place)) >= BOUGHT_AT_LEAST and bool(layout.at(level - 1, place))


def _bands(plan: DataPlan, random: Random) -> tuple[range, ...]:
    """How many items each level has: products at the depths wished for, assemblies fewer from level to level."""
    counts = [plan.items - plan.made] + [len(plan.plants)] * plan.depth_max
    for _ in range(plan.items - sum(counts)):
        if random.random() < 0.3:
            level = random.randint(plan.depth_min, plan.depth_max)
        else:
            level = 1
            while level < plan.depth_max - 1 and random.random() < 0.5:
                level += 1
        counts[level] += 1
    starts = [sum(counts[:level]) for level in range(len(counts) + 1)]
    return tuple(range(start, end) for start, end in pairwise(starts))


def _nested_places(codes: list[str]) -> list[tuple[Place, ...]]:
    """For each plant as home: the places of one, two and three plants that it belongs to."""
    plants = len(codes)
    nested: list[tuple[Place, ...]] = []
    for home in range(plants):
        sizes = range(1, min(3, plants) + 1)
        members = [sorted((home + step) % plants for step in range(size)) for size in sizes]
        nested.append(tuple(tuple(codes[plant] for plant in each) for each in members))
    return nested
