"""`security` convicts those who act on forged or replayed events, and who writes secrets where others read them."""

from pathlib import Path

import pytest

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Exposed
from pilotplant.systems.erp.stock import FindDocuments, find_documents
from pilotplant.systems.mes.operations import ListShopOrders, list_orders
from pilotplant.target.model import Declares
from tests.unit.histories import (
    CHANGE,
    CONFIRMATION,
    DE,
    SECRET,
    History,
    convicting,
    family,
    following_revision,
    kinds,
    shipped_flow,
)

PARENT, *_ = family()


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the flow for confirmations in which one was booked."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    return history


@pytest.mark.parametrize(("bent", "kind"), [("forged-signature", "forged"), ("expired-timestamp", "replayed")])
def test_done_on_the_word_of_a_delivery_that_nobody_may_believe(history: History, bent: str, kind: str) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent=bent)
    history.post(history.posting(event))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"security"}
    assert kinds(judgement, "security") == {kind}
    assert judgement.findings[0].instance == "CNF-0000002@DE01"


@pytest.mark.parametrize("bent", ["forged-signature", "expired-timestamp"])
def test_refused_and_done_once_it_came_properly(history: History, bent: str) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent=bent)
    history.acknowledge(event, status=401)
    history.deliver(event)
    history.post(history.posting(event))
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()


def test_what_only_a_forged_delivery_told_is_owed_by_nobody(history: History) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent="forged-signature")
    history.acknowledge(event)
    judgement = history.judge()
    assert judgement.findings == ()
    assert any("was never delivered to the target" in doubt.sentence for doubt in judgement.doubts)


def test_who_heard_of_the_approval_may_have_begun(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CHANGE))
    history.approve("ECO-1", PARENT)
    history.deliver(history.last("plm.change.approved"))
    release = history.release_approved("ECO-1")
    history.send_event(release, bent="forged-signature")
    history.carry_out((DE, PARENT, following_revision(PARENT)))
    assert kinds(history.judge(), "security") == set()


IMITATED = "CNF-5000002"


@pytest.mark.parametrize("bent", ["", "unknown-field"])
def test_who_was_told_of_another_change_may_have_met_this_one_in_its_structures(tmp_path: Path, bent: str) -> None:
    history = History(tmp_path, shipped_flow(CHANGE))
    parent, component, *_ = family()
    stale = history.release("ECO-1", component)
    history.send_event(stale, bent="expired-timestamp")
    history.acknowledge(stale, status=401)
    told = history.release("ECO-2", parent)
    history.send_event(told, bent=bent)
    history.acknowledge(told)
    history.carry_out((DE, component, following_revision(component)))
    history.deliver(stale)
    history.carry_out((DE, parent, following_revision(parent)))
    assert "security" not in convicting(history.judge())


@pytest.mark.parametrize(("bent", "kind"), [("forged-signature", "forged"), ("expired-timestamp", "replayed")])
def test_booked_what_never_happened_on_the_word_of_an_imitation(history: History, bent: str, kind: str) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent=bent, about=f"{DE}/{IMITATED}")
    history.book(event)
    history.post(history.posting(event, source=IMITATED))
    judgement = history.judge()
    assert kinds(judgement, "security") == {kind}
    (finding,) = (finding for finding in judgement.findings if finding.check == "security")
    assert finding.instance == f"{DE}/{IMITATED}"


def test_an_imitation_that_nobody_believes(history: History) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent="forged-signature", about=f"{DE}/{IMITATED}")
    history.acknowledge(event, status=401)
    history.book(event)
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()


def test_booked_before_the_imitation_came_or_about_something_else(history: History) -> None:
    """What nothing asks for is a matter of completeness, unless an imitation had asked for it."""
    event = history.finish_order(DE)
    history.book(event)
    history.post(history.posting(event, source=IMITATED))
    history.send_event(event, bent="forged-signature", about=f"{DE}/{IMITATED}")
    history.post(history.posting(event, source="CNF-7000000"))
    assert kinds(history.judge(), "security") == set()


def test_an_imitation_is_no_delivery_of_what_it_imitates(history: History) -> None:
    """A copy that tells of something else has not told of the event itself."""
    event = history.finish_order(DE)
    history.send_event(event, bent="poison", about=f"{DE}/{IMITATED}")
    assert "never delivered" in history.judge().doubts[0].sentence


def test_forged_copies_of_what_had_come_properly(history: History) -> None:
    event = history.finish_order(DE)
    history.deliver(event)
    history.send_event(event, bent="forged-signature")
    history.post(history.posting(event))
    assert history.judge().findings == ()


def test_who_looks_for_itself_need_not_have_believed_anybody(history: History) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent="forged-signature")
    history.call("mes@DE01", list_orders, ListShopOrders())
    history.post(history.posting(event))
    assert history.judge().findings == ()


def test_who_declares_that_it_polls_is_not_accused(history: History) -> None:
    event = history.finish_order(DE)
    history.send_event(event, bent="forged-signature")
    history.post(history.posting(event))
    assert history.judge(declares=Declares(poll_interval=1)).findings == ()


@pytest.mark.parametrize("bent", ["replayed", "expired-timestamp"])
def test_booked_again_on_an_old_event(history: History, bent: str) -> None:
    event = history.finish_order(DE)
    history.book(event)
    history.send_event(event, bent=bent)
    history.post(history.posting(event))
    judgement = history.judge()
    assert set(convicting(judgement)) == {"once", "security"}
    assert kinds(judgement, "security") == {"replayed"}


@pytest.mark.parametrize("bent", ["replayed", "duplicate"])
def test_an_old_event_that_changes_nothing(history: History, bent: str) -> None:
    event = history.finish_order(DE)
    history.book(event)
    history.send_event(event, bent=bent)
    history.acknowledge(event)
    assert history.judge().findings == ()


def test_booked_twice_for_another_reason_is_no_matter_of_trust(history: History) -> None:
    event = history.finish_order(DE)
    history.book(event)
    history.send_event(event, bent="replayed")
    history.acknowledge(event)
    history.deliver(event)
    history.post(history.posting(event))
    assert set(convicting(history.judge())) == {"once"}


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_in_an_address(history: History) -> None:
    query = FindDocuments(plant=DE, source_document="CNF-0000001")
    history.call("erp", find_documents, query, query=f"api_key={SECRET}&")
    judgement = history.judge()
    assert kinds(judgement, "security") == {"secret"}
    assert "in the URL of a request" in judgement.findings[0].sentence


def test_a_secret_in_what_is_told_to_the_desk(history: History) -> None:
    history.raise_exception("CNF-0000001", DE, reason=f"Authorization: {SECRET}")
    judgement = history.judge()
    assert kinds(judgement, "security") == {"secret"}
    assert "in the body of a request" in judgement.findings[0].sentence
    assert SECRET.encode() not in (history.directory / "ledger.msgpack").read_bytes()


def test_no_secret_anywhere(history: History) -> None:
    history.raise_exception("CNF-0000001", DE)
    judgement = history.judge()
    assert judgement.findings == ()
    assert not [record for record in Ledger(history.directory) if type(record) is Exposed]
