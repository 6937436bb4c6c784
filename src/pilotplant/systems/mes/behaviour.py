"""Production takes time: orders go through their operations on work centres; operators report what came out."""

from collections.abc import Generator
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import simpy
from pydantic import BaseModel, ConfigDict, Field

from pilotplant.model.instants import BusinessSeconds
from pilotplant.systems.mes.events import NonconformanceRaised, OperationCompleted
from pilotplant.systems.mes.machines import Machines
from pilotplant.systems.mes.operations import CompleteOrder, complete_order
from pilotplant.systems.mes.state import Mes, ShopOrder
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System


class Parameters(BaseModel):
    """What a profile can set for an MES."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scrap_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of orders with scrap."""
    cycle_factor: Annotated[float, Field(gt=0)] = 1.0
    """Scales all cycle and set-up times: a faster or slower plant."""
    breakdown_share: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Share of operations during which the machine stops for `breakdown_s`."""
    breakdown_s: Annotated[float, Field(gt=0)] = 900.0
    rework_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of orders of which one piece has to be reworked before it is good."""
    nonconformance_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of orders with scrap or rework for which an inspector raises a nonconformance."""
    machine_events_per_min: Annotated[float, Field(ge=0, le=60_000)] = 0.0
    """How often the machines of the plant, all together, say how they are, in business time."""


class CompleteParameters(StimulusParameters):
    """Which orders a scenario lets operators finish."""

    quantity_max: Annotated[int, Field(ge=1)] = 40


class Behaviour(Machines):
    """The shop floor."""

    SERVES: ClassVar[Serves] = "plant"

    def __init__(self, system: "System") -> None:
        self._system = system
        mes: Mes = system.state
        self._centres = {
            centre.code: simpy.Resource(system.world.env, centre.capacity)
            for centre in mes.dataset.work_centres.values()
            if centre.plant == mes.plant
        }
        self._at_work: set[str] = set()
        self._reported = 0
        self._nonconformances = 0
        self._made: list[str] = []

    def start(self) -> None:
        """Go on with the orders that were in work when the run began."""
        self.start_machines()
        mes: Mes = self._system.state
        for order in mes.dataset.production_orders:
            if order.plant == mes.plant and order.dispatched:
                remaining = BusinessSeconds(order.remaining_s)
                self._system.world.later_business(remaining, partial(self._report, order.order))

    def start_job(self, job: ShopOrder) -> None:
        """Begin or go on with an order. One that is resumed before its running operation has ended is at work still."""
        if job.order not in self._at_work:
            self._at_work.add(job.order)
            self._system.world.process(self._make(job))

    def _make(self, order: ShopOrder) -> Generator[Any, Any, None]:
        wait_s = BusinessSeconds(order.start_at - self._system.world.now().business)
        if wait_s > 0:
            yield self._system.world.env.timeout(self._system.world.wire_delay(wait_s))
        if self._system.working:
            yield from self._operations(order)
        self._at_work.remove(order.order)
        self._report(order.order)

    def _operations(self, order: ShopOrder) -> Generator[Any, Any, None]:
        world, mes = self._system.world, self._system.state
        instructions = mes.instructions_in(order.item, order.revision) or mes.instructions(order.item)
        steps = instructions.steps if instructions else ()
        while order.step < len(steps):
            step = steps[order.step]
            with self._centres[step.work_centre].request() as turn:
                yield turn
                if order.status != "dispatched":
                    return
                order.begun_at = order.begun_at or world.now().business
                yield world.env.timeout(world.wire_delay(self._duration(order, step.setup_s, step.cycle_s)))
            if order.status == "completed" or not self._system.working:
                return
            order.step += 1
            finished = OperationCompleted(
                plant=mes.plant, order=order.order, step=str(step.number), work_centre=step.work_centre
            )
            self._system.publish(finished)
            if order.status == "held":
                return

    def _duration(self, order: ShopOrder, setup_s: float, cycle_s: float) -> BusinessSeconds:
        parameters = self._system.parameters
        duration_s = (setup_s + cycle_s * order.quantity) * parameters.cycle_factor
        if self._system.world.draws.uniform(f"breakdown|{order.order}|{order.step}") < parameters.breakdown_share:
            duration_s += parameters.breakdown_s
        return BusinessSeconds(duration_s)

    def _report(self, number: str) -> None:
        """The operator reports a finished order, unless somebody did or it is held."""
        order: ShopOrder = self._system.state.orders[number]
        if order.status != "dispatched" or not self._system.working:
            return
        u = self._system.world.draws.uniform(f"scrap|{number}")
        share = self._system.parameters.scrap_share
        scrap = float(1 + int(u / share * 3)) if share and u < share else 0.0
        scrap = min(scrap, order.quantity)
        again = self._system.world.draws.uniform(f"rework|{number}") < self._system.parameters.rework_share
        rework = 1.0 if again and order.quantity - scrap > 1 else 0.0
        done = CompleteOrder(order=number, good=order.quantity - scrap - rework, scrap=scrap, rework=rework)
        self._system.apply(complete_order, done)
        if scrap or rework:
            self._inspect(order, scrap + rework, "scrap" if scrap else "rework")

    def _inspect(self, order: ShopOrder, quantity: float, reason: str) -> None:
        """An inspector looks at what went wrong, and now and then writes it down."""
        mes: Mes = self._system.state
        if (
            self._system.world.draws.uniform(f"inspection|{order.order}")
            >= self._system.parameters.nonconformance_share
        ):
            return
        self._nonconformances += 1
        done = mes.confirmed[order.confirmation]
        self._system.publish(
            NonconformanceRaised(
                plant=mes.plant,
                nonconformance=f"NC-{mes.plant}-{mes.dataset.mark}{self._nonconformances:05d}",
                order=order.order,
                item=order.item,
                revision=order.revision,
                lot=done.lot,
                quantity=quantity,
                unit=done.unit,
                reason=reason,
            )
        )

    @stimulus("mes.order.complete", CompleteParameters)
    def _complete(self, parameters: CompleteParameters, chance: Random) -> list[Act]:
        """An order that was in work when the run began is finished now."""
        mes: Mes = self._system.state
        if not self._made:
            made = (item for item in mes.dataset.items.values() if item.made and mes.plant in item.plants)
            self._made = [item.number for item in made if mes.generated_routing(item.number)]
        if not self._made:
            return []
        self._reported += 1
        number = f"{mes.plant}-{mes.dataset.mark}S{self._reported:07d}"
        item = chance.choice(self._made)
        quantity = float(chance.randint(1, parameters.quantity_max))
        scrap = float(chance.random() < self._system.parameters.scrap_share and quantity > 1)
        routing = mes.generated_routing(item)
        assert routing is not None
        mes.orders[number] = ShopOrder(mes.plant, number, item, routing.revision, quantity)
        return [(complete_order, CompleteOrder(order=number, good=quantity - scrap, scrap=scrap))]
