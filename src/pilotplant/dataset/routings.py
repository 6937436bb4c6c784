"""Work centres and routings.

Every plant has all work centre codes, and each plant has some of its own that are switched off. No routing drawn here
uses a code that is off at any plant: a scenario that releases one on purpose is the first to do so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Item, Routing, RoutingStep, WorkCentre
from pilotplant.dataset.streams import Streams

STEPS_MIN = 4
STEPS_MAX = 12
TEXTS = (
    "Saw to length", "Turn", "Mill", "Drill and tap", "Deburr", "Wash", "Harden", "Grind", "Weld", "Paint", "Assemble",
    "Torque bolts", "Fill with oil", "Leak test", "Electrical test", "Final inspection", "Mark serial number", "Pack",
)  # fmt: skip


@dataclass(frozen=True)
class WorkCentres:
    """The work centres of all plants, and the codes that routings may use."""

    by_plant: dict[tuple[str, str], WorkCentre]
    routed: tuple[str, ...]


def draw_work_centres(plan: DataPlan, streams: Streams) -> WorkCentres:
    """`work_centres` codes for routings, and for each plant its own inactive ones beside them."""
    random = streams.stream("work-centres")
    idle = plan.inactive_work_centres * len(plan.plants)
    codes = [f"WC-{100 + 10 * rank}" for rank in range(plan.work_centres + idle)]
    idle_codes = random.sample(codes, idle)
    owner = {code: plan.plants[rank % len(plan.plants)].code for rank, code in enumerate(idle_codes)}
    by_plant = {
        (plant.code, code): WorkCentre(plant.code, code, random.randint(1, 4), owner.get(code) != plant.code)
        for plant in plan.plants
        for code in codes
    }
    return WorkCentres(by_plant, tuple(code for code in codes if code not in owner))


def draw_routings(items: Sequence[Item], codes: Sequence[str], streams: Streams) -> dict[tuple[str, str], Routing]:
    """How every made item is made in its current revision."""
    chance = streams.stream("routings").random
    centres, texts = len(codes), len(TEXTS)
    routings: dict[tuple[str, str], Routing] = {}
    for item in items:
        if not item.made:
            continue
        count = STEPS_MIN + int(chance() * (STEPS_MAX - STEPS_MIN + 1))
        steps = tuple(
            RoutingStep(
                number,
                codes[int(chance() * centres)],
                TEXTS[int(chance() * texts)],
                float(60 + int(chance() * 1740)),
                float(5 + int(chance() * 295)),
            )
            for number in range(10, 10 * count + 10, 10)
        )
        routings[item.number, item.revision] = Routing(item.number, item.revision, steps)
    return routings
