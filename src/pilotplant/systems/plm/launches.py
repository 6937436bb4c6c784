"""Launches, which are changes that bring a product to its plants for the first time, and what a change does to open
orders."""

from typing import Literal

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, fact, operation, state
from pilotplant.model.outcome import Committed, Outcome, Refused
from pilotplant.systems.plm.operations import ChangeExists, ChangeStatus, ChangeView, UnknownChange, change_view
from pilotplant.systems.plm.state import Change, Plm


class OpenLaunch(Command, frozen=True, kw_only=True):
    """A launch, still empty. Whether each plant begins to make the product by itself, or all of them together."""

    change: str
    title: str
    gate: Literal["each-plant", "all-plants"] = "each-plant"
    priority: Literal["urgent", "normal", "low"] = "normal"


class SetWip(Command, frozen=True, kw_only=True):
    """What becomes of orders that are open on the shop floor when a change becomes executable."""

    change: str
    wip: Literal["keep", "re-read", "hold"]


@operation(
    "plm.launch.open",
    rest="POST /launches",
    keys=("change",),
    effect=fact("change"),
    returns=ChangeView,
    rejects=(ChangeExists,),
)
def open_launch(plm: Plm, cmd: OpenLaunch, now: Instant) -> Outcome:
    """Open a launch. From here on it is a change: items are added, it is approved, released, cancelled."""
    if cmd.change in plm.changes:
        return Refused(ChangeExists())
    change = Change(cmd.change, cmd.title, cmd.priority, kind="launch", gate=cmd.gate)
    plm.changes[cmd.change] = change
    return Committed(change_view(change))


@operation(
    "plm.change.set_wip",
    rest="PUT /changes/{change}/wip",
    keys=("change",),
    effect=state("change", version="revision"),
    returns=ChangeView,
    rejects=(UnknownChange, ChangeStatus),
)
def set_wip(plm: Plm, cmd: SetWip, now: Instant) -> Outcome:
    """Say what becomes of open orders, before the change is released."""
    change = plm.changes.get(cmd.change)
    if change is None:
        return Refused(UnknownChange())
    if change.status not in ("draft", "approved"):
        return Refused(ChangeStatus(status_now=change.status, detail="it is said before the release"))
    change.wip = cmd.wip
    return Committed(change_view(change), effects=(((cmd.change,), 1),))
