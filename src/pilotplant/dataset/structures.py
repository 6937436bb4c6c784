"""Bills of material: several levels, common parts, no cycles.

An item of level n has at least one component of level n-1, so the level is the depth of its structure, and none
of its own level or above. Components are drawn from those that stand at every plant of the parent.
"""

from collections.abc import Sequence
from random import Random

from pilotplant.dataset.places import Layout, common
from pilotplant.dataset.records import Bom, BomLine, Item
from pilotplant.dataset.streams import Streams

LINES_MIN = 3
LINES_MAX = 12
MADE_LINES = 0.25
"""The share of lines, beyond the first, that are assemblies themselves."""


def draw_boms(layout: Layout, items: Sequence[Item], streams: Streams) -> dict[tuple[str, str], Bom]:
    """The structure of every made item in its current revision."""
    random = streams.stream("structures")
    boms: dict[tuple[str, str], Bom] = {}
    for level, band in enumerate(layout.bands[1:], start=1):
        for index in band:
            parent = items[index]
            lines = tuple(_line(items[part], random) for part in _components(layout, level, parent.plants, random))
            boms[parent.number, parent.revision] = Bom(parent.number, parent.revision, lines)
    return boms


def _components(layout: Layout, level: int, place: tuple[str, ...], random: Random) -> list[int]:
    """Distinct components, in the order drawn."""
    bought, made = layout.at(0, place), layout.made_below(level, place)
    chance = random.random
    wanted = min(LINES_MIN + int(chance() * (LINES_MAX - LINES_MIN + 1)), len(bought) + len(made))
    chosen = [common(layout.at(level - 1, place), chance())]
    for _ in range(3 * wanted):
        if len(chosen) == wanted:
            return chosen
        part = common(made if made and chance() < MADE_LINES else bought, chance())
        if part not in chosen:
            chosen.append(part)
    # In a small enterprise the same few parts come up again and again: take the rest in turn.
    rest = [part for part in (*bought, *made) if part not in chosen]
    return chosen + rest[: wanted - len(chosen)]


def _line(part: Item, random: Random) -> BomLine:
    u = random.random()
    quantity = float(1 + int(u * u * 8)) if part.unit == "EA" else (1 + int(u * 2500)) / 1000
    return BomLine(part.number, quantity, part.unit)
