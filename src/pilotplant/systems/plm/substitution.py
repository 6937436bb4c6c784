"""Which bought part a change replaces, and by which: one that is on order, used by few, and never before replaced."""

from collections.abc import Collection
from random import Random
from typing import NamedTuple

from pilotplant.dataset.records import BomLine, Item
from pilotplant.systems.plm.operations import Supersede
from pilotplant.systems.plm.state import Plm

USERS_MAX = 3
"""A part that more assemblies use would make a change of half the catalogue."""


class Substitution(NamedTuple):
    """A bought item, what replaces it and who delivers that, and all assemblies that used it."""

    item: str
    by: str
    unit: str
    supplier: str
    users: tuple[str, ...]
    plants: tuple[str, ...]

    def applied(self, lines: tuple[BomLine, ...]) -> tuple[BomLine, ...]:
        """A structure with the new part in the place of the old one."""
        return tuple(
            BomLine(self.by, line.quantity, self.unit) if line.component == self.item else line for line in lines
        )

    def command(self, change: str) -> Supersede:
        """What the change says of it."""
        return Supersede(change=change, item=self.item, by=self.by, supplier=self.supplier, plants=self.plants)


def choose_substitution(plm: Plm, taken: Collection[str], chance: Random) -> Substitution | None:
    """One that is possible; nothing if there is none."""
    users = _users(plm)
    ordered = {order.item for order in plm.dataset.purchase_orders} - set(taken)
    able = [number for number in plm.dataset.items if number in ordered and 0 < len(users.get(number, ())) <= USERS_MAX]
    while able:
        number = able.pop(chance.randrange(len(able)))
        item = plm.dataset.items[number]
        parts = _replacements(plm, item, users[number], taken)
        if parts:
            by = chance.choice(parts)
            supplier = chance.choice(_other_suppliers(plm, item.number, by.number))
            return Substitution(number, by.number, by.unit, supplier, users[number], item.plants)
    return None


def _users(plm: Plm) -> dict[str, tuple[str, ...]]:
    """By component: the made items whose newest structure uses it."""
    found: dict[str, tuple[str, ...]] = {}
    for number, item in plm.dataset.items.items():
        bom = plm.bom(number, plm.latest(number)) if item.made else None
        for line in bom.lines if bom else ():
            found[line.component] = (*found.get(line.component, ()), number)
    return found


def _replacements(plm: Plm, item: Item, users: tuple[str, ...], taken: Collection[str]) -> list[Item]:
    """Bought items in the same unit, known wherever the old one is used, in none of these structures yet."""
    used = {
        line.component for user in users if (bom := plm.bom(user, plm.latest(user))) is not None for line in bom.lines
    }
    plants = {plant for user in users for plant in plm.dataset.items[user].plants}
    return [
        part
        for part in plm.dataset.items.values()
        if not part.made
        and part.unit == item.unit
        and part.number not in used
        and part.number not in taken
        and plants <= set(part.plants)
        and _other_suppliers(plm, item.number, part.number)
    ]


def _other_suppliers(plm: Plm, item: str, by: str) -> list[str]:
    """Who may deliver the new part and never delivered the old one, in a settled order."""
    return sorted(s for number, s in plm.approved if number == by and (item, s) not in plm.approved)
