"""`recovery` convicts those that do not come back, come back too late, or come back without their memory."""

from pathlib import Path

import pytest

from pilotplant.ledger.records import Crash, FaultArmed, FaultBitten, Reject, Restart
from pilotplant.systems.erp.stock import FindDocuments, find_documents
from pilotplant.target.model import Declares
from tests.unit.histories import CONFIRMATION, DE, History, convicting, flow, kinds, shipped_flow

IN_TIME = """
flow: in-time
trigger: mes.order.completed
scope: [confirmation, plant]
for_each: movements
coalesce: every
recover_within: 30s
steps:
  bookings: {commit: erp.stock.post, by: [plant, source_document, movement, item, lot]}
"""


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the flow for confirmations in which one was booked."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    return history


def outage(history: History) -> None:
    """A fault touches the ERP."""
    history.ledger.write(FaultArmed, history.world.env.now, "outage")
    history.ledger.write(FaultBitten, history.world.env.now, "outage", history.ledger.systems["erp"], 1)


def die(history: History) -> None:
    """The target is killed and started again."""
    now = history.world.env.now
    history.ledger.write(Crash, now, 1, "killed by the scenario")
    history.ledger.write(Restart, now, 2)


# --- outages ---------------------------------------------------------------------------------------------------------


def test_never_called_again_after_the_outage(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    outage(history)
    history.heal()
    judgement = history.judge()
    assert kinds(judgement, "recovery") == {"never-recovers"}
    (finding,) = (finding for finding in judgement.findings if finding.check == "recovery")
    assert finding.sentence.startswith("ERP was never called again after its fault was lifted")


def test_called_again_and_done(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    outage(history)
    history.heal()
    history.post(history.posting(event))
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()


def test_nothing_was_owed_so_nobody_had_to_call(history: History) -> None:
    outage(history)
    history.heal()
    assert history.judge().findings == ()


def test_what_was_never_delivered_is_not_owed(history: History) -> None:
    history.finish_order(DE)
    outage(history)
    history.heal()
    assert kinds(history.judge(), "recovery") == set()


def test_what_may_be_among_anonymous_bookings_is_not_owed(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    history.post(history.posting(event, source=""))
    outage(history)
    history.heal()
    assert kinds(history.judge(), "recovery") == set()


@pytest.mark.parametrize(("took_s", "kind"), [(20.0, set()), (40.0, {"unbounded"})])
def test_the_backlog_takes_too_long(tmp_path: Path, took_s: float, kind: set[str]) -> None:
    history = History(tmp_path, flow(IN_TIME))
    event = history.finish_order(DE)
    outage(history)
    history.heal()
    history.wait(took_s)
    history.book(event)
    assert kinds(history.judge(), "recovery") == kind


@pytest.mark.parametrize("before_s", [0.0, 4.0])
@pytest.mark.parametrize(("asked_s", "kind"), [(25.0, set()), (5.0, {"unbounded"})])
def test_what_a_system_asked_to_wait_is_not_the_targets_time(
    tmp_path: Path, asked_s: float, kind: set[str], before_s: float
) -> None:
    """Also where it asked before the faults were lifted, and the wait goes on: found by `explore erp-rate-limit`."""
    history = History(tmp_path, flow(IN_TIME))
    event = history.finish_order(DE)
    outage(history)
    if not before_s:
        history.heal()
    ledger, now = history.ledger, history.world.env.now
    system, operation = ledger.systems["erp"], ledger.operations["erp.stock.post"]
    for _ in range(2):  # who is asked twice waits once
        ledger.write(Reject, now, system, 1, operation, "", 0, "rate-limited", 429, True, True, asked_s)
    if before_s:
        history.wait(before_s)
        history.heal()
    history.wait(40.0)
    history.book(event)
    assert kinds(history.judge(), "recovery") == kind


@pytest.mark.parametrize(("waited_s", "kind"), [(20.0, set()), (40.0, {"unbounded"})])
def test_the_backlog_is_not_worked_off_when_the_wait_is_given_up(
    tmp_path: Path, waited_s: float, kind: set[str]
) -> None:
    history = History(tmp_path, flow(IN_TIME))
    history.deliver(history.finish_order(DE))
    outage(history)
    history.heal()
    history.wait(waited_s)
    history.rest(settled=False)
    assert kinds(history.judge(at_rest=False), "recovery") == kind


def test_what_came_after_the_outage_has_nothing_to_recover_from(tmp_path: Path) -> None:
    history = History(tmp_path, flow(IN_TIME))
    outage(history)
    history.heal()
    history.wait(1)
    event = history.finish_order(DE)
    history.wait(60)
    history.book(event)
    assert kinds(history.judge(), "recovery") == set()


def test_what_a_person_had_to_resolve_waited_for_that(tmp_path: Path) -> None:
    history = History(tmp_path, flow(IN_TIME))
    event = history.finish_order(DE)
    outage(history)
    history.deliver(event)
    exception = history.raise_exception("CNF-0000001", DE)
    history.heal()
    history.wait(40)
    history.resolve(exception)
    history.post(history.posting(event))
    assert kinds(history.judge(), "recovery") == set()


@pytest.mark.parametrize(
    ("budget_s", "outage_s", "tells", "excused"),
    [(60, 70, True, True), (60, 30, True, False), (60, 70, False, False), (0, 70, True, False)],
)
def test_given_up_after_an_outage(history: History, budget_s: int, outage_s: int, tells: bool, excused: bool) -> None:
    """Who keeps trying as long as it declares may then hand the matter to a person."""
    event = history.finish_order(DE)
    history.deliver(event)
    for _second in range(outage_s):
        outage(history)
        history.wait(1)
    if tells:
        history.raise_exception("CNF-0000002", DE, reason="no-answer")
    history.heal()
    call_again(history)
    judgement = history.judge(declares=Declares(retry_budget=budget_s))
    assert set(convicting(judgement)) == (set() if excused else {"completeness"})


def test_given_up_after_few_attempts_that_were_ever_further_apart(history: History) -> None:
    """With nothing else to do it touched the ERP after 0, 4, 12, 28 and 60 s."""
    history.deliver(history.finish_order(DE))
    for pause_s in (4, 8, 16, 32, 1):
        outage(history)
        history.wait(pause_s)
    history.raise_exception("CNF-0000002", DE, reason="no-answer")
    history.heal()
    call_again(history)
    assert convicting(history.judge(declares=Declares(retry_budget=60))) == {}


def call_again(history: History) -> None:
    """The ERP is alive, and the target sees that."""
    history.call("erp", find_documents, FindDocuments(plant=DE, source_document="CNF-0000001"))


# --- crashes ---------------------------------------------------------------------------------------------------------


def test_acknowledged_and_forgotten(history: History) -> None:
    history.deliver(history.finish_order(DE))
    die(history)
    judgement = history.judge()
    assert kinds(judgement, "recovery") == {"acknowledged-and-lost"}
    assert set(convicting(judgement)) == {"completeness", "recovery"}


def test_acknowledged_and_done_in_the_next_life(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    die(history)
    history.post(history.posting(event))
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()


def test_never_acknowledged_and_lost_is_another_defect(history: History) -> None:
    event = history.finish_order(DE)
    history.send_event(event)
    die(history)
    history.deliver(event)
    assert kinds(history.judge(), "recovery") == set()


def test_booked_again_by_the_next_life(history: History) -> None:
    event = history.finish_order(DE)
    history.book(event)
    die(history)
    history.post(history.posting(event))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"once", "recovery"}
    assert kinds(judgement, "recovery") == {"forgotten-on-crash"}


def test_booked_twice_by_the_same_life_is_no_matter_of_recovery(history: History) -> None:
    event = history.finish_order(DE)
    die(history)
    history.book(event)
    history.post(history.posting(event))
    assert set(convicting(history.judge())) == {"once"}


def test_booked_again_by_the_next_life_and_taken_back(history: History) -> None:
    event = history.finish_order(DE)
    history.book(event)
    die(history)
    history.reverse(history.post(history.posting(event)))
    assert history.judge().findings == ()


def test_a_run_without_faults_does_not_test_it(history: History) -> None:
    judgement = history.judge()
    assert any(entry.startswith("recovery (no fault held anything up") for entry in judgement.untested)
    assert "recovery" not in {check.check for check in judgement.checks}


@pytest.mark.parametrize("company", [False, True])
def test_who_died_and_was_not_started_again_has_recovered_from_nothing(history: History, company: bool) -> None:
    now = history.world.env.now
    history.ledger.write(Restart, now, 1)
    if company:
        history.ledger.write(Restart, now, 2)
    history.book(history.finish_order(DE))
    history.ledger.write(Crash, history.world.env.now, 1, "it ended by itself")
    judgement = history.judge()
    untested = [entry for entry in judgement.untested if entry.startswith("recovery")]
    assert untested == ([] if company else ["recovery (the target died and was not started again)"])
