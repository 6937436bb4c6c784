"""Work for pickers: created by others or by the site itself, done when somebody is free, cancelled before that."""

from typing import Literal

import msgspec

from pilotplant.dataset.bins import PRODUCTION, RECEIVING
from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.systems.wms.problems import (
    ItemNotAtSite,
    NotEnoughStock,
    QuantityOutOfRange,
    StockBlocked,
    TaskEnded,
    TaskExists,
    UnknownBin,
    UnknownTask,
    WrongSite,
)
from pilotplant.systems.wms.state import Task, Wms
from pilotplant.systems.wms.stock import MoveStock, blocked, both_ends, carry, objection, shortage

CREATE = "wms.task.create"


class CreateTask(Command, frozen=True, kw_only=True):
    """Stock to be carried, in the site's unit. A pick takes it to production, a putaway from receiving into a rack;
    the other end is named, or chosen by the site."""

    plant: str
    task: str
    kind: Literal["pick", "putaway"]
    item: str
    quantity: float
    lot: str = ""
    from_bin: str = ""
    to_bin: str = ""


class NameTask(Command, frozen=True, kw_only=True):
    """Which task."""

    task: str


class ListTasks(PageQuery, frozen=True, kw_only=True):
    """Which tasks: of a status, or all; and which page."""

    status: str = ""


class TaskView(msgspec.Struct, frozen=True):
    """A task as it stands. `movement` is the number of what was moved, once it is done."""

    plant: str
    task: str
    kind: str
    item: str
    lot: str
    quantity: float
    unit: str
    from_bin: str
    to_bin: str
    status: str
    reason: str
    movement: str


@operation(
    CREATE,
    rest="POST /tasks",
    keys=("plant", "task"),
    effect=fact("plant", "task"),
    returns=TaskView,
    rejects=(WrongSite, TaskExists, ItemNotAtSite, UnknownBin, QuantityOutOfRange, NotEnoughStock, StockBlocked),
)
def create_task(wms: Wms, cmd: CreateTask, now: Instant) -> Outcome:
    """Have stock carried. Whoever creates it names it, so that asking again creates nothing more."""
    if cmd.plant != wms.plant:
        return Refused(WrongSite(serves=wms.plant))
    if cmd.task in wms.tasks:
        return Refused(TaskExists(detail=cmd.task))
    if rejection := objection(wms, cmd.plant, cmd.item):
        return Refused(rejection)
    from_bin, to_bin = _ends(wms, cmd)
    if rejection := objection(wms, cmd.plant, cmd.item, from_bin, to_bin):
        return Refused(rejection)
    if rejection := shortage(wms, from_bin, cmd.item, cmd.lot, cmd.quantity):
        return Refused(rejection)
    if rejection := blocked(wms, cmd.item, from_bin) if cmd.kind == "pick" else None:
        return Refused(rejection)
    task = Task(cmd.task, cmd.kind, cmd.item, cmd.lot, cmd.quantity, from_bin, to_bin)
    wms.tasks[cmd.task] = task
    return Committed(_view(wms, task), jobs=(task,))


@operation("wms.task.status", rest="GET /tasks/{task}", keys=("task",), returns=TaskView, rejects=(UnknownTask,))
def task_status(wms: Wms, query: NameTask, now: Instant) -> Outcome:
    """Read how a task stands."""
    task = wms.tasks.get(query.task)
    if task is None:
        return Refused(UnknownTask(detail=query.task))
    return Found(_view(wms, task), _reveals(wms, task))


@operation(
    "wms.task.list",
    rest="GET /tasks",
    keys=("status",),
    returns=Page[TaskView],
    rejects=(BadCursor,),
    rows=("plant", "task"),
)
def list_tasks(wms: Wms, query: ListTasks, now: Instant) -> Outcome:
    """Read tasks, a page at a time."""
    return paged(
        [task.task for task in wms.tasks.values() if query.status in ("", task.status)],
        query.limit,
        query.cursor,
        lambda number: _view(wms, wms.tasks[number]),
        lambda number: _reveals(wms, wms.tasks[number]),
    )


@operation(
    "wms.task.cancel",
    rest="POST /tasks/{task}/cancellation",
    keys=("task",),
    effect=fact("plant", "task"),
    returns=TaskView,
    rejects=(UnknownTask, TaskEnded),
    status=200,
)
def cancel_task(wms: Wms, cmd: NameTask, now: Instant) -> Outcome:
    """Have nobody begin with a task any more."""
    task = wms.tasks.get(cmd.task)
    if task is None:
        return Refused(UnknownTask(detail=cmd.task))
    if task.status != "open":
        return Refused(TaskEnded(status_now=task.status, detail=cmd.task))
    task.status = "cancelled"
    return Committed(_view(wms, task), effects=(((wms.plant, cmd.task), 0),))


@operation(
    "wms.task.confirm",
    rest="POST /tasks/{task}/confirmation",
    keys=("task",),
    effect=fact("plant", "task"),
    returns=TaskView,
    rejects=(UnknownTask, TaskEnded),
    status=200,
)
def confirm_task(wms: Wms, cmd: NameTask, now: Instant) -> Outcome:
    """Report a task as done: the picker's terminal. Where the stock has gone meanwhile, the task has failed."""
    task = wms.tasks.get(cmd.task)
    if task is None:
        return Refused(UnknownTask(detail=cmd.task))
    if task.status != "open":
        return Refused(TaskEnded(status_now=task.status, detail=cmd.task))
    effects = (((wms.plant, cmd.task), 0),)
    found = shortage(wms, task.from_bin, task.item, task.lot, task.quantity)
    found = found or (blocked(wms, task.item, task.from_bin) if task.kind == "pick" else None)
    if found is not None:
        task.status, task.reason = "failed", found.code
        return Committed(_view(wms, task), effects=effects)
    move = MoveStock(
        plant=wms.plant,
        item=task.item,
        from_bin=task.from_bin,
        to_bin=task.to_bin,
        quantity=task.quantity,
        lot=task.lot,
    )
    moved = carry(wms, move, task.task, now)
    task.status, task.movement = "done", moved.movement
    return Committed(_view(wms, task), emit=(moved,), effects=effects, touches=both_ends(wms, moved))


def _ends(wms: Wms, cmd: CreateTask) -> tuple[str, str]:
    """From where to where: what is not said, the site chooses."""
    if cmd.kind == "putaway":
        begin = cmd.from_bin or RECEIVING
        return begin, cmd.to_bin or _rack(wms, cmd.item)
    most = max(
        (quant for quant in wms.quants(cmd.item) if quant.lot == cmd.lot and _pickable(wms, quant.bin)),
        key=lambda quant: quant.quantity,
        default=None,
    )
    return cmd.from_bin or (most.bin if most else RECEIVING), cmd.to_bin or PRODUCTION


def _pickable(wms: Wms, code: str) -> bool:
    return wms.bins[code].status == "unrestricted" and code != PRODUCTION


def _rack(wms: Wms, item: str) -> str:
    """Where the item lies already, so that it is found again; otherwise the first rack."""
    racks = {place.code for place in wms.racks}
    return next((quant.bin for quant in wms.quants(item) if quant.bin in racks), wms.racks[0].code)


def _reveals(wms: Wms, task: Task) -> tuple[tuple[str, int], ...]:
    known = [(effect_id(CREATE, (wms.plant, task.task)), 0)]
    if task.movement:
        known.append((effect_id("wms.stock.moved", (wms.plant, task.movement)), 0))
    return tuple(known)


def _view(wms: Wms, task: Task) -> TaskView:
    return TaskView(
        wms.plant,
        task.task,
        task.kind,
        task.item,
        task.lot,
        task.quantity,
        wms.unit(task.item),
        task.from_bin,
        task.to_bin,
        task.status,
        task.reason,
        task.movement,
    )
