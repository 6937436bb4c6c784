"""A warehouse takes time: pickers carry what they are asked to, goods come in and are counted, sometimes short."""

from collections.abc import Generator
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import simpy
from pydantic import BaseModel, ConfigDict, Field

from pilotplant.dataset.bins import QUALITY, REWORK, SCRAP, Bin
from pilotplant.dataset.units import DIVISIBLE
from pilotplant.kernel.draws import lognormal
from pilotplant.model.instants import BusinessSeconds
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus
from pilotplant.systems.wms.receipts import CameIn, ConfirmReceipt, confirm_receipt
from pilotplant.systems.wms.state import Expected, ExpectedLine, Quant, Task, Wms
from pilotplant.systems.wms.stock import (
    CountStock,
    MoveStock,
    ShipLine,
    ShipStock,
    count_stock,
    move_stock,
    ship_stock,
)
from pilotplant.systems.wms.tasks import CreateTask, NameTask, confirm_task, create_task

if TYPE_CHECKING:
    from pilotplant.systems.system import System

Share = Annotated[float, Field(ge=0, le=1)]
_TRIES = 20
"""How often a stimulus looks for something to do before it lets it be."""


class Parameters(BaseModel):
    """What a profile can set for a WMS. Durations are business time in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pickers: Annotated[int, Field(ge=1)] = 4
    task_median_s: Annotated[float, Field(gt=0)] = 90.0
    """How long a picker needs for a task."""
    task_p95_s: Annotated[float, Field(gt=0)] = 300.0
    unload_median_s: Annotated[float, Field(gt=0)] = 1800.0
    """How long after their arrival goods are unloaded and counted."""
    unload_p95_s: Annotated[float, Field(gt=0)] = 7200.0
    short_share: Share = 0.1
    """Share of receipts of which less came than was announced."""


class MoveParameters(StimulusParameters):
    """What is moved."""

    transfer: Share = 0.5
    """Share of moves after which something else may be done with the stock: it is set aside, or set free again."""


class CountParameters(StimulusParameters):
    """What counts find."""

    difference: Share = 0.8
    """Share of counts that find more or less than was known."""


class Behaviour:
    """The people in the warehouse."""

    SERVES: ClassVar[Serves] = "plant"

    def __init__(self, system: "System") -> None:
        self._system = system
        self._pickers = simpy.Resource(system.world.env, system.parameters.pickers)
        self._shipped = 0
        self._put_away = 0

    def start(self) -> None:
        """Nothing was under way when the run began."""

    def start_job(self, job: Task | Expected | ExpectedLine) -> None:
        """A task was created, goods are expected, or goods came in that have to be put away."""
        if isinstance(job, Task):
            self._system.jobs_open += 1
            self._system.world.process(self._do(job))
        elif isinstance(job, Expected):
            wait_s = job.arrives_at - self._system.world.now().business
            self._system.world.later_business(BusinessSeconds(max(0.0, wait_s)), partial(self._arrive, job))
        else:
            self._put_away += 1
            task = CreateTask(
                plant=self._wms.plant,
                task=f"PUT-{self._system.world.mark}{self._put_away:07d}",
                kind="putaway",
                item=job.item,
                lot=job.lot,
                quantity=job.quantity,
            )
            self._system.apply(create_task, task)

    def _do(self, task: Task) -> Generator[Any, Any, None]:
        parameters, world = self._system.parameters, self._system.world
        with self._pickers.request() as turn:
            yield turn
            if task.status == "open":
                pace = world.draws.uniform(f"task|{self._system.name}|{task.task}")
                needs_s = BusinessSeconds(lognormal(pace, parameters.task_median_s, parameters.task_p95_s))
                yield world.env.timeout(world.wire_delay(needs_s))
        self._system.jobs_open -= 1
        if task.status == "open":
            self._system.apply(confirm_task, NameTask(task=task.task))

    def _arrive(self, expected: Expected) -> None:
        """The goods are at the dock, unless they were announced otherwise meanwhile."""
        system, parameters = self._system, self._system.parameters
        if self._wms.expected.get(expected.asn) is not expected or expected.status != "expected" or not system.working:
            return
        pace = system.world.draws.uniform(f"unload|{system.name}|{expected.asn}")
        needs_s = BusinessSeconds(lognormal(pace, parameters.unload_median_s, parameters.unload_p95_s))
        system.jobs_open += 1
        system.world.later_business(needs_s, partial(self._unload, expected.asn))

    def _unload(self, asn: str) -> None:
        self._system.jobs_open -= 1
        expected = self._wms.expected[asn]
        if expected.status == "expected":
            self._system.apply(confirm_receipt, ConfirmReceipt(asn=asn, lines=self._short(expected)))

    def _short(self, expected: Expected) -> tuple[CameIn, ...]:
        """Now and then the first line is short."""
        u = self._system.world.draws.uniform(f"short|{self._system.name}|{expected.asn}")
        share, line = self._system.parameters.short_share, expected.lines[0]
        if not share or u >= share:
            return ()
        less = _part(line.quantity, 0.3 + 0.6 * u / share, line.unit)
        return (CameIn(line=0, quantity=less),) if 0 < less < line.quantity else ()

    @stimulus("wms.stock.move", MoveParameters)
    def _move(self, parameters: MoveParameters, chance: Random) -> list[Act]:
        """Somebody carries stock from a bin to another."""
        wms, transfer = self._wms, chance.random() < parameters.transfer
        for _ in range(_TRIES):
            quant = self._something(chance)
            if quant is None or quant.bin == SCRAP:
                continue
            to = self._destination(quant, chance, transfer=transfer)
            quantity = _part(quant.quantity, 0.1 + 0.6 * chance.random(), wms.unit(quant.item)) or quant.quantity
            move = MoveStock(
                plant=wms.plant,
                item=quant.item,
                lot=quant.lot,
                from_bin=quant.bin,
                to_bin=to.code,
                quantity=quantity,
            )
            return [(move_stock, move)]
        return []

    @stimulus("wms.stock.count", CountParameters)
    def _count(self, parameters: CountParameters, chance: Random) -> list[Act]:
        """Somebody counts what lies in a bin."""
        wms, differs = self._wms, chance.random() < parameters.difference
        for _ in range(_TRIES):
            quant = self._something(chance)
            if quant is None or wms.dataset.items[quant.item].tracking == "serial":
                continue
            counted = quant.quantity
            if differs:
                off = _part(quant.quantity, 0.02 + 0.2 * chance.random(), wms.unit(quant.item)) or 1.0
                counted = round(max(0.0, counted + (off if chance.random() < 0.4 else -off)), 6)
            count = CountStock(plant=wms.plant, item=quant.item, lot=quant.lot, bin=quant.bin, counted=counted)
            return [(count_stock, count)]
        return []

    @stimulus("wms.receipt.confirm")
    def _confirm(self, parameters: StimulusParameters, chance: Random) -> list[Act]:
        """The goods that are expected for longest have come."""
        del parameters, chance
        expected = next((each for each in self._wms.expected.values() if each.status == "expected"), None)
        return [(confirm_receipt, ConfirmReceipt(asn=expected.asn, lines=self._short(expected)))] if expected else []

    @stimulus("wms.shipment.ship")
    def _ship(self, parameters: StimulusParameters, chance: Random) -> list[Act]:
        """A truck leaves with something of one item."""
        del parameters
        wms = self._wms
        for _ in range(_TRIES):
            quant = self._something(chance)
            if quant is None or wms.quarantined(quant.item) or wms.bins[quant.bin].status != "unrestricted":
                continue
            quantity = _part(quant.quantity, 0.1 + 0.4 * chance.random(), wms.unit(quant.item)) or quant.quantity
            line = ShipLine(item=quant.item, lot=quant.lot, bin=quant.bin, quantity=quantity)
            self._shipped += 1
            number = f"SHP-{self._system.world.mark}{self._shipped:07d}"
            return [(ship_stock, ShipStock(plant=wms.plant, shipment=number, lines=(line,)))]
        return []

    def _something(self, chance: Random) -> Quant | None:
        items = self._wms.items
        lying = list(self._wms.quants(chance.choice(items))) if items else []
        return chance.choice(lying) if lying else None

    def _destination(self, quant: Quant, chance: Random, *, transfer: bool) -> Bin:
        """Where stock is carried to: another rack, or where something else may be done with it."""
        wms = self._wms
        free = wms.bins[quant.bin].status == "unrestricted"
        if transfer and free:
            return wms.bins[QUALITY if chance.random() < 0.7 else SCRAP]
        if not transfer and not free:
            return wms.bins[REWORK if quant.bin == QUALITY else QUALITY]
        return chance.choice([place for place in wms.racks if place.code != quant.bin])

    @property
    def _wms(self) -> Wms:
        wms: Wms = self._system.state
        return wms


def _part(quantity: float, share: float, unit: str) -> float:
    """A part of a quantity that can be counted in its unit; 0 where there is none."""
    part = quantity * share
    return round(part, 3) if unit in DIVISIBLE else float(int(part))
