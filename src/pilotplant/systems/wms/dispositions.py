"""What becomes of the stock of an item that a change has superseded: used up, quarantined, reworked, scrapped."""

from typing import Literal

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.revisions import ordinal
from pilotplant.systems.wms.problems import DispositionConflict, ItemNotAtSite, NewerRuleStands, NoRule, WrongSite
from pilotplant.systems.wms.state import Rule, Wms
from pilotplant.systems.wms.stock import lying

SET = "wms.disposition.set"


class SetDisposition(Command, frozen=True, kw_only=True):
    """A rule for stock of an item in the revisions before `revision`. All but `use-up` keep it from being picked."""

    plant: str
    item: str
    revision: str
    disposition: Literal["use-up", "quarantine", "rework", "scrap"]
    change: str = ""


class NameItem(Command, frozen=True, kw_only=True):
    """Which item."""

    item: str


class RuleView(msgspec.Struct, frozen=True):
    """The rule that stands for an item."""

    plant: str
    item: str
    revision: str
    disposition: str
    change: str


@operation(
    SET,
    rest="PUT /dispositions",
    keys=("plant", "item", "revision"),
    effect=state("plant", "item", version="revision"),
    returns=RuleView,
    rejects=(WrongSite, ItemNotAtSite, NewerRuleStands, DispositionConflict),
)
def set_disposition(wms: Wms, cmd: SetDisposition, now: Instant) -> Outcome:
    """Say what becomes of older stock of an item. The same may be said again; a newer revision's rule replaces it."""
    if cmd.plant != wms.plant:
        return Refused(WrongSite(serves=wms.plant))
    if not wms.knows(cmd.item):
        return Refused(ItemNotAtSite(items=(cmd.item,)))
    held = wms.rules.get(cmd.item)
    if held is not None and ordinal(held.revision) > ordinal(cmd.revision):
        return Refused(NewerRuleStands(revision=held.revision, detail=cmd.item))
    if held is not None and held.revision == cmd.revision and held.disposition != cmd.disposition:
        return Refused(DispositionConflict(disposition=held.disposition, detail=f"{cmd.item}/{cmd.revision}"))
    rule = wms.rules[cmd.item] = Rule(cmd.item, cmd.revision, cmd.disposition, cmd.change)
    touched = tuple(lying(wms, quant.bin, quant.item, quant.lot) for quant in wms.quants(cmd.item))
    return Committed(_view(wms, rule), touches=touched)


@operation("wms.disposition.get", rest="GET /dispositions/{item}", keys=("item",), returns=RuleView, rejects=(NoRule,))
def get_disposition(wms: Wms, query: NameItem, now: Instant) -> Outcome:
    """Read the rule that stands for an item."""
    rule = wms.rules.get(query.item)
    if rule is None:
        return Refused(NoRule(detail=query.item))
    return Found(_view(wms, rule), ((effect_id(SET, (wms.plant, rule.item)), ordinal(rule.revision)),))


def _view(wms: Wms, rule: Rule) -> RuleView:
    return RuleView(wms.plant, rule.item, rule.revision, rule.disposition, rule.change)
