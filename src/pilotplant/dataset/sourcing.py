"""Suppliers, and which of them may deliver what.

Trap: suppliers have part numbers of their own, and some of these are the internal number of another item.
"""

from collections.abc import Sequence

from faker import Faker

from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import ApprovedSource, Item, Supplier
from pilotplant.dataset.streams import Streams

LOCALES = (("de_DE", "DE"), ("en_US", "US"), ("zh_CN", "CN"), ("pl_PL", "PL"), ("fr_FR", "FR"))
MISLEADING = 0.04


def draw_suppliers(plan: DataPlan, streams: Streams) -> dict[str, Supplier]:
    """Companies from several countries in turn."""
    random = streams.stream("suppliers")
    fakers: list[tuple[Faker, str]] = []
    for locale, country in LOCALES[: plan.suppliers]:
        faker = Faker(locale)
        faker.seed_instance(random.getrandbits(64))
        fakers.append((faker, country))
    suppliers: dict[str, Supplier] = {}
    for rank in range(plan.suppliers):
        faker, country = fakers[rank % len(fakers)]
        code = f"SUP-{rank + 1:04d}"
        suppliers[code] = Supplier(code, faker.company(), country, faker.city())
    return suppliers


def draw_sources(items: Sequence[Item], suppliers: Sequence[str], streams: Streams) -> list[ApprovedSource]:
    """One to three approved suppliers for every bought item."""
    chance = streams.stream("sources").random
    bought = [item.number for item in items if not item.made]
    sources: list[ApprovedSource] = []
    for index, number in enumerate(bought):
        start = int(chance() * len(suppliers))
        for step in range(min(len(suppliers), 1 + int(chance() * 3))):
            rank = (start + step) % len(suppliers)
            # The neighbour's number, not any: so a supplier never uses one number for two of our items.
            misled = chance() < MISLEADING or not sources
            part = bought[(index + 1) % len(bought)] if misled else _own_number(rank, len(sources))
            sources.append(ApprovedSource(number, suppliers[rank], part))
    return sources


def _own_number(supplier: int, serial: int) -> str:
    """Part numbers as this supplier writes them."""
    if supplier % 3 == 0:
        return f"{7000000 + serial}"
    if supplier % 3 == 1:
        return f"{chr(65 + supplier % 26)}{serial:05d}/{supplier % 9}"
    return f"{supplier:02d}.{serial // 1000:03d}.{serial % 1000:03d}-R"
