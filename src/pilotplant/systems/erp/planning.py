"""Demand, planned orders, and posting periods that close: what planners and accountants do, and the nightly run."""

import msgspec

from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, fact, operation, state
from pilotplant.model.outcome import Committed, Outcome, Refused
from pilotplant.systems.erp.problems import ItemNotAtPlant, PeriodNotClosable, QuantityNotPositive, UnknownPlant
from pilotplant.systems.erp.production import plan_order
from pilotplant.systems.erp.state import Demand, Erp

OPEN = ("created", "planned", "released")


class RaiseDemand(Command, frozen=True, kw_only=True):
    """What is asked for, in the plant's unit, and by when."""

    plant: str
    item: str
    demand: str
    quantity: float
    due: Moment


class RunPlanning(Command, frozen=True, kw_only=True):
    """For which plant."""

    plant: str


class ClosePeriod(Command, frozen=True, kw_only=True):
    """Nothing may be posted to days before this moment any more."""

    plant: str
    until: Moment


class DemandView(msgspec.Struct, frozen=True):
    """A demand as it was taken."""

    plant: str
    item: str
    demand: str
    quantity: float
    due: str


class Planned(msgspec.Struct, frozen=True):
    """The planned orders that a planning run created."""

    plant: str
    orders: list[str]


class PeriodView(msgspec.Struct, frozen=True):
    """Up to when a plant's posting periods are closed."""

    plant: str
    until: str


@operation(
    "erp.demand.raise",
    rest="POST /demands",
    keys=("plant", "demand"),
    effect=fact("plant", "demand"),
    returns=DemandView,
    rejects=(ItemNotAtPlant, QuantityNotPositive),
)
def raise_demand(erp: Erp, cmd: RaiseDemand, now: Instant) -> Outcome:
    """Take a demand. The next planning run sees to it."""
    if erp.item(cmd.plant, cmd.item) is None:
        return Refused(ItemNotAtPlant(items=(cmd.item,)))
    if not 0 < cmd.quantity < 1e12:
        return Refused(QuantityNotPositive(detail=f"quantity {cmd.quantity}"))
    due_at = cmd.due.timestamp()
    erp.demands[cmd.plant, cmd.demand] = Demand(cmd.plant, cmd.item, cmd.demand, cmd.quantity, due_at)
    return Committed(DemandView(cmd.plant, cmd.item, cmd.demand, cmd.quantity, iso(due_at)))


@operation(
    "erp.mrp.run",
    rest="POST /planning-runs",
    keys=("plant",),
    effect=state("plant", version="row"),
    returns=Planned,
    rejects=(UnknownPlant,),
)
def run_planning(erp: Erp, cmd: RunPlanning, now: Instant) -> Outcome:
    """Net demand against stock and open orders; what is short becomes planned orders, in whole lots."""
    if cmd.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{cmd.plant} is not served by this ERP"))
    short: dict[str, list[Demand]] = {}
    for demand in erp.demands.values():
        if demand.plant == cmd.plant:
            short.setdefault(demand.item, []).append(demand)
    orders: list[str] = []
    for item, demands in sorted(short.items()):
        version = erp.version(cmd.plant, item)
        missing = sum(demand.quantity for demand in demands) - _covered(erp, cmd.plant, item)
        if version is None or missing <= 0:
            continue
        start_at = max(now.business, min(demand.due_at for demand in demands))
        quantity = _whole_lots(erp, cmd.plant, item, missing)
        planned = plan_order(erp, cmd.plant, item, quantity, version.revision, start_at, "planned")
        orders.append(planned.order.order)
    erp.planning_runs[cmd.plant] = row = erp.planning_runs.get(cmd.plant, 0) + 1
    listed = tuple(("erp.production_order.list_open", cmd.plant, order) for order in orders)
    return Committed(Planned(cmd.plant, orders), effects=(((cmd.plant,), row),), touches=listed)


@operation(
    "erp.period.close",
    rest="POST /posting-period-closings",
    keys=("plant",),
    effect=state("plant", version="row"),
    returns=PeriodView,
    rejects=(UnknownPlant, PeriodNotClosable),
)
def close_period(erp: Erp, cmd: ClosePeriod, now: Instant) -> Outcome:
    """Close a plant's posting periods up to a day. They are not opened again."""
    if cmd.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{cmd.plant} is not served by this ERP"))
    until = cmd.until.timestamp()
    if until > now.business:
        return Refused(PeriodNotClosable(detail=iso(until)))
    until = erp.closed_until[cmd.plant] = max(until, erp.closed_until.get(cmd.plant, until))
    return Committed(PeriodView(cmd.plant, iso(until)), effects=(((cmd.plant,), max(1, int(until))),))


def _covered(erp: Erp, plant: str, item: str) -> float:
    """Stock of all lots, and what is on order."""
    stock = sum(
        quantity for (place, number, _lot), quantity in erp.balances.items() if (place, number) == (plant, item)
    )
    ordered = sum(
        held.quantity
        for held in erp.orders.values()
        if (held.order.plant, held.order.item) == (plant, item) and held.status in OPEN
    )
    return stock + ordered


def _whole_lots(erp: Erp, plant: str, item: str, quantity: float) -> float:
    held = erp.item(plant, item)
    lot_size = held.lot_size if held else 0.0
    return lot_size * -(-quantity // lot_size) if lot_size else quantity
