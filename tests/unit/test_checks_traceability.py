"""`traceability` warns where a trace that is kept elsewhere is lost, and convicts exceptions that nobody can act on."""

from pathlib import Path

import msgspec
import pytest

from pilotplant.channels.cloudevents import outgoing
from pilotplant.checks.judge import Judgement
from pilotplant.systems.desk.operations import RaiseException, raise_exception
from pilotplant.systems.erp.stock import post_stock
from pilotplant.systems.plm.operations import ListChanges, list_changes
from pilotplant.systems.system import Published
from tests.unit.histories import (
    CONFIRMATION,
    DE,
    US,
    History,
    convicting,
    family,
    following_revision,
    kinds,
    shipped_flow,
)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the flow for confirmations."""
    return History(tmp_path, shipped_flow(CONFIRMATION))


def trace_of(history: History, event: Published) -> str:
    """The trace context that the event really carries on the wire."""
    trace: str = msgspec.json.decode(outgoing(event, history.world).body)["traceparent"]
    return trace


def onward(trace: str) -> str:
    """The same trace, a span of its own."""
    return f"{trace[:36]}00000000000000aa-01"


def book(history: History, *traces: str) -> Judgement:
    """Confirmations are booked, one with each of these traces; `own` stands for that of its event."""
    for trace in traces:
        event = history.finish_order(DE)
        history.deliver(event)
        sent = onward(trace_of(history, event)) if trace == "own" else trace
        assert history.call("erp", post_stock, history.posting(event), trace=sent).status == 201
    return history.judge()


ANOTHER = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_every_request_carries_its_trace(history: History) -> None:
    assert book(history, "own", "own", "own").findings == ()


@pytest.mark.parametrize("trace", ["", ANOTHER])
def test_one_lost_its_trace(history: History, trace: str) -> None:
    judgement = book(history, "own", "own", trace)
    assert kinds(judgement, "traceability") == {"correlation"}
    assert convicting(judgement) == {}
    (finding,) = judgement.findings
    assert finding.instance == "CNF-0000003@DE01"
    assert ("no trace at all" in finding.sentence) is (not trace)


@pytest.mark.parametrize("trace", ["", ANOTHER])
def test_who_begins_traces_of_its_own_does_so_on_purpose(history: History, trace: str) -> None:
    assert book(history, trace, trace, trace).findings == ()


@pytest.mark.parametrize(("looked", "kind"), [(True, set()), (False, {"correlation"})])
def test_who_found_a_change_in_a_list_has_no_trace_to_carry_on(tmp_path: Path, looked: bool, kind: set[str]) -> None:
    """A poller: it carries the traces of confirmations, which it is told of, and none for changes that it looks up."""
    history = History(tmp_path)
    confirmed = history.finish_order(DE)
    history.deliver(confirmed)
    history.call("erp", post_stock, history.posting(confirmed), trace=onward(trace_of(history, confirmed)))
    item = family()[0]
    history.deliver(history.release("ECO-1", item))
    if looked:
        history.call("plm", list_changes, ListChanges())
    history.carry_out((DE, item, following_revision(item)))
    judgement = history.judge()
    assert kinds(judgement, "traceability") == kind
    assert convicting(judgement) == {}


def test_a_list_from_before_a_change_excuses_nobody(tmp_path: Path) -> None:
    history = History(tmp_path)
    confirmed = history.finish_order(DE)
    history.deliver(confirmed)
    history.call("erp", post_stock, history.posting(confirmed), trace=onward(trace_of(history, confirmed)))
    item = family()[0]
    history.approve("ECO-1", item)
    history.call("plm", list_changes, ListChanges())
    history.deliver(history.release_approved("ECO-1"))
    history.carry_out((DE, item, following_revision(item)))
    assert kinds(history.judge(), "traceability") == {"correlation"}


def test_who_gathers_several_causes_has_to_choose_one(history: History) -> None:
    first, second = history.finish_order(DE), history.finish_order(US)
    history.deliver(first, second)
    trace = onward(trace_of(history, first))
    for event in (first, second):
        history.call("erp", post_stock, history.posting(event), trace=trace)
    assert history.judge().findings == ()


# --- exceptions ------------------------------------------------------------------------------------------------------


def refuse(history: History) -> None:
    """A confirmation is refused for good."""
    event = history.finish_order(DE)
    history.deliver(event)
    erp = history.estate.systems["erp"].state
    known, erp.item = erp.item, lambda plant, item: None
    assert history.call("erp", post_stock, history.posting(event)).status == 422
    erp.item = known


def test_an_exception_names_what_nobody_knows(history: History) -> None:
    refuse(history)
    history.raise_exception("4711", DE)
    judgement = history.judge()
    assert kinds(judgement, "traceability") == {"no-instance"}
    assert {"completeness", "traceability"} == set(convicting(judgement))


def test_an_exception_names_nothing(history: History) -> None:
    refuse(history)
    history.raise_exception("CNF-0000001", DE)
    history.raise_exception("", DE)
    assert kinds(history.judge(), "traceability") == {"no-instance"}


def test_an_exception_without_an_owner_is_not_taken(history: History) -> None:
    refuse(history)
    nobody = RaiseException(flow="any", subject="CNF-0000001", plant=DE, owner="", reason="refused")  # type: ignore[arg-type]
    assert history.call("desk", raise_exception, nobody).status == 422
    assert kinds(history.judge(), "traceability") == {"incomplete"}


def test_an_exception_that_names_owner_and_instance(history: History) -> None:
    refuse(history)
    history.raise_exception("CNF-0000001", DE)
    assert history.judge().findings == ()


def test_an_exception_about_something_that_no_flow_knows(history: History) -> None:
    """An event that cannot be read is told by its own number."""
    book_one = history.finish_order(DE)
    history.book(book_one)
    history.raise_exception("mes@DE01-00000042", "", reason="unreadable-event")
    assert history.judge().findings == ()
