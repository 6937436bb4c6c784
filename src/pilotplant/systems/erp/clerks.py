"""What people at an ERP do when a scenario makes them: maintain items, release orders, raise demand, close periods; and
the planning run that comes every night."""

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pilotplant.model.durations import Duration
from pilotplant.model.instants import BusinessSeconds
from pilotplant.systems.erp.items import MaintainItem, maintain_item
from pilotplant.systems.erp.orders import NameOrder
from pilotplant.systems.erp.planning import (
    ClosePeriod,
    RaiseDemand,
    RunPlanning,
    close_period,
    raise_demand,
    run_planning,
)
from pilotplant.systems.erp.production import CreateOrder, create_order, release_order
from pilotplant.systems.erp.state import Erp
from pilotplant.systems.rules import rules_of
from pilotplant.systems.stimuli import Act, StimulusParameters, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System

DAY_S = 86_400.0
LOTS_OF = {"g": 250.0, "mm": 250.0, "kg": 0.25, "m": 0.25}
"""Steps in which clerks think: whole pieces and boxes, quarters of a kilogram or metre."""
WORDS = ("neu geprüft", "przegląd", "复核", "revised", "révisé")


class ReleaseOrderParameters(StimulusParameters):
    """Which production orders are released."""

    among: Annotated[int, Field(ge=0)] = 0
    """So many items, the first that are made, are chosen from; 0: all that are made at the plant."""
    quantity_max: Annotated[int, Field(ge=1)] = 20
    starts_within: Duration = 0.0
    """Orders start at once, or up to so much later, in business time."""


class MaintainParameters(StimulusParameters):
    """Which items clerks change."""

    among: Annotated[int, Field(ge=0)] = 0
    """So many items of a plant, the first that are bought, are changed again and again; 0: all that are bought."""


class DemandParameters(StimulusParameters):
    """What is asked for."""

    quantity_max: Annotated[int, Field(ge=1)] = 50


class Clerks:
    """The people of a plant, and the night."""

    _system: "System"
    _demands = 0

    def start_planning(self) -> None:
        """Let the planning run come round, if the profile says so."""
        if self._system.parameters.mrp_every_s:
            self._next_night()

    def _next_night(self) -> None:
        every_s = BusinessSeconds(self._system.parameters.mrp_every_s)
        self._system.world.later_business(every_s, self._night)

    def _night(self) -> None:
        if not self._system.working:
            return
        for plant in self._system.plants:
            self._system.apply(run_planning, RunPlanning(plant=plant))
        self._next_night()

    @stimulus("erp.production_order.release", ReleaseOrderParameters)
    def _release(self, parameters: ReleaseOrderParameters, chance: Random) -> list[Act]:
        """A planner creates an order and releases it."""
        erp: Erp = self._system.state
        plant = chance.choice(self._system.plants)
        made = [item for item in erp.dataset.items.values() if item.made]
        made = made[: parameters.among] if parameters.among else made
        here = [item.number for item in made if plant in item.plants]
        wait_s = chance.random() * parameters.starts_within
        quantity = float(chance.randint(1, parameters.quantity_max))
        if not here:
            return []
        item, start = chance.choice(here), None
        if parameters.starts_within:
            start = datetime.fromtimestamp(round(self._system.world.now().business + wait_s, 3), UTC)
        number = f"PRO-{plant}-{erp.dataset.mark}N{erp.orders_created + 1:05d}"
        return [
            (create_order, CreateOrder(plant=plant, item=item, quantity=quantity, start=start)),
            (release_order, NameOrder(order=number)),
        ]

    @stimulus("erp.item.maintain", MaintainParameters)
    def _maintain(self, parameters: MaintainParameters, chance: Random) -> list[Act]:
        """A clerk changes the smallest lot of a bought item, and its text where the plant has the last word on that."""
        erp: Erp = self._system.state
        plant = chance.choice(self._system.plants)
        here = [item.number for item in erp.dataset.items.values() if not item.made and plant in item.plants]
        here = here[: parameters.among] if parameters.among else here
        if not here:
            return []
        number = chance.choice(here)
        held = erp.item(plant, number)
        assert held is not None, f"{number} stands at {plant}"
        lot_size = float(chance.randint(1, 40)) * LOTS_OF.get(held.unit, 1.0)
        text = f"{held.description[:60]}, {chance.choice(WORDS)}"
        own = rules_of(erp.rules, plant).owners.description == "erp"
        change = MaintainItem(plant=plant, item=number, lot_size=lot_size, description=text if own else None)
        return [(maintain_item, change)]

    @stimulus("erp.demand.raise", DemandParameters)
    def _demand(self, parameters: DemandParameters, chance: Random) -> list[Act]:
        """A customer asks for something that a plant makes, and the planning run sees to it."""
        erp: Erp = self._system.state
        plant = chance.choice(self._system.plants)
        here = [item.number for item in erp.dataset.items.values() if item.made and plant in item.plants]
        if not here:
            return []
        self._demands += 1
        due = datetime.fromtimestamp(self._system.world.now().business + DAY_S * chance.randint(1, 20), UTC)
        demand = RaiseDemand(
            plant=plant,
            item=chance.choice(here),
            demand=f"DEM-{plant}-{self._system.world.mark}{self._demands:05d}",
            quantity=float(chance.randint(1, parameters.quantity_max)),
            due=due,
        )
        return [(raise_demand, demand), (run_planning, RunPlanning(plant=plant))]

    @stimulus("erp.period.close")
    def _close(self, parameters: StimulusParameters, chance: Random) -> list[Act]:
        """An accountant closes everything before today at one plant."""
        del parameters
        plant = chance.choice(self._system.plants)
        midnight = self._system.world.now().business // DAY_S * DAY_S
        return [(close_period, ClosePeriod(plant=plant, until=datetime.fromtimestamp(midnight, UTC)))]
