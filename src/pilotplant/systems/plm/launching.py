"""New parts and new products: the stimuli that make engineers create items and launch products at plants.

What middleware gets wrong about new items is in them on purpose: numbers with leading zeros, descriptions that are long
or outside ASCII, units that plants keep otherwise, lots that have to be converted.
"""

from random import Random
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pilotplant.dataset.records import BomLine, RoutingStep
from pilotplant.systems.plm.documents import CheckIn, check_in
from pilotplant.systems.plm.launches import OpenLaunch, open_launch
from pilotplant.systems.plm.operations import (
    AddAffected,
    NameChange,
    ReleaseChange,
    add_affected,
    approve_change,
    release_change,
)
from pilotplant.systems.plm.parts import CreateItem, create_item
from pilotplant.systems.plm.sourcing import ApproveManufacturer, approve_manufacturer
from pilotplant.systems.plm.state import Plm
from pilotplant.systems.stimuli import Act, StimulusParameters, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System

FIRST_PART = 900_000_001
TEXTS = (
    "Dichtring für Kühlkreislauf, geprüft nach Werksnorm 4711 und EN 10204",
    "Łożysko igiełkowe",
    "法兰轴承座 不锈钢",
    "Écrou frein à embase crantée, zingué, pour expédition maritime en sachet sec",
    "Cable gland M20 with strain relief",
    "Résine époxy bicomposant",
    "Nutmutter, links",
    "Spare fuse 6,3 A / 250 V",
)
NAMES = ("Kompaktpumpe", "Drive unit gen 3", "齿轮箱总成", "Wałek napędowy zespolony", "Cooling module")
LOTS = {"EA": (12.0, 24.0, 36.0, 120.0), "kg": (0.25, 1.5, 25.0), "m": (0.5, 12.0, 250.0)}
"""Lots in engineering units: whole boxes of 12, and weights and lengths that show a slipped factor."""
UNITS: tuple[Literal["EA", "kg", "m"], ...] = ("EA", "EA", "kg", "m")
LINES_OF_OLD = 2


class PartParameters(StimulusParameters):
    """What kind of items engineers create."""

    plants: Annotated[int, Field(ge=0)] = 0
    """At so many plants, chosen anew for each; 0: at all."""


class LaunchParameters(StimulusParameters):
    """How the products look that engineers launch."""

    together: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of launches in which no plant begins before all of them can."""
    inactive_work_centre: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of launches whose routing uses a work centre that is inactive at one plant: its ERP will refuse."""
    new_parts: Annotated[int, Field(ge=0, le=20)] = 1
    """So many of the parts are new as well, each from one or two approved manufacturers."""


class Launching:
    """The engineers who create items and launch products."""

    _system: "System"
    _parts = 0
    _launches = 0

    @stimulus("plm.part.create", PartParameters)
    def _create_part(self, parameters: PartParameters, chance: Random) -> list[Act]:
        """A new part that is bought."""
        plm: Plm = self._system.state
        count = min(parameters.plants or len(plm.plants), len(plm.plants))
        plants = tuple(sorted(chance.sample(plm.plants, count)))
        return [(create_item, self._part(plm, plants, chance))]

    @stimulus("plm.product.launch", LaunchParameters)
    def _launch(self, parameters: LaunchParameters, chance: Random) -> list[Act]:
        """A new product at all plants, from its parts to its release."""
        plm: Plm = self._system.state
        parts = [self._part(plm, plm.plants, chance) for _ in range(parameters.new_parts)]
        acts: list[Act] = [(create_item, part) for part in parts]
        for part in parts:
            suppliers = chance.sample(
                list(plm.dataset.suppliers), min(len(plm.dataset.suppliers), chance.randint(1, 2))
            )
            for supplier in suppliers:
                own_number = f"{supplier[-2:]}-{part.item[-4:]}/{chance.randint(1, 99)}"
                approval = ApproveManufacturer(item=part.item, supplier=supplier, supplier_part=own_number)
                acts.append((approve_manufacturer, approval))
        product = self._product(plm, parts, chance, blocked=chance.random() < parameters.inactive_work_centre)
        acts.append((create_item, product))
        drawing = CheckIn(document=f"DRW-{product.item}", item=product.item, title=product.description)
        acts.append((check_in, drawing))
        together = chance.random() < parameters.together
        return acts + self._released(product, parts, "all-plants" if together else "each-plant")

    def _released(
        self, product: CreateItem, parts: list[CreateItem], gate: Literal["each-plant", "all-plants"]
    ) -> list[Act]:
        """The launch itself: everything that is new, at every plant, approved and released."""
        plm: Plm = self._system.state
        number = f"LCH-{plm.dataset.mark}{self._launches:06d}"
        acts: list[Act] = [(open_launch, OpenLaunch(change=number, title=f"Launch of {product.item}", gate=gate))]
        for new in (*parts, product):
            acts.append((add_affected, AddAffected(change=number, item=new.item, plants=plm.plants)))
        acts.append((approve_change, NameChange(change=number)))
        acts.append((release_change, ReleaseChange(change=number)))
        return acts

    def _part(self, plm: Plm, plants: tuple[str, ...], chance: Random) -> CreateItem:
        number = f"{FIRST_PART + self._parts:018d}"
        while plm.item(number) is not None:
            self._parts += 1
            number = f"{FIRST_PART + self._parts:018d}"
        self._parts += 1
        unit = chance.choice(UNITS)
        lot_size = chance.choice(LOTS[unit])
        return CreateItem(item=number, description=chance.choice(TEXTS), unit=unit, plants=plants, lot_size=lot_size)

    def _product(self, plm: Plm, parts: list[CreateItem], chance: Random, *, blocked: bool) -> CreateItem:
        self._launches += 1
        old = [item for item in plm.dataset.items.values() if not item.made and set(plm.plants) <= set(item.plants)]
        old = old or [item for item in plm.dataset.items.values() if not item.made]
        chosen = chance.sample(old, min(LINES_OF_OLD, len(old)))
        lines = [BomLine(part.item, float(chance.randint(1, 4)), part.unit) for part in parts]
        lines += [BomLine(item.number, float(chance.randint(1, 4)), item.unit) for item in chosen]
        steps = chance.choice(list(plm.dataset.routings.values())).steps
        idle = [centre for centre in plm.dataset.work_centres.values() if not centre.active]
        if blocked and idle:
            first = steps[0]
            code = chance.choice(idle).code
            steps = (RoutingStep(first.number, code, first.text, first.setup_s, first.cycle_s), *steps[1:])
        return CreateItem(
            item=f"PRD-{self._system.world.mark}{self._launches:06d}",
            description=f"{chance.choice(NAMES)} {self._launches}",
            unit="EA",
            plants=plm.plants,
            tracking=chance.choice(("none", "lot", "serial")),
            lot_size=float(chance.randint(1, 5)),
            lines=tuple(lines),
            steps=steps,
        )
