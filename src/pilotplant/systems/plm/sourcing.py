"""Approved manufacturers: who may supply an item, and what they call it."""

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.plm.operations import UnknownItem
from pilotplant.systems.plm.state import Approval, Plm


@problem("no-such-supplier", 422, "There is no such supplier")
class UnknownSupplier(Rejection, frozen=True, kw_only=True, gc=False):
    """A manufacturer is approved by its supplier code."""


@problem("never-approved", 404, "The manufacturer was never approved for the item")
class NeverApproved(Rejection, frozen=True, kw_only=True, gc=False):
    """Only an approval can be withdrawn."""


class ApproveManufacturer(Command, frozen=True, kw_only=True):
    """Who may supply an item, and under which number of its own."""

    item: str
    supplier: str
    supplier_part: str


class WithdrawApproval(Command, frozen=True, kw_only=True):
    """Who may not supply an item any more."""

    item: str
    supplier: str


class ListManufacturers(Command, frozen=True, kw_only=True):
    """Of which item."""

    item: str


class ApprovalView(msgspec.Struct, frozen=True):
    """An entry of the list of approved manufacturers. `issue` counts its changes."""

    item: str
    supplier: str
    supplier_part: str
    issue: int
    approved: bool


class ApprovalList(msgspec.Struct, frozen=True):
    """All entries of an item, also those that were withdrawn."""

    items: list[ApprovalView]


@operation(
    "plm.aml.approve",
    rest="POST /items/{item}/manufacturers",
    keys=("item", "supplier"),
    effect=state("item", "supplier", version="issue"),
    returns=ApprovalView,
    rejects=(UnknownItem, UnknownSupplier),
)
def approve_manufacturer(plm: Plm, cmd: ApproveManufacturer, now: Instant) -> Outcome:
    """Approve a manufacturer for an item, or change the number under which it supplies it."""
    if plm.item(cmd.item) is None:
        return Refused(UnknownItem(items=(cmd.item,)))
    if cmd.supplier not in plm.dataset.suppliers:
        return Refused(UnknownSupplier(detail=cmd.supplier))
    known = plm.approvals(cmd.item).get(cmd.supplier)
    issue = known.issue + 1 if known else 1
    entry = Approval(cmd.item, cmd.supplier, cmd.supplier_part, issue)
    plm.put_approval(entry)
    return Committed(_view(entry), effects=(((cmd.item, cmd.supplier), issue),))


@operation(
    "plm.aml.withdraw",
    rest="POST /items/{item}/manufacturers/{supplier}/withdrawal",
    keys=("item", "supplier"),
    effect=state("item", "supplier", version="issue"),
    returns=ApprovalView,
    rejects=(UnknownItem, NeverApproved),
)
def withdraw_approval(plm: Plm, cmd: WithdrawApproval, now: Instant) -> Outcome:
    """Let a manufacturer supply an item no more."""
    if plm.item(cmd.item) is None:
        return Refused(UnknownItem(items=(cmd.item,)))
    known = plm.approvals(cmd.item).get(cmd.supplier)
    if known is None:
        return Refused(NeverApproved(detail=f"{cmd.supplier} for {cmd.item}"))
    entry = Approval(cmd.item, cmd.supplier, known.supplier_part, known.issue + 1, approved=False)
    plm.put_approval(entry)
    return Committed(_view(entry), effects=(((cmd.item, cmd.supplier), entry.issue),))


@operation(
    "plm.aml.list",
    rest="GET /items/{item}/manufacturers",
    keys=("item",),
    returns=ApprovalList,
    rejects=(UnknownItem,),
)
def list_manufacturers(plm: Plm, query: ListManufacturers, now: Instant) -> Outcome:
    """Read who is approved for an item."""
    if plm.item(query.item) is None:
        return Refused(UnknownItem(items=(query.item,)))
    return Found(ApprovalList([_view(entry) for entry in plm.approvals(query.item).values()]), ())


def _view(entry: Approval) -> ApprovalView:
    return ApprovalView(entry.item, entry.supplier, entry.supplier_part, entry.issue, entry.approved)
