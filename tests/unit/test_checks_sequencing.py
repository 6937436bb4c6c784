"""`sequencing` proves itself on planted defects and stays silent on their correct twins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.ledger.records import Ending
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.orders import ChangeOrder, change_order
from pilotplant.systems.mes.operations import publish_routing
from tests.unit.histories import CHANGE, DE, History, convicting, family, flow, following_revision, shipped_flow

PARENT, *_ = family()
PARENT_1, PARENT_2 = following_revision(PARENT), following_revision(PARENT, 2)
THIS = (DE, PARENT, PARENT_1)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A fresh run of the shipped flow for changes, without postings, so that `once` has no say."""
    return History(tmp_path, shipped_flow(CHANGE))


def told_by_event(history: History) -> None:
    """Delivered and acknowledged."""
    history.deliver(history.activated(*THIS))


def told_by_event_whose_acknowledgement_was_lost(history: History) -> None:
    """The delivery went out; what came of it nobody knows."""
    history.send_event(history.activated(*THIS))
    history.acknowledge(history.activated(*THIS), status=0, note="reset")


def told_by_a_read(history: History) -> None:
    """The middleware looked."""
    assert history.read_version(DE, PARENT).status == 200


def told_by_a_conflict(history: History) -> None:
    """A 409 shows something of the state, nobody can say what."""
    order = next(iter(history.estate.systems["erp"].state.orders.values()))
    order.locked_until = history.world.env.now + 60
    command = ChangeOrder(order=order.order.order, quantity=5.0)
    exchange = history.open("erp", change_order, command, if_match="*")
    exchange.commit()
    assert history.answer(exchange).status == 409


def told_by_asking_for_the_activation_again(history: History) -> None:
    """The ERP answers that the job is done."""
    assert b'"status":"done"' in history.activate(*THIS).body


TOLD = (
    told_by_event,
    told_by_event_whose_acknowledgement_was_lost,
    told_by_a_read,
    told_by_a_conflict,
    told_by_asking_for_the_activation_again,
)


def _silent(history: History) -> None:
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()
    assert judgement.verdict is Verdict.PASS


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.__name__)
def test_whatever_tells_it_clears(history: History, told: Callable[[History], None]) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare(THIS)
    history.wait()
    told(history)
    history.publish(*THIS)
    _silent(history)


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.__name__)
def test_before_it_is_told_it_is_convicted_although_it_is_so(history: History, told: Callable[[History], None]) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare(THIS)
    history.wait()
    history.publish(*THIS)
    told(history)
    judgement = history.judge()
    assert convicting(judgement) == {"sequencing": 1}
    assert "is the first message that reveals it" in judgement.findings[0].sentence or told is told_by_a_conflict


def test_a_job_that_is_polled_until_it_is_done(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.bom(*THIS)
    history.routing(*THIS)
    activation = history.activate(*THIS)
    assert b'"status":"queued"' in history.poll_job(activation).body
    history.wait()
    assert b'"status":"done"' in history.poll_job(activation).body
    history.publish(*THIS)
    _silent(history)


def test_accepted_is_not_done(history: History) -> None:
    """202 and a poll that says `queued` tell nothing."""
    history.deliver(history.release("ECO-1", PARENT))
    history.bom(*THIS)
    history.routing(*THIS)
    history.poll_job(history.activate(*THIS))
    history.publish(*THIS)
    history.wait()
    told_by_event(history)
    assert convicting(history.judge()) == {"sequencing": 1}


def test_an_answer_that_was_lost_tells_nothing(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare(THIS)
    history.wait()
    history.answer(history.asking_for_version(DE, PARENT), arrives=False)
    history.publish(*THIS)
    told_by_event(history)
    assert convicting(history.judge()) == {"sequencing": 1}


def test_sent_before_it_was_told_and_carried_out_after(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare(THIS)
    request = history.open(f"mes@{DE}", publish_routing, history.publishing(*THIS))
    history.wait()
    told_by_event(history)
    request.commit()
    history.answer(request)
    assert convicting(history.judge()) == {"sequencing": 1}


def test_never_activated_at_all(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.publish(*THIS)
    judgement = history.judge()
    assert convicting(judgement) == {"sequencing": 1, "completeness": 1}
    assert "never came about" in judgement.findings[-1].sentence + judgement.findings[0].sentence


def test_older_over_newer(history: History) -> None:
    first = history.release("ECO-1", PARENT)
    history.wait(1)
    history.deliver(first, history.release("ECO-2", PARENT))
    history.active(THIS)
    history.carry_out((DE, PARENT, PARENT_2))
    history.publish(*THIS)
    judgement = history.judge()
    assert [f.step for f in judgement.findings if f.check == "sequencing"] == ["stale"]
    assert convicting(judgement)["convergence"] == 1


def test_going_back_after_a_withdrawal_is_not_stale(history: History) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.carry_out(THIS)
    history.wait(1)
    history.deliver(history.release("ECO-2", PARENT))
    history.carry_out((DE, PARENT, PARENT_2))
    history.deliver(history.cancel("ECO-2"))
    history.publish(*THIS)
    assert "sequencing" not in convicting(history.judge())


def _overtaking(history: History, ending: Ending) -> Judgement:
    first = history.release("ECO-1", PARENT)
    history.wait(1)
    history.deliver(first, history.release("ECO-2", PARENT))
    history.active(THIS)
    late = history.open(f"mes@{DE}", publish_routing, history.publishing(*THIS))
    history.carry_out((DE, PARENT, PARENT_2))
    late.commit()
    late.first_byte()
    late.end(ending)
    history.publish(DE, PARENT, PARENT_2)
    return history.judge()


def test_an_older_request_that_is_carried_out_late_is_the_callers_fault_while_it_waits(history: History) -> None:
    assert convicting(_overtaking(history, Ending.SENT)) == {"sequencing": 1}


def test_an_older_request_that_the_caller_had_given_up_is_not(history: History) -> None:
    assert _overtaking(history, Ending.CALLER_GONE).findings == ()


FORBIDDING = """
flow: guarded
trigger: plm.change.released
scope: [change, plant]
for_each: affected-items
steps:
  erp-routing: {commit: erp.routing.upsert, by: [plant, item, revision]}
  mes-routing: {commit: mes.routing.publish, by: [plant, item, revision]}
on_reject: {of: [erp-routing], forbid: [mes-routing], expect: nothing}
"""


@pytest.fixture
def guarded(tmp_path: Path) -> History:
    """A flow in which nothing is ordered, but a refusal forbids what follows."""
    return History(tmp_path, flow(FORBIDDING))


def test_published_after_a_refusal_that_was_told(guarded: History) -> None:
    guarded.deliver(guarded.release("ECO-1", PARENT, idle_work_centre=True))
    assert guarded.routing(*THIS).status == 422
    guarded.publish(*THIS)
    judgement = guarded.judge()
    assert convicting(judgement) == {"sequencing": 1}
    assert "although ERP had refused" in judgement.findings[0].sentence


def test_published_before_the_refusal_was_told(guarded: History) -> None:
    guarded.deliver(guarded.release("ECO-1", PARENT, idle_work_centre=True))
    request = guarded.open(f"mes@{DE}", publish_routing, guarded.publishing(*THIS))
    assert guarded.routing(*THIS).status == 422
    request.commit()
    guarded.answer(request)
    assert convicting(guarded.judge()) == {}


EVENT_FORBIDDING = """
flow: guarded
trigger: plm.change.released
scope: [change, plant]
for_each: affected-items
steps:
  erp-active: {event: erp.version.activated, refused_by: erp.version.rejected, by: [plant, item, revision]}
  mes-routing: {commit: mes.routing.publish, by: [plant, item, revision]}
on_reject: {of: [erp-active], forbid: [mes-routing], expect: nothing}
"""


@pytest.mark.parametrize("told", [True, False])
def test_published_after_a_refusal_that_an_event_states(tmp_path: Path, told: bool) -> None:
    history = History(tmp_path, flow(EVENT_FORBIDDING))
    history.deliver(history.release("ECO-1", PARENT))
    history.let_activation_fail(*THIS)
    if told:
        history.deliver(history.last("erp.version.rejected"))
    history.publish(*THIS)
    assert convicting(history.judge()) == ({"sequencing": 1} if told else {})


KNOWN_BY_WHAT_FOLLOWS = """
flow: structure-first
trigger: plm.change.released
scope: [change, plant]
for_each: affected-items
steps:
  erp-bom: {commit: erp.bom.release, by: [plant, item, revision]}
  mes-routing: {commit: mes.routing.publish, by: [plant, item, revision], after: [erp-bom]}
"""


@pytest.mark.parametrize("asked_for_activation", [True, False])
def test_whatever_is_said_of_an_item_vouches_for_what_was_there_before(
    tmp_path: Path, asked_for_activation: bool
) -> None:
    """The answer to the structure was lost, but the ERP would not have accepted an activation without it."""
    history = History(tmp_path, flow(KNOWN_BY_WHAT_FOLLOWS))
    history.deliver(history.release("ECO-1", PARENT))
    history.bom(*THIS, answered=False)
    if asked_for_activation:
        history.act_routing_by_hand(*THIS)
        assert history.activate(*THIS).status == 202
    history.publish(*THIS)
    assert convicting(history.judge()) == ({} if asked_for_activation else {"sequencing": 1})
