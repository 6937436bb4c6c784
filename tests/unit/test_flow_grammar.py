"""Every parameter of the grammar of flows: a correct middleware that needs it, and a defective one that abuses it.

Each test tells the same history to a flow with the parameter and to one without, so that a parameter that does nothing
would show.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilotplant.checks.judge import Judgement
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.items import UpsertItem, upsert_item
from pilotplant.systems.plm.operations import CancelChange, cancel_change
from tests.unit.histories import DE, US, History, convicting, dataset, family, flow, following_revision

PARENT, COMPONENT, OTHER, _BYSTANDER = family()
PARENT_1, PARENT_2 = following_revision(PARENT), following_revision(PARENT, 2)
COMPONENT_1, OTHER_1 = following_revision(COMPONENT), following_revision(OTHER)
THIS, NEXT = (DE, PARENT, PARENT_1), (DE, PARENT, PARENT_2)

BY = ["plant", "item", "revision"]
BOM = {"commit": "erp.bom.release", "by": BY}
ACTIVE = {"event": "erp.version.activated", "by": BY, "actor": "either"}
PUBLISHED = {"commit": "mes.routing.publish", "by": BY}

Told = Callable[[Callable[[History], None], FlowSpec], Judgement]


def changes(steps: dict[str, Any], **parameters: Any) -> FlowSpec:
    """A flow for engineering changes with these steps and parameters."""
    document = {
        "flow": "a-flow",
        "trigger": "plm.change.released",
        "scope": ["change", "plant"],
        "for_each": "affected-items",
        "steps": steps,
        **parameters,
    }
    return flow(yaml.safe_dump(document, sort_keys=False))


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Tells a history to a flow and judges it."""
    number = iter(range(10))

    def tell(story: Callable[[History], None], spec: FlowSpec) -> Judgement:
        directory = tmp_path / str(next(number))
        directory.mkdir()
        history = History(directory, spec)
        story(history)
        return history.judge()

    return tell


def accused(judgement: Judgement) -> set[str]:
    """The checks that convict."""
    return set(convicting(judgement))


# --- scope ------------------------------------------------------------------------------------------------------------

ALL_ACTIVE_FIRST = {"active": ACTIVE, "published": {**PUBLISHED, "after": [{"step": "active", "over": "scope"}]}}


def test_scope(told: Told) -> None:
    def plants_one_after_the_other(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, plants=(DE, US)))
        history.carry_out(THIS)
        history.carry_out((US, PARENT, PARENT_1))

    def half_a_plant(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, OTHER))
        history.carry_out(THIS)
        history.carry_out((DE, OTHER, OTHER_1))

    per_plant = changes(ALL_ACTIVE_FIRST)
    whole_change = changes(ALL_ACTIVE_FIRST, scope=["change"])
    assert accused(told(plants_one_after_the_other, per_plant)) == set()
    assert accused(told(plants_one_after_the_other, whole_change)) == {"sequencing"}
    assert accused(told(half_a_plant, per_plant)) == {"sequencing"}


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("disposition", "owed"), [("use-up", False), ("rework", True)])
def test_when(told: Told, disposition: Any, owed: bool) -> None:
    def structure_only(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, disposition=disposition))
        history.bom(*THIS)

    some = changes({"bom": BOM, "published": {**PUBLISHED, "when": {"disposition": ["rework", "quarantine"]}}})
    always = changes({"bom": BOM, "published": PUBLISHED})
    assert accused(told(structure_only, some)) == ({"completeness"} if owed else set())
    assert accused(told(structure_only, always)) == {"completeness"}


def test_when_also_limits_what_is_waited_for(told: Told) -> None:
    """What does not apply to an item cannot hold up another."""

    def one_of_two(history: History) -> None:
        history.approve("ECO-1", PARENT, disposition="rework")
        history.deliver(history.release_approved("ECO-1"))
        history.publish(*THIS)

    def spec(dispositions: list[str]) -> FlowSpec:
        active = {**ACTIVE, "when": {"disposition": dispositions}}
        return changes({"active": active, "published": {**PUBLISHED, "after": ["active"]}})

    assert accused(told(one_of_two, spec(["quarantine"]))) == set()
    assert accused(told(one_of_two, spec(["rework"]))) == {"sequencing", "completeness"}


# --- actor ------------------------------------------------------------------------------------------------------------


def by_hand(history: History) -> None:
    """Planners put the structure into the ERP."""
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare_by_hand(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)


def by_the_target(history: History) -> None:
    """The middleware puts it there."""
    history.deliver(history.release("ECO-1", PARENT))
    history.carry_out(THIS)


def by_nobody(history: History) -> None:
    """Nobody does."""
    history.deliver(history.release("ECO-1", PARENT))
    history.publish(*THIS)


@pytest.mark.parametrize(
    ("actor", "story", "verdict"),
    [
        ("either", by_hand, Verdict.PASS),
        ("either", by_the_target, Verdict.PASS),
        ("either", by_nobody, Verdict.FAIL),
        ("target", by_hand, Verdict.UNKNOWN),
        ("target", by_the_target, Verdict.PASS),
        ("target", by_nobody, Verdict.FAIL),
        ("native", by_hand, Verdict.PASS),
        ("native", by_the_target, Verdict.FAIL),
        ("native", by_nobody, Verdict.UNKNOWN),
    ],
)
def test_actor(told: Told, actor: str, story: Callable[[History], None], verdict: Verdict) -> None:
    judgement = told(story, changes({"bom": {**BOM, "actor": actor}, "published": PUBLISHED}))
    assert judgement.verdict is verdict
    assert accused(judgement) == ({"completeness"} if verdict is Verdict.FAIL else set())
    assert all(doubt.would_help for doubt in judgement.doubts)


def test_what_waits_for_a_native_step_is_not_missed_either(told: Told) -> None:
    def only_known(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))

    def spec(actor: str) -> FlowSpec:
        return changes({"active": {**ACTIVE, "actor": actor}, "published": {**PUBLISHED, "after": ["active"]}})

    assert told(only_known, spec("native")).verdict is Verdict.UNKNOWN
    assert accused(told(only_known, spec("either"))) == {"completeness"}


# --- accept -----------------------------------------------------------------------------------------------------------

INSTEAD = [{"commit": "erp.item.upsert", "by": BY}]


def upsert(history: History) -> None:
    """Bring the item itself to the new revision."""
    held = dataset().plant_items[DE, PARENT]
    command = UpsertItem(plant=DE, item=PARENT, description="new", unit=held.unit, revision=PARENT_1)
    assert history.call("erp", upsert_item, command).status == 200


def test_accept(told: Told) -> None:
    def otherwise(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        upsert(history)
        history.publish(*THIS)

    def neither(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))

    def too_early(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.publish(*THIS)
        upsert(history)

    accepting = changes({"bom": {**BOM, "accept": INSTEAD}, "published": {**PUBLISHED, "after": ["bom"]}})
    strict = changes({"bom": BOM, "published": {**PUBLISHED, "after": ["bom"]}})
    assert accused(told(otherwise, accepting)) == set()
    assert accused(told(otherwise, strict)) == {"sequencing", "completeness"}
    assert accused(told(neither, accepting)) == {"completeness"}
    assert accused(told(too_early, accepting)) == {"sequencing"}


def test_accept_means_one_or_the_other_of_what_is_counted(told: Told) -> None:
    """A change is brought into the ERP or withdrawn by the middleware. A withdrawal is a fact: not both."""

    def withdraw(history: History) -> None:
        assert history.call("plm", cancel_change, CancelChange(change="ECO-1")).status == 201

    def withdrawn(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        withdraw(history)

    def both(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.bom(*THIS)
        withdraw(history)

    spec = changes({"answered": {**BOM, "accept": [{"commit": "plm.change.cancel", "by": ["change"]}]}})
    assert accused(told(withdrawn, spec)) == set()
    assert "completeness" in accused(told(both, spec))


# --- coalesce ---------------------------------------------------------------------------------------------------------


def test_coalesce(told: Told) -> None:
    def two_changes(history: History) -> None:
        first = history.release("ECO-1", PARENT)
        history.wait(1)
        history.deliver(first, history.release("ECO-2", PARENT))

    def only_the_later(history: History) -> None:
        two_changes(history)
        history.bom(*NEXT)

    def only_the_earlier(history: History) -> None:
        two_changes(history)
        history.bom(*THIS)

    def both(history: History) -> None:
        two_changes(history)
        history.bom(*THIS)
        history.bom(*NEXT)

    latest, every = changes({"bom": BOM}, coalesce="latest"), changes({"bom": BOM}, coalesce="every")
    assert accused(told(only_the_later, latest)) == set()
    assert accused(told(only_the_later, every)) == {"completeness"}
    assert accused(told(only_the_earlier, latest)) == {"completeness"}
    assert accused(told(both, latest)) == accused(told(both, every)) == set()


# --- clock_from and within --------------------------------------------------------------------------------------------


def _timed(clock_from: str) -> FlowSpec:
    return changes(
        {"bom": BOM, "published": PUBLISHED},
        clock_from=clock_from,
        within={"published": {"max": "60s"}},
        on_reject={"of": ["bom"], "expect": "exception"},
    )


@pytest.mark.parametrize(("after_s", "kept"), [(40.0, True), (90.0, False)])
def test_within_counts_from_the_trigger(told: Told, after_s: float, kept: bool) -> None:
    def later(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.wait(after_s)
        history.bom(*THIS)
        history.publish(*THIS)

    judgement = told(later, _timed("trigger"))
    assert judgement.missed is not kept
    assert judgement.verdict is (Verdict.PASS if kept else Verdict.FAIL)


@pytest.mark.parametrize(("after_s", "kept"), [(40.0, True), (90.0, False)])
def test_clock_from_effective_at(told: Told, after_s: float, kept: bool) -> None:
    def on_the_day(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, effective_in_s=3600))
        history.wait(3600 + after_s)
        history.bom(*THIS)
        history.publish(*THIS)

    assert told(on_the_day, _timed("effective_at")).missed is not kept
    assert told(on_the_day, _timed("trigger")).missed


@pytest.mark.parametrize(("after_s", "kept"), [(40.0, True), (90.0, False)])
def test_clock_from_resolution(told: Told, after_s: float, kept: bool) -> None:
    """The ERP refuses, a person takes an hour to mend the cause, and the middleware goes on."""

    def mended(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        lines = history.estate.systems["plm"].state.bom(PARENT, PARENT_1).lines
        unknown = (type(lines[0])("NO-SUCH-ITEM", 1.0, "EA"),)
        assert history.send_bom(*THIS, unknown).status == 422
        exception = history.raise_exception("ECO-1", DE)
        history.wait(3600)
        history.resolve(exception)
        history.wait(after_s)
        history.bom(*THIS)
        history.publish(*THIS)

    assert told(mended, _timed("resolution")).missed is not kept
    assert told(mended, _timed("trigger")).missed


# --- guard ------------------------------------------------------------------------------------------------------------


def test_guard(told: Told) -> None:
    def staged_early(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.publish(*THIS, "staged")
        history.carry_out(THIS)

    def staged_only(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.publish(*THIS, "staged")
        history.active(THIS)

    def staged_before_the_release_and_never_more(history: History) -> None:
        history.approve("ECO-1", PARENT)
        history.publish(*THIS, "staged")
        history.deliver(history.release_approved("ECO-1"))
        history.active(THIS)

    def spec(guard: str) -> FlowSpec:
        return changes({"active": ACTIVE, "published": {**PUBLISHED, "after": ["active"], "guard": guard}})

    assert accused(told(staged_early, spec("executable"))) == set()
    assert accused(told(staged_early, spec("transfer"))) == {"sequencing"}
    assert accused(told(staged_only, spec("executable"))) == {"completeness"}
    assert accused(told(staged_before_the_release_and_never_more, spec("executable"))) == {"completeness"}


# --- on_reject and refused_by -----------------------------------------------------------------------------------------

ROUTED = {"routing": {"commit": "erp.routing.upsert", "by": BY}, "published": PUBLISHED}


def refused(history: History) -> None:
    """The ERP refuses the routing for good."""
    history.deliver(history.release("ECO-1", PARENT, idle_work_centre=True))
    assert history.routing(*THIS).status == 422


def refused_and_told(history: History) -> None:
    """… and the middleware tells a person."""
    refused(history)
    history.raise_exception("ECO-1", DE)


def test_on_reject_expect(told: Told) -> None:
    exception = changes(ROUTED, on_reject={"of": ["routing"], "expect": "exception"})
    nothing = changes(ROUTED, on_reject={"of": ["routing"], "expect": "nothing"})
    without = changes(ROUTED)
    elsewhere = changes(ROUTED, on_reject={"of": ["published"], "expect": "exception"})
    assert accused(told(refused_and_told, exception)) == set()
    assert accused(told(refused, exception)) == {"completeness"}
    assert accused(told(refused, nothing)) == set()
    # Of a refusal that the flow does not speak of, whoever tells the desk has done what can be done; silence has not.
    for silent in (without, elsewhere):
        assert accused(told(refused_and_told, silent)) == set()
        assert accused(told(refused, silent)) == {"completeness"}


def test_on_reject_forbid(told: Told) -> None:
    def goes_on(history: History) -> None:
        refused_and_told(history)
        history.publish(*THIS)

    forbidding = changes(ROUTED, on_reject={"of": ["routing"], "forbid": ["published"]})
    without = changes(ROUTED, on_reject={"of": ["routing"]})
    assert accused(told(refused_and_told, forbidding)) == set()
    assert accused(told(goes_on, forbidding)) == {"sequencing"}
    assert accused(told(goes_on, without)) == set()


def test_refused_by(told: Told) -> None:
    def activation_fails(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.let_activation_fail(*THIS)
        history.deliver(history.last("erp.version.rejected"))

    def and_a_person_is_told(history: History) -> None:
        activation_fails(history)
        history.raise_exception("ECO-1", DE)

    def spec(**more: str) -> FlowSpec:
        steps = {"active": {**ACTIVE, **more}, "published": {**PUBLISHED, "after": ["active"]}}
        return changes(steps, on_reject={"of": ["active"], "forbid": ["published"]})

    knowing, ignorant = spec(refused_by="erp.version.rejected"), spec()
    assert accused(told(and_a_person_is_told, knowing)) == set()
    assert accused(told(and_a_person_is_told, ignorant)) == {"completeness"}
    assert accused(told(activation_fails, knowing)) == {"completeness"}


# --- severity ---------------------------------------------------------------------------------------------------------


def test_severity(told: Told) -> None:
    def without_the_structure(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.publish(*THIS)

    def without_anything(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))

    def spec(severity: str) -> FlowSpec:
        return changes({"bom": {**BOM, "severity": severity}, "published": PUBLISHED})

    mild = told(without_the_structure, spec("warn"))
    assert [finding.severity for finding in mild.findings] == ["warn"]
    assert mild.verdict is Verdict.PASS
    assert told(without_the_structure, spec("fail")).verdict is Verdict.FAIL
    assert told(without_anything, spec("warn")).verdict is Verdict.FAIL


def test_severity_of_what_comes_too_early(told: Told) -> None:
    def early(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT))
        history.prepare(THIS)
        history.publish(*THIS)
        history.wait()

    def spec(severity: str) -> FlowSpec:
        return changes({"active": ACTIVE, "published": {**PUBLISHED, "after": ["active"], "severity": severity}})

    assert told(early, spec("warn")).verdict is Verdict.PASS
    assert told(early, spec("fail")).verdict is Verdict.FAIL


# --- after … over -----------------------------------------------------------------------------------------------------


def test_after_over(told: Told) -> None:
    def components_first(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, COMPONENT, OTHER))
        history.active((DE, COMPONENT, COMPONENT_1), THIS)
        history.publish(*THIS)
        history.publish(DE, COMPONENT, COMPONENT_1)
        history.carry_out((DE, OTHER, OTHER_1))

    def assembly_first(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, COMPONENT))
        history.carry_out(THIS)
        history.carry_out((DE, COMPONENT, COMPONENT_1))

    def spec(*over: str) -> FlowSpec:
        after = [{"step": "active", "over": relation} for relation in over]
        return changes({"active": ACTIVE, "published": {**PUBLISHED, "after": after}})

    assert accused(told(components_first, spec("", "components"))) == set()
    assert accused(told(components_first, spec("scope"))) == {"sequencing"}
    assert accused(told(assembly_first, spec(""))) == set()
    assert accused(told(assembly_first, spec("", "components"))) == {"sequencing"}


# --- for_each of a step -----------------------------------------------------------------------------------------------


def test_for_each_of_a_step(told: Told) -> None:
    """The instructions of an assembly wait for its components, whatever becomes of its own activation."""

    def components_first(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, COMPONENT))
        history.active((DE, COMPONENT, COMPONENT_1))
        history.publish(*THIS)
        history.publish(DE, COMPONENT, COMPONENT_1)

    def assembly_first(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, COMPONENT))
        history.publish(*THIS)
        history.active((DE, COMPONENT, COMPONENT_1))
        history.publish(DE, COMPONENT, COMPONENT_1)

    def never(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT, COMPONENT))
        history.publish(DE, COMPONENT, COMPONENT_1)

    parts = changes({"parts": {**ACTIVE, "for_each": "components"}, "published": {**PUBLISHED, "after": ["parts"]}})
    itself = changes({"parts": ACTIVE, "published": {**PUBLISHED, "after": ["parts"]}})
    assert accused(told(components_first, parts)) == set()
    assert accused(told(components_first, itself)) == {"sequencing", "completeness"}
    assert accused(told(assembly_first, parts)) == {"sequencing"}
    assert accused(told(never, parts)) == {"completeness"}


# --- cancelled_by -----------------------------------------------------------------------------------------------------


def test_cancelled_by(told: Told) -> None:
    def withdrawn(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT), history.release("ECO-2", OTHER))
        history.deliver(history.cancel("ECO-1"))
        history.bom(DE, OTHER, OTHER_1)

    def another_is_withdrawn(history: History) -> None:
        history.deliver(history.release("ECO-1", PARENT), history.release("ECO-2", OTHER))
        history.deliver(history.cancel("ECO-1"))

    heeding, ignorant = changes({"bom": BOM}, cancelled_by="plm.change.cancelled"), changes({"bom": BOM})
    assert accused(told(withdrawn, heeding)) == set()
    assert accused(told(withdrawn, ignorant)) == {"completeness"}
    assert accused(told(another_is_withdrawn, heeding)) == {"completeness"}
