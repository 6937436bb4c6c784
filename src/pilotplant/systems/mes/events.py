"""What an MES tells the world."""

import msgspec

from pilotplant.model.operation import Event, event, fact


class Consumption(msgspec.Struct, frozen=True, gc=False):
    """What was really used: component, lot where it is tracked, quantity in the shop floor's unit."""

    item: str
    lot: str
    quantity: float
    unit: str


@event("mes.operation.completed", keys=("plant", "order", "step"), effect=fact("plant", "order", "step"))
class OperationCompleted(Event, frozen=True, kw_only=True, gc=False):
    """One operation of an order was finished."""

    plant: str
    order: str
    step: str
    work_centre: str


@event("mes.order.completed", keys=("plant", "confirmation"), effect=fact("plant", "confirmation"))
class OrderCompleted(Event, frozen=True, kw_only=True, gc=False):
    """An order was finished: what came out, and what went in. Stock has to follow, exactly once."""

    plant: str
    order: str
    confirmation: str
    item: str
    local_number: str
    revision: str
    lot: str
    good: float
    scrap: float
    rework: float
    unit: str
    completed_at: str
    posting_date: str
    consumption: tuple[Consumption, ...]


@event("mes.nonconformance.raised", keys=("plant", "nonconformance"), effect=fact("plant", "nonconformance"))
class NonconformanceRaised(Event, frozen=True, kw_only=True, gc=False):
    """An inspector found that what was made is not as it should be."""

    plant: str
    nonconformance: str
    order: str
    item: str
    revision: str
    lot: str
    quantity: float
    unit: str
    reason: str


@event("mes.machine.event", keys=("plant", "work_centre"))
class MachineEvent(Event, frozen=True, kw_only=True, gc=False):
    """A machine says how it is. There are many of these: nobody passes them on one by one."""

    plant: str
    work_centre: str
    number: int
    state: str
    spindle_load: float
