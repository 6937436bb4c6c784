"""`once` proves itself on planted defects and stays silent on their correct twins."""

from pathlib import Path

import msgspec
import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.stock import PostStock
from tests.unit.histories import CN, CONFIRMATION, DE, US, History, convicting, shipped_flow


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A fresh run of the shipped flow for confirmations."""
    return History(tmp_path, shipped_flow(CONFIRMATION))


def silent(history: History) -> Judgement:
    """Nobody is accused and nothing is in doubt."""
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()
    assert judgement.verdict is Verdict.PASS
    return judgement


def test_a_confirmation_booked_twice_is_one_finding_with_all_its_lines(history: History) -> None:
    event = history.finish_order(DE, scrap=1)
    history.book(event)
    history.post(history.posting(event))
    judgement = history.judge()
    lines = len(history.posting(event).lines)
    assert convicting(judgement) == {"once": 1}
    assert judgement.verdict is Verdict.FAIL
    finding = judgement.findings[0]
    assert finding.sentence.startswith("ERP booked the receipt of ")
    assert f" and {lines - 1} more of the same document twice (#" in finding.sentence
    assert [proof.text.partition(" ")[0] for proof in finding.proof] == ["books", "sends", "books"]


def test_a_lost_answer_excuses_no_second_booking(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    history.post(history.posting(event), answered=False)
    history.post(history.posting(event))
    assert set(convicting(history.judge())) == {"once"}


def test_repeated_and_one_of_them_reversed(history: History) -> None:
    event = history.finish_order(DE)
    history.book(event)
    history.reverse(history.post(history.posting(event)))
    silent(history)


def test_repeated_and_the_first_reversed(history: History) -> None:
    event = history.finish_order(DE)
    document = history.book(event)
    history.post(history.posting(event))
    history.reverse(document)
    silent(history)


def test_reversed_and_booked_again(history: History) -> None:
    event = history.finish_order(DE)
    history.reverse(history.book(event))
    history.post(history.posting(event))
    silent(history)


def test_three_bookings_of_which_one_is_reversed_are_two(history: History) -> None:
    event = history.finish_order(DE)
    history.book(event)
    history.post(history.posting(event))
    history.reverse(history.post(history.posting(event)))
    findings = [f for f in history.judge().findings if f.check == "once"]
    assert {" twice " in finding.sentence for finding in findings} == {True}


def test_the_same_confirmation_number_at_two_plants(history: History) -> None:
    events = [history.finish_order(plant) for plant in (DE, US, CN)]
    assert len({event.event.confirmation for event in events}) == 1  # type: ignore[attr-defined]
    for event in events:
        history.book(event)
    silent(history)


def test_two_equal_lines_in_one_document_are_one_fact(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    whole = history.posting(event)
    halves = [msgspec.structs.replace(line, quantity=line.quantity / 2) for line in whole.lines for _half in range(2)]
    history.post(msgspec.structs.replace(whole, lines=tuple(halves)))
    silent(history)


def test_a_document_with_two_equal_lines_that_was_repeated_and_reversed(history: History) -> None:
    """Taking one of the two documents back takes back one booking, however many lines say the same."""
    event = history.finish_order(DE)
    history.deliver(event)
    whole = history.posting(event)
    halves = [msgspec.structs.replace(line, quantity=line.quantity / 2) for line in whole.lines for _half in range(2)]
    split = msgspec.structs.replace(whole, lines=tuple(halves))
    history.post(split)
    history.reverse(history.post(split))
    silent(history)


def test_one_document_per_line(history: History) -> None:
    event = history.finish_order(DE, scrap=2)
    history.deliver(event)
    whole = history.posting(event)
    for line in whole.lines:
        history.post(msgspec.structs.replace(whole, lines=(line,)))
    silent(history)


def test_a_repetition_that_changes_nothing(tmp_path: Path) -> None:
    """The ERP replays its first answer to a known idempotency key."""
    history = History(tmp_path, shipped_flow(CONFIRMATION), idempotency="stripe")
    event = history.finish_order(DE)
    history.deliver(event)
    first = history.post(history.posting(event), key="K-1", answered=False)
    assert history.post(history.posting(event), key="K-1") == first
    silent(history)


def test_a_new_key_for_every_attempt_is_convicted(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION), idempotency="stripe")
    event = history.finish_order(DE)
    history.deliver(event)
    history.post(history.posting(event), key="K-1", answered=False)
    history.post(history.posting(event), key="K-2")
    assert set(convicting(history.judge())) == {"once"}


def _anonymous(history: History, *plants: str) -> list[PostStock]:
    events = [history.finish_order(plant) for plant in plants]
    history.deliver(*events)
    return [history.posting(event, source="") for event in events]


def test_without_a_source_document_it_is_unknown_and_says_what_would_help(history: History) -> None:
    for posting in _anonymous(history, DE, US):
        history.post(posting)
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN
    (doubt,) = (doubt for doubt in judgement.doubts if doubt.check == "once")
    assert doubt.would_help == "set `source_document` to the number of the confirmation"


def test_without_a_source_document_the_sum_still_convicts(history: History) -> None:
    """Two bookings of what was reported once: which of them is too many cannot be said, that one is can."""
    (posting,) = _anonymous(history, DE)
    history.post(posting)
    history.post(posting)
    judgement = history.judge()
    assert convicting(judgement) == {"once": len(posting.lines)}
    assert "2 times without a source document, and only 1 such posting(s)" in judgement.findings[0].sentence


def test_without_a_source_document_what_was_taken_back_does_not_count(history: History) -> None:
    (posting,) = _anonymous(history, DE)
    history.reverse(history.post(posting))
    history.post(posting)
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN


def test_without_a_source_document_two_equal_lines_are_one_fact(history: History) -> None:
    (posting,) = _anonymous(history, DE)
    halves = [msgspec.structs.replace(line, quantity=line.quantity / 2) for line in posting.lines for _half in (1, 2)]
    history.post(msgspec.structs.replace(posting, lines=tuple(halves)))
    assert history.judge().findings == ()
