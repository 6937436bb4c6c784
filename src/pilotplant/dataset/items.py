"""Items, and what each plant makes of them.

Traps: numbers with leading zeros beside `ITM-` numbers; descriptions longer than 40 characters or outside ASCII; lot
and serial tracking; at a plant another unit (BX of 12, g, mm), a running local number that means another item at the
next plant, and a version that is not the place of the revision in the alphabet.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from pilotplant.dataset.places import Layout
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Item, PlantItem
from pilotplant.dataset.streams import Streams
from pilotplant.dataset.units import LOCAL_UNITS
from pilotplant.model.revisions import ordinal

MADE = (
    "Pump", "Gearbox", "Valve block", "Spindle unit", "Drive unit", "Control cabinet", "Hydraulic cylinder", "Rotor",
    "Frame", "Tool changer", "Cooling unit", "Sensor head", "Getriebegehäuse",
    "Kühlmittelpumpe", "齿轮箱总成", "Wałek napędowy",
)  # fmt: skip
BOUGHT = {
    "EA": (
        "Hex screw", "Ball bearing", "O-ring", "Circlip", "Washer", "Limit switch", "Connector", "Dowel pin", "Fuse",
        "Spring", "Shaft seal", "Zylinderschraube für Gehäuse", "Łożysko kulkowe",
        "Écrou à embase", "法兰轴承座", "六角螺栓",
    ),
    "kg": (
        "Steel sheet", "Granulate PA6", "Grease", "Copper strip", "Aluminium billet", "Härtöl", "Résine époxy", "铝锭",
    ),
    "m": (
        "Cable", "Hydraulic tube", "Bar stock", "Heat-shrink sleeve", "Flachprofil, gewölbt", "Câble blindé",
        "不锈钢管",
    ),
}  # fmt: skip
FINISHES = ("zinc plated", "black oxide", "stainless", "painted", "as drawn", "hardened", "type 2", "left hand")
LONG = (
    ", inspection certificate 3.1 according to EN 10204",
    ", mit Abnahmeprüfzeugnis 3.1 nach EN 10204 für Überseeversand",
    ", packed in dry bags for sea freight, label on two sides",
)


class Traits(NamedTuple):
    """What an item is like."""

    unit: str
    tracking: str
    padded: bool
    suffix: str


FIRST = (
    Traits("EA", "none", True, LONG[1]),
    Traits("kg", "lot", False, ""),
    Traits("m", "none", True, LONG[0]),
    Traits("EA", "serial", False, ""),
)
"""The first items have these traits in every enterprise, however small, so each trap is always there."""

OTHER_UNIT_FIRST = 3
REVISIONS = "AAABBBCCCDDEF"


def draw_items(layout: Layout, streams: Streams) -> list[Item]:
    """All items in the order of the layout."""
    random = streams.stream("items")
    chance = random.random
    serials = list(range(len(layout.places)))
    streams.stream("item-numbers").shuffle(serials)
    items: list[Item] = []
    for level, band in enumerate(layout.bands):
        for index in band:
            traits = FIRST[index] if index < len(FIRST) else _traits(level > 0, random)
            serial = serials[index]
            nouns = BOUGHT[traits.unit] if level == 0 else MADE
            noun = nouns[int(chance() * len(nouns))]
            finish = FINISHES[int(chance() * len(FINISHES))]
            items.append(
                Item(
                    number=f"{12345 + serial:018d}" if traits.padded else f"ITM-{1000 + serial:06d}",
                    description=f"{noun} {finish} {10 + serial % 90}x{1 + int(chance() * 400)}{traits.suffix}",
                    unit=traits.unit,
                    level=level,
                    revision=REVISIONS[int(chance() * len(REVISIONS))],
                    tracking=traits.tracking,
                    plants=layout.places[index],
                    made=level > 0,
                )
            )
    return items


def _traits(made: bool, random: Random) -> Traits:
    u, v, w, x = random.random(), random.random(), random.random(), random.random()
    suffix = LONG[int(x * 20)] if x < 0.15 else ""
    padded = w < 0.25
    if made:
        return Traits("EA", "none" if u < 0.5 else "lot" if u < 0.8 else "serial", padded, suffix)
    if v < 0.7:
        return Traits("EA", "none" if u < 0.65 else "lot" if u < 0.95 else "serial", padded, suffix)
    return Traits("kg" if v < 0.85 else "m", "none" if u < 0.5 else "lot", padded, suffix)


def draw_plant_items(plan: DataPlan, items: Sequence[Item], streams: Streams) -> dict[tuple[str, str], PlantItem]:
    """Every item at every plant where it is known."""
    chance = streams.stream("plant-items").random
    # Each plant numbers its items on its own. Starting one apart makes equal numbers mean different items even if
    # all plants know the same items.
    local = {plant.code: 100_000 + offset for offset, plant in enumerate(plan.plants)}
    found: dict[tuple[str, str], PlantItem] = {}
    for index, item in enumerate(items):
        home = plan.plants[index % len(plan.plants)].code
        place = ordinal(item.revision)
        for plant in item.plants:
            u = chance()
            differs = plant == home if index < OTHER_UNIT_FIRST else u < 0.12
            unit, per_base = item.unit, 1.0
            # Made and serialised items are counted in pieces everywhere: nobody confirms a twelfth of a box.
            if differs and not item.made and item.tracking != "serial":
                unit, per_base = LOCAL_UNITS[item.unit]
            found[plant, item.number] = PlantItem(
                plant=plant,
                item=item.number,
                unit=unit,
                per_base=per_base,
                local_number=str(local[plant]),
                version=f"{place + int(chance() * 7):04d}",
                revision=item.revision,
            )
            local[plant] += 1
    return found
