"""`atomicity` convicts planted half-measures and overwritten changes, and stays silent on their correct twins."""

from pathlib import Path

import msgspec
import pytest

from pilotplant.checks.finding import Severity
from pilotplant.ledger.records import Crash, Ending, Restart
from pilotplant.model.outcome import Committed
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.orders import ChangeOrder, NameOrder, change_order, get_order
from pilotplant.systems.erp.stock import FindDocuments, ReverseDocument, find_documents, post_stock, reverse_document
from tests.unit.histories import CONFIRMATION, DE, History, convicting, dataset, kinds, shipped_flow


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the flow for confirmations in which one was booked."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    return history


def silent(history: History) -> None:
    """Nobody is accused, nothing is in doubt."""
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()


# --- half done -------------------------------------------------------------------------------------------------------


def half_booked(history: History) -> str:
    """The receipt is booked; an issue is refused for good, since the plant has lost the item."""
    event = history.finish_order(DE)
    history.deliver(event)
    whole = history.posting(event)
    document = history.post(msgspec.structs.replace(whole, lines=whole.lines[:1]))
    issue = next(line for line in whole.lines if line.movement == "issue")
    erp = history.estate.systems["erp"].state
    known, erp.item = erp.item, lambda plant, item: None if item == issue.item else known(plant, item)
    rest = msgspec.structs.replace(whole, lines=whole.lines[1:])
    assert history.call("erp", post_stock, rest).status == 422
    erp.item = known
    return document


def test_half_a_confirmation_is_left_standing(history: History) -> None:
    half_booked(history)
    judgement = history.judge()
    assert kinds(judgement, "atomicity") == {"no-compensation"}
    (finding,) = (finding for finding in judgement.findings if finding.check == "atomicity")
    assert "is booked, issue of " in finding.sentence
    assert "neither taken back nor told to anybody" in finding.sentence
    assert finding.severity is Severity.FAIL


def test_half_a_confirmation_that_the_desk_knows_of_is_a_warning(history: History) -> None:
    """Somebody may make it whole, and until then half of it stands."""
    half_booked(history)
    history.raise_exception("CNF-0000002", DE)
    judgement = history.judge()
    (finding,) = judgement.findings
    assert (finding.check, finding.step, finding.severity) == ("atomicity", "no-compensation", Severity.WARN)
    assert judgement.verdict is Verdict.PASS


def test_half_a_confirmation_is_taken_back_and_the_desk_knows_of_it(history: History) -> None:
    """None of it stands, as it should be: nothing is lost by that."""
    history.reverse(half_booked(history))
    history.raise_exception("CNF-0000002", DE)
    silent(history)


def test_half_a_confirmation_is_taken_back_each_time_that_it_is_tried(history: History) -> None:
    """A person said that the cause was mended, and it was not."""
    first, event = half_booked(history), history.last("mes.order.completed")
    history.reverse(first)
    history.resolve(history.raise_exception("CNF-0000002", DE))
    whole = history.posting(event)
    history.reverse(history.post(msgspec.structs.replace(whole, lines=whole.lines[:1])))
    history.raise_exception("CNF-0000002", DE)
    silent(history)


def test_half_a_confirmation_is_taken_back_and_nobody_knows(history: History) -> None:
    history.reverse(half_booked(history))
    judgement = history.judge()
    assert kinds(judgement, "atomicity") == set()
    assert kinds(judgement, "completeness") == {"exception", "reversal"}


def test_half_a_confirmation_is_made_whole_later(history: History) -> None:
    half_booked(history)
    event = history.last("mes.order.completed")
    whole = history.posting(event)
    history.post(msgspec.structs.replace(whole, lines=whole.lines[1:]))
    silent(history)


# --- taking back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
def test_taken_back_since_the_answer_was_lost(history: History, answered: bool) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    history.reverse(history.post(history.posting(event), answered=answered))
    judgement = history.judge()
    assert convicting(judgement)["completeness"] >= 1
    assert kinds(judgement, "atomicity") == (set() if answered else {"compensated-success"})


def test_taken_back_since_the_answer_was_lost_and_booked_again(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    history.reverse(history.post(history.posting(event), answered=False))
    history.post(history.posting(event))
    silent(history)


def test_a_double_booking_of_which_both_are_taken_back(history: History) -> None:
    event = history.finish_order(DE)
    first = history.book(event)
    second = history.post(history.posting(event))
    history.reverse(first)
    history.reverse(second)
    assert kinds(history.judge(), "atomicity") == {"compensated-twice"}


def reverse_again(history: History, *, answered: bool, crashed: bool = False) -> None:
    event = history.finish_order(DE)
    first = history.book(event)
    history.post(history.posting(event))
    history.call("erp", reverse_document, ReverseDocument(document=first), answered=answered)
    if crashed:
        history.ledger.write(Crash, history.world.env.now, 1, "")
        history.ledger.write(Restart, history.world.env.now, 2)
    assert history.call("erp", reverse_document, ReverseDocument(document=first)).status == 409


def test_reversed_once_more_although_the_first_was_confirmed(history: History) -> None:
    reverse_again(history, answered=True)
    judgement = history.judge()
    assert convicting(judgement) == {}
    assert kinds(judgement, "atomicity") == {"compensated-twice"}


@pytest.mark.parametrize("crashed", [True, False])
def test_reversed_once_more_since_nobody_could_know(history: History, crashed: bool) -> None:
    reverse_again(history, answered=crashed, crashed=crashed)
    silent(history)


# --- changes of others -----------------------------------------------------------------------------------------------

ORDER = next(order.order for order in dataset().production_orders if order.plant == DE)


def read(history: History) -> str:
    """Read the order; its tag."""
    return dict(history.call("erp", get_order, NameOrder(order=ORDER)).headers)[b"etag"].decode()


def clerk(history: History, **what: object) -> None:
    """Somebody at the ERP changes the order."""
    outcome = history.act("erp", change_order, ChangeOrder(order=ORDER, **what))  # type: ignore[arg-type]
    assert isinstance(outcome, Committed)


def write(history: History, tag: str, quantity: float = 7.0) -> int:
    """The target changes the quantity."""
    command = ChangeOrder(order=ORDER, quantity=quantity)
    return history.call("erp", change_order, command, if_match=tag).status


def test_a_change_of_somebody_else_is_overwritten(history: History) -> None:
    read(history)
    clerk(history, quantity=3.0)
    assert write(history, "*") == 200
    judgement = history.judge()
    assert kinds(judgement, "atomicity") == {"lost-update"}
    assert "overwrote at #" in judgement.findings[0].sentence


def test_the_tag_guards(history: History) -> None:
    tag = read(history)
    clerk(history, quantity=3.0)
    assert write(history, tag) == 412
    assert write(history, read(history)) == 200
    silent(history)


def test_another_field_was_changed(history: History) -> None:
    read(history)
    clerk(history, revision="Z")
    assert write(history, "*") == 200
    silent(history)


def test_who_never_looked_decided_on_nothing(history: History) -> None:
    clerk(history, quantity=3.0)
    assert write(history, "*") == 200
    silent(history)


def test_the_change_was_told_in_an_event(history: History) -> None:
    read(history)
    clerk(history, quantity=3.0)
    history.deliver(history.last("erp.production_order.changed"))
    assert write(history, "*") == 200
    silent(history)


@pytest.mark.parametrize("reads_again", [True, False])
def test_told_that_somebody_was_faster(history: History, reads_again: bool) -> None:
    """The refusal names the present tag; who sends the very same with it decides on what it read before."""
    tag = read(history)
    clerk(history, quantity=3.0)
    assert write(history, tag) == 412
    if reads_again:
        read(history)
    assert write(history, f'"{ORDER}.{history.estate.systems["erp"].state.orders[ORDER].row}"') == 200
    judgement = history.judge()
    assert kinds(judgement, "atomicity") == (set() if reads_again else {"stale-decision"})
    assert convicting(judgement) == ({} if reads_again else {"atomicity": 1})


# --- looking before doing it again -----------------------------------------------------------------------------------


def test_looked_too_early_and_booked_again(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    booking = history.open("erp", post_stock, history.posting(event))
    look_up(history)
    booking.commit()
    booking.end(Ending.RESET)
    history.post(history.posting(event))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"once", "atomicity"}
    assert kinds(judgement, "atomicity") == {"stale-decision"}


def test_looked_saw_nothing_and_booked(history: History) -> None:
    """Check before post, as a middleware without idempotency keys does it, whatever gets lost."""
    event = history.finish_order(DE)
    history.deliver(event)
    look_up(history)
    history.post(history.posting(event), answered=False)
    look_up(history)
    silent(history)


def look_up(history: History) -> None:
    history.call("erp", find_documents, FindDocuments(plant=DE, source_document="CNF-0000002"))


def test_without_bookings_there_is_nothing_to_say(tmp_path: Path) -> None:
    judgement = History(tmp_path).judge()
    assert any(entry.startswith("atomicity (nothing was booked") for entry in judgement.untested)
