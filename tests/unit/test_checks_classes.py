"""Classes of defect that the first four checks name: each with a history that convicts and a twin that does not."""

from pathlib import Path

import msgspec
import pytest

from pilotplant.dataset.records import BomLine
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Crash, Reject, Restart
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.items import UpsertItem, upsert_item
from pilotplant.systems.erp.orders import ChangeOrder, change_order
from pilotplant.systems.erp.stock import post_stock
from pilotplant.systems.plm.operations import ReportResult, report_result
from tests.unit.histories import (
    CHANGE,
    CONFIRMATION,
    DE,
    History,
    convicting,
    dataset,
    family,
    flow,
    following_revision,
    kinds,
    revised_parent,
    shipped_flow,
)

PARENT, COMPONENT, *_ = family()
THIS = revised_parent()
ORDER = next(order.order for order in dataset().production_orders if order.plant == DE)


@pytest.fixture
def changes(tmp_path: Path) -> History:
    """A run of the flow for changes in which one was carried out."""
    return History(tmp_path, shipped_flow(CHANGE))


@pytest.fixture
def confirmations(tmp_path: Path) -> History:
    """A run of the flow for confirmations."""
    return History(tmp_path, shipped_flow(CONFIRMATION))


# --- 4: a parent before its component --------------------------------------------------------------------------------


def bring(history: History, item: str) -> None:
    """The target sends an item to the plant."""
    held = history.estate.systems["erp"].state.item(DE, item)
    command = UpsertItem(plant=DE, item=item, description="a component", unit=held.unit, revision=held.revision)
    assert history.call("erp", upsert_item, command).status == 200


def parent_before_component(history: History, *, sends_item: bool, sends_again: bool) -> None:
    """The structure comes while the plant does not know a component yet; a person is told."""
    history.deliver(history.release("ECO-1", PARENT))
    plm, erp = history.estate.systems["plm"].state, history.estate.systems["erp"].state
    lines = plm.bom(PARENT, THIS[2]).lines
    component = lines[0].component
    known, erp.item = erp.item, lambda plant, item: None if item == component else known(plant, item)
    assert history.bom(*THIS).status == 422
    erp.item = known
    if sends_item:
        bring(history, component)
    if sends_again:
        history.carry_out(THIS)
    else:
        history.raise_exception("ECO-1", DE)


def test_a_parent_was_sent_before_its_component(changes: History) -> None:
    parent_before_component(changes, sends_item=True, sends_again=False)
    judgement = changes.judge()
    assert kinds(judgement, "sequencing") == {"premature"}
    assert set(convicting(judgement)) == {"completeness", "sequencing"}


def test_a_parent_that_was_sent_again_after_its_component(changes: History) -> None:
    """Whoever creates what is missing when it is told so is late, and right in the end."""
    parent_before_component(changes, sends_item=True, sends_again=True)
    assert changes.judge().findings == ()


def test_another_change_brings_the_item(changes: History) -> None:
    """What a change of its own asks for says nothing of whose task it was before."""
    changes.deliver(changes.release("ECO-1", PARENT), changes.release("ECO-2", COMPONENT))
    erp = changes.estate.systems["erp"].state
    known, erp.item = erp.item, lambda plant, item: None if item == COMPONENT else known(plant, item)
    assert changes.bom(*THIS).status == 422
    erp.item = known
    changes.raise_exception("ECO-1", DE)
    changes.carry_out((DE, COMPONENT, following_revision(COMPONENT)))
    bring(changes, COMPONENT)
    assert changes.judge().findings == ()


def test_who_leaves_items_to_planning_tells_the_desk(changes: History) -> None:
    parent_before_component(changes, sends_item=False, sends_again=False)
    assert changes.judge().findings == ()


# --- 7: before its time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waited_s", "early"), [(0.0, True), (600.0, True), (3599.5, False), (3601.0, False)])
def test_effectivity(changes: History, waited_s: float, early: bool) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, effective_in_s=3620))
    changes.active(THIS)
    changes.wait(max(waited_s, 1e-3))
    changes.wait(9.5 if not early else 1e-3)
    changes.publish(*THIS)
    judgement = changes.judge()
    assert convicting(judgement) == ({"sequencing": 1} if early else {})
    if early:
        assert "s before it takes effect" in judgement.findings[0].sentence


def test_staged_before_its_time(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, effective_in_s=3600))
    changes.active(THIS)
    changes.publish(*THIS, stage="staged")
    changes.wait(3600)
    changes.publish(*THIS)
    assert changes.judge().findings == ()


def test_at_another_speed_the_calendar_of_the_target_is_not_ours(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CHANGE), speed=60)
    history.deliver(history.release("ECO-1", PARENT, effective_in_s=36_000))
    history.active(THIS)
    history.publish(*THIS)
    assert history.judge().findings == ()


# --- 8: what was withdrawn comes back --------------------------------------------------------------------------------


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_carried_out_although_it_was_withdrawn(changes: History, withdrawn_first: bool) -> None:
    """Messages overtake each other; who hears of the withdrawal first must not begin when the release arrives."""
    release = changes.release("ECO-1", PARENT)
    cancel = changes.cancel("ECO-1")
    changes.deliver(*((cancel, release) if withdrawn_first else (release, cancel)))
    changes.carry_out(THIS)
    judgement = changes.judge()
    assert kinds(judgement, "sequencing") == ({"resurrected"} if withdrawn_first else set())
    assert convicting(judgement) == ({"sequencing": 1} if withdrawn_first else {})


@pytest.mark.parametrize("again", [True, False])
def test_whoever_died_since_need_not_know_of_the_withdrawal_until_it_hears_it_again(
    changes: History, again: bool
) -> None:
    release = changes.release("ECO-1", PARENT)
    cancel = changes.cancel("ECO-1")
    changes.deliver(cancel)
    changes.ledger.write(Crash, changes.world.env.now, 1, "killed by the scenario")
    changes.ledger.write(Restart, changes.world.env.now, 2)
    changes.deliver(*((cancel, release) if again else (release, cancel)))
    changes.carry_out(THIS)
    assert kinds(changes.judge(), "sequencing") == ({"resurrected"} if again else set())


def test_a_withdrawal_that_was_not_acknowledged_says_nothing(changes: History) -> None:
    release = changes.release("ECO-1", PARENT)
    cancel = changes.cancel("ECO-1")
    changes.send_event(cancel)
    changes.deliver(release)
    changes.carry_out(THIS)
    assert changes.judge().findings == ()


# --- 12: an idempotency key for other content ------------------------------------------------------------------------


@pytest.mark.parametrize("reused", [True, False])
def test_a_key_for_other_content(tmp_path: Path, reused: bool) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION), idempotency="stripe")
    first, second = history.finish_order(DE), history.finish_order(DE)
    history.deliver(first, second)
    history.post(history.posting(first), key="K")
    response = history.call("erp", post_stock, history.posting(second), key="K" if reused else "L")
    judgement = history.judge()
    assert response.status == (422 if reused else 201)
    assert kinds(judgement, "once") == ({"key-reused"} if reused else set())
    assert set(convicting(judgement)) == ({"completeness"} if reused else set())


# --- 19: poison in the way of others ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "blocked"), [(3, False), (8, True), (40, True)])
def test_what_is_refused_for_ever_blocks_the_others(confirmations: History, times: int, blocked: bool) -> None:
    poison, other = confirmations.finish_order(DE), confirmations.finish_order(DE)
    confirmations.deliver(poison, other)
    erp = confirmations.estate.systems["erp"].state
    erp.item = lambda plant, item: None
    for _time in range(times):
        confirmations.wait(1)
        assert confirmations.call("erp", post_stock, confirmations.posting(poison)).status == 422
    confirmations.raise_exception("CNF-0000001", DE)
    confirmations.rest(settled=False)
    judgement = confirmations.judge(at_rest=False)
    assert kinds(judgement, "completeness") == ({"blocked"} if blocked else set())
    assert judgement.verdict is (Verdict.FAIL if blocked else Verdict.UNKNOWN)


def test_what_is_refused_for_ever_beside_the_others(confirmations: History) -> None:
    poison = confirmations.finish_order(DE)
    confirmations.deliver(poison)
    erp = confirmations.estate.systems["erp"].state
    known = erp.item
    for _time in range(9):
        other = confirmations.finish_order(DE)
        confirmations.book(other)
        erp.item = lambda plant, item: None
        assert confirmations.call("erp", post_stock, confirmations.posting(poison)).status == 422
        erp.item = known
    confirmations.raise_exception("CNF-0000001", DE)
    judgement = confirmations.judge()
    assert convicting(judgement) == {}
    assert kinds(judgement, "manners") == {"poison"}


# --- 27: success that never was --------------------------------------------------------------------------------------


def report(history: History, status: str) -> None:
    """The PLM is told how it went."""
    told = ReportResult(change="ECO-1", plant=DE, system="erp", status=status)  # type: ignore[arg-type]
    assert history.call("plm", report_result, told).status == 201


@pytest.mark.parametrize("status", ["accepted", "rejected"])
def test_success_is_reported_of_what_was_refused(changes: History, status: str) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, idle_work_centre=True))
    changes.bom(*THIS)
    assert changes.routing(*THIS).status == 422
    changes.raise_exception("ECO-1", DE)
    report(changes, status)
    judgement = changes.judge()
    assert kinds(judgement, "completeness") == ({"false-success"} if status == "accepted" else set())
    assert convicting(judgement) == ({"completeness": 1} if status == "accepted" else {})


def test_success_that_was_taken_back(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, idle_work_centre=True))
    report(changes, "accepted")
    changes.bom(*THIS)
    assert changes.routing(*THIS).status == 422
    changes.raise_exception("ECO-1", DE)
    report(changes, "rejected")
    assert changes.judge().findings == ()


def test_success_is_reported_of_what_was_done(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.carry_out(THIS)
    report(changes, "accepted")
    assert changes.judge().findings == ()


# --- 28: its own echo ------------------------------------------------------------------------------------------------


def change(history: History, quantity: float) -> None:
    """The target changes an order."""
    command = ChangeOrder(order=ORDER, quantity=quantity)
    assert history.call("erp", change_order, command, if_match="*").status == 200


@pytest.mark.parametrize(("rounds", "hears"), [(3, True), (8, True), (8, False)])
def test_an_echo(confirmations: History, rounds: int, hears: bool) -> None:
    confirmations.book(confirmations.finish_order(DE))
    for _round in range(rounds):
        change(confirmations, 7.0)
        if hears:
            confirmations.deliver(confirmations.last("erp.production_order.changed"))
    judgement = confirmations.judge()
    assert kinds(judgement, "once") == ({"echo"} if hears and rounds > 3 else set())


def test_other_content_each_time_is_no_echo(confirmations: History) -> None:
    confirmations.book(confirmations.finish_order(DE))
    for number in range(9):
        change(confirmations, 7.0 + number)
        confirmations.deliver(confirmations.last("erp.production_order.changed"))
    assert confirmations.judge().findings == ()


def test_an_answer_to_what_others_change_is_no_echo(confirmations: History) -> None:
    confirmations.book(confirmations.finish_order(DE))
    for _round in range(9):
        confirmations.act("erp", change_order, ChangeOrder(order=ORDER, revision="Z"))
        confirmations.deliver(confirmations.last("erp.production_order.changed"))
        change(confirmations, 7.0)
        confirmations.deliver(confirmations.last("erp.production_order.changed"))
    assert confirmations.judge().findings == ()


# --- 15, 18, 24, 25: what the old checks convict ---------------------------------------------------------------------


def test_equal_content_of_two_facts_is_taken_for_a_repetition(confirmations: History) -> None:
    first, second = confirmations.finish_order(DE), confirmations.finish_order(DE)
    confirmations.deliver(first, second)
    confirmations.post(confirmations.posting(first))
    assert set(convicting(confirmations.judge())) == {"completeness"}


def test_one_of_two_writes_is_left_out(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.active(THIS)
    judgement = changes.judge()
    assert set(convicting(judgement)) == {"completeness"}
    assert "was only half carried out. Missing in MES" in judgement.findings[0].sentence


def test_a_part_of_a_batch_is_taken_for_the_whole(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.deliver(event)
    whole = confirmations.posting(event)
    confirmations.post(msgspec.structs.replace(whole, lines=whole.lines[:1]))
    assert set(convicting(confirmations.judge())) == {"completeness"}


def test_the_whole_batch_is_sent_again_for_the_sake_of_a_part(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.deliver(event)
    whole = confirmations.posting(event)
    confirmations.post(msgspec.structs.replace(whole, lines=whole.lines[:1]))
    confirmations.post(whole)
    assert set(convicting(confirmations.judge())) == {"once"}


# --- 52, 60: too late for those who wait -----------------------------------------------------------------------------

URGENT = """
flow: urgent
trigger: mes.order.completed
scope: [confirmation, plant]
for_each: movements
coalesce: every
steps:
  bookings: {commit: erp.stock.post, by: [plant, source_document, movement, item, lot]}
within: {bookings: {p95: 5s}}
"""


@pytest.mark.parametrize(("waits_s", "late"), [(1.0, False), (60.0, True)])
def test_others_wait_behind_one(tmp_path: Path, waits_s: float, late: bool) -> None:
    history = History(tmp_path, flow(URGENT))
    events = [history.finish_order(DE) for _order in range(10)]
    history.deliver(*events)
    history.wait(waits_s)
    for event in events:
        history.post(history.posting(event))
    judgement = history.judge()
    assert judgement.missed is late
    assert judgement.verdict is (Verdict.FAIL if late else Verdict.PASS)


# --- what is said of what never finished -----------------------------------------------------------------------------


def test_the_last_that_was_seen_of_it_is_told(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.bom(*THIS)
    judgement = changes.judge()
    (finding,) = judgement.findings
    assert any(proof.text.startswith(f"the last seen of it: BOM {PARENT}") for proof in finding.proof)


def test_another_revision_almost_matched(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.prepare(THIS)
    changes.wait()
    changes.deliver(changes.activated(*THIS))
    old = dataset().items[PARENT].revision
    changes.publish(DE, PARENT, old)
    (finding,) = (finding for finding in changes.judge().findings if finding.check == "completeness")
    assert f"`revision` was `{old}`, `{THIS[2]}` expected" in finding.sentence


def test_what_was_refused_at_another_plant_almost_matched(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.deliver(event)
    elsewhere = msgspec.structs.replace(confirmations.posting(event), plant="ZZ99")
    assert confirmations.call("erp", post_stock, elsewhere).status == 422
    judgement = confirmations.judge()
    assert "`plant` was `ZZ99`, `DE01` expected" in judgement.findings[0].sentence


def test_refusals_say_how_long_to_wait_and_what_is_missing(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    unknown = BomLine("NO-SUCH-ITEM", 1.0, "EA")
    assert changes.send_bom(*THIS, (unknown,)).status == 422
    changes.judge()
    (reject,) = (record for record in Ledger(changes.directory) if isinstance(record, Reject))
    assert reject.needs == ("NO-SUCH-ITEM",)
    assert not reject.intended
