"""The supplier portal: notices and their answers, goods in parts, announcements twice, short, early and late."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.ledger.records import Commit
from pilotplant.model.instants import from_iso
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems.catalog import operations, stimuli
from pilotplant.systems.supplier.behaviour import SendParameters
from pilotplant.systems.supplier.events import AsnSent, PurchaseOrderAcknowledged, PurchaseOrderRejected
from pilotplant.systems.supplier.operations import (
    answer_notice,
    change_notice,
    correct_asn,
    list_asns,
    list_orders,
    publish_schedule,
    send_asn,
    share_drawing,
)
from pilotplant.systems.supplier.state import OpenOrder, Portal
from tests.estates import Bench, bench

ECO = "ECO-000001"


@pytest.fixture
def estate(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def portal(estate: Bench) -> Portal:
    state: Portal = estate["supplier"].state
    return state


def order(estate: Bench, *, untouched: bool = True) -> OpenOrder:
    return next(o for o in portal(estate).orders.values() if bool(o.shipped) is not untouched)


def notice(estate: Bench, of: OpenOrder, **changed: Any) -> Any:
    fields = {"po": of.po, "change": ECO, "item": of.item, "superseded_by": "ITM-9"}
    return estate.apply("supplier", change_notice, **{**fields, **changed})


def refused(outcome: Any) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.rejection.code


def told(estate: Bench, kind: type) -> list[Any]:
    return [event for event in estate.events if isinstance(event, kind)]


# --- Notices ---------------------------------------------------------------------------------------------------------


def test_the_same_notice_again_changes_nothing_and_another_one_is_refused(estate: Bench) -> None:
    asked = order(estate)
    assert isinstance(notice(estate, asked), Committed)
    assert isinstance(notice(estate, asked), Found)
    assert refused(notice(estate, asked, superseded_by="ITM-8")) == "notice-differs"
    assert refused(notice(estate, asked, po="PUR-?")) == "unknown-supplier-order"
    assert refused(notice(estate, asked, item="ITM-?")) == "unknown-supplier-order"
    (commit,) = estate.records(Commit)
    assert commit.effect == f"supplier.po.change_notice|{asked.po}|{ECO}"


@pytest.mark.parametrize(
    ("shares", "status"),
    [
        ({"silent_share": 1, "rejected_share": 0, "partly_share": 0}, "received"),
        ({"silent_share": 0, "rejected_share": 1, "partly_share": 0}, "rejected"),
        ({"silent_share": 0, "rejected_share": 0, "partly_share": 1}, "acknowledged"),
        ({"silent_share": 0, "rejected_share": 0, "partly_share": 0}, "acknowledged"),
    ],
)
def test_a_notice_is_answered_after_a_while_or_never(tmp_path: Path, shares: dict[str, float], status: str) -> None:
    estate = bench(tmp_path, supplier={"behaviour": {**shares, "answer_median_s": 5, "answer_p95_s": 20}})
    asked = order(estate, untouched=False)
    ordered = asked.quantity
    notice(estate, asked)
    silent = status == "received"
    assert estate["supplier"].jobs_open == (0 if silent else 1), "rest waits for an answer that will come"
    assert not estate.events
    estate.pass_time(600)
    assert portal(estate).notices[asked.po, ECO].status == status
    assert estate["supplier"].jobs_open == 0
    answers = told(estate, PurchaseOrderAcknowledged)
    assert len(answers) == (status == "acknowledged")
    assert len(told(estate, PurchaseOrderRejected)) == (status == "rejected")
    if answers and shares["partly_share"]:
        assert asked.shipped < answers[0].quantity < ordered
    elif answers:
        assert answers[0].quantity == asked.shipped
    assert asked.quantity == (answers[0].quantity if answers else ordered)


def test_answers_take_business_time(tmp_path: Path) -> None:
    certain = {"silent_share": 0, "answer_median_s": 86_400, "answer_p95_s": 86_400}
    estate = bench(tmp_path, speed=86_400, supplier={"behaviour": certain})
    notice(estate, order(estate))
    estate.pass_time(0.9)
    assert not estate.events
    estate.pass_time(0.2)
    assert len(estate.events) == 1


def test_a_notice_is_answered_once_and_only_if_there_was_one(estate: Bench) -> None:
    asked = order(estate)
    answer = {"po": asked.po, "change": ECO, "answer": "accepted"}
    assert refused(estate.apply("supplier", answer_notice, **answer)) == "unknown-notice"
    notice(estate, asked)
    too_much = {**answer, "answer": "partly", "quantity": asked.quantity + 1}
    assert refused(estate.apply("supplier", answer_notice, **too_much)) == "not-shippable"
    assert isinstance(estate.apply("supplier", answer_notice, **answer), Committed)
    assert refused(estate.apply("supplier", answer_notice, **answer)) == "notice-answered"
    estate.pass_time(400_000)
    assert len(told(estate, PurchaseOrderAcknowledged)) == 1, "what somebody answered is not answered again"


def test_who_lists_orders_learns_what_was_answered(estate: Bench) -> None:
    asked = order(estate)
    notice(estate, asked)
    estate.apply("supplier", answer_notice, po=asked.po, change=ECO, answer="rejected")
    found = estate.apply("supplier", list_orders, supplier=asked.supplier)
    assert isinstance(found, Found)
    assert found.reveals is not None
    assert (f"supplier.po.rejected|{asked.po}|{ECO}", 0) in found.reveals
    (shown,) = [one for one in found.result.items if one.po == asked.po]
    assert [one.status for one in shown.notices] == ["rejected"]
    assert {one.supplier for one in found.result.items} == {asked.supplier}


# --- Goods -----------------------------------------------------------------------------------------------------------


def test_no_more_is_shipped_than_is_left(estate: Bench) -> None:
    asked = order(estate)
    too_much = [{"po": asked.po, "quantity": asked.quantity + 1}]
    assert refused(estate.apply("supplier", send_asn, asn="ASN-1", lines=too_much)) == "not-shippable"
    assert refused(estate.apply("supplier", send_asn, asn="ASN-1", lines=[])) == "not-shippable"
    some = [{"po": asked.po, "quantity": 1.0, "lot": "B1"}]
    assert isinstance(estate.apply("supplier", send_asn, asn="ASN-1", lines=some), Committed)
    assert refused(estate.apply("supplier", send_asn, asn="ASN-1", lines=some)) == "not-shippable"
    assert refused(estate.apply("supplier", send_asn, asn="ASN-2", lines=[*some, *some])) == "not-shippable"
    stranger = next(o for o in portal(estate).orders.values() if o.supplier != asked.supplier)
    both = [*some, {"po": stranger.po, "quantity": 1.0}]
    assert refused(estate.apply("supplier", send_asn, asn="ASN-2", lines=both)) == "not-shippable"
    (event,) = told(estate, AsnSent)
    assert (event.asn, event.version, event.plant) == ("ASN-1", 1, asked.plant)
    assert event.lines[0].supplier_part == asked.supplier_part


def test_after_an_agreement_nothing_more_is_shipped(estate: Bench) -> None:
    asked = order(estate)
    notice(estate, asked)
    estate.apply("supplier", answer_notice, po=asked.po, change=ECO, answer="accepted")
    some = [{"po": asked.po, "quantity": 1.0}]
    assert refused(estate.apply("supplier", send_asn, asn="ASN-1", lines=some)) == "not-shippable"


def test_an_announcement_comes_again_as_it_is_or_corrected(estate: Bench) -> None:
    asked = order(estate)
    estate.apply("supplier", send_asn, asn="ASN-1", lines=[{"po": asked.po, "quantity": 5.0}])
    estate.apply("supplier", correct_asn, asn="ASN-1")
    estate.apply("supplier", correct_asn, asn="ASN-1", lines=[{"po": asked.po, "quantity": 3.0}])
    assert asked.shipped == 3.0
    assert [(e.version, e.lines[0].quantity) for e in told(estate, AsnSent)] == [(1, 5.0), (1, 5.0), (2, 3.0)]
    assert refused(estate.apply("supplier", correct_asn, asn="ASN-9")) == "unknown-asn"
    other = next(o for o in portal(estate).orders.values() if o.po != asked.po)
    lines = [{"po": other.po, "quantity": 3.0}]
    assert refused(estate.apply("supplier", correct_asn, asn="ASN-1", lines=lines)) == "not-shippable"
    found = estate.apply("supplier", list_asns)
    assert isinstance(found, Found)
    assert [one.version for one in found.result.items] == [2]
    assert found.reveals == ((f"supplier.asn.sent|{asked.plant}|ASN-1", 2),)


def test_orders_are_shipped_in_part_when_they_are_due(tmp_path: Path) -> None:
    estate = bench(tmp_path, speed=86_400)
    estate["supplier"].behaviour.start()
    estate.pass_time(31)
    assert {line.po for e in told(estate, AsnSent) for line in e.lines} == set(portal(estate).orders)
    assert all(o.left > 0 for o in portal(estate).orders.values())


# --- The stimulus ----------------------------------------------------------------------------------------------------


def send(estate: Bench, shares: dict[str, float], count: int = 1) -> None:
    stimulus = stimuli()["supplier.asn.send"]
    for number in range(count):
        chance = estate.world.draws.fresh(f"test|{number}")
        for operation, command in stimulus.plan(estate["supplier"].behaviour, SendParameters(**shares), chance):
            assert isinstance(estate["supplier"].apply(operation, command), Committed)


@pytest.mark.parametrize(
    ("shares", "versions"),
    [({}, [1]), ({"twice": 1.0}, [1, 1]), ({"short": 1.0}, [1, 2]), ({"twice": 1.0, "short": 1.0}, [1])],
)
def test_suppliers_announce_once_twice_or_short(estate: Bench, shares: dict[str, float], versions: list[int]) -> None:
    send(estate, shares)
    estate.pass_time(5)
    events = told(estate, AsnSent)
    assert [e.version for e in events][: len(versions)] == versions
    assert len(events) == 1 + len(shares)
    assert estate["supplier"].jobs_open == 0
    if shares == {"short": 1.0}:
        assert events[1].lines[0].quantity <= events[0].lines[0].quantity


def test_early_and_late_announcements_say_when_the_goods_come(estate: Bench) -> None:
    for shares in ({}, {"early": 1.0}, {"late": 1.0}):
        send(estate, shares)
    usual, early, late = (from_iso(e.arrives_at) - estate.world.now().business for e in told(estate, AsnSent))
    assert late < 0 < usual < 2 < early


def test_however_much_is_shipped_every_order_stays_open(estate: Bench) -> None:
    send(estate, {"short": 0.3}, 400)
    estate.pass_time(5)
    assert all(o.left > 0 for o in portal(estate).orders.values())
    assert any(len(e.lines) > 1 for e in told(estate, AsnSent)), "some shipments hold goods of two orders"


# --- What suppliers are given ----------------------------------------------------------------------------------------


def test_the_latest_schedule_counts(estate: Bench) -> None:
    asked = order(estate)
    fields: dict[str, Any] = {"plant": asked.plant, "supplier": asked.supplier, "item": asked.item, "unit": asked.unit}
    lines = [{"day": "2023-12-01", "quantity": 5.0}]
    for number in (2, 1):
        assert isinstance(estate.apply("supplier", publish_schedule, **fields, number=number, lines=lines), Committed)
    assert [bool(record.stale_over) for record in estate.records(Commit)] == [False, True]
    with pytest.raises(msgspec.ValidationError, match="quantity"):
        estate.apply("supplier", publish_schedule, **fields, number=3, lines=[{"day": "2023-12-01", "quantity": -5}])
    unknown = {**fields, "supplier": "SUP-?"}
    assert refused(estate.apply("supplier", publish_schedule, **unknown, number=3, lines=lines)) == "unknown-supplier"
    foreign = {**fields, "item": "ITM-?"}
    assert refused(estate.apply("supplier", publish_schedule, **foreign, number=3, lines=lines)) == "not-a-source"


def test_a_drawing_for_who_is_not_approved_is_marked_as_it_is_given(estate: Bench) -> None:
    item, approved = next(iter(sorted(estate["plm"].state.approved)))
    stranger = next(s for s in portal(estate).dataset.suppliers if (item, s) not in estate["plm"].state.approved)
    for supplier in (approved, stranger):
        outcome = estate.apply("supplier", share_drawing, supplier=supplier, item=item, revision="A")
        assert isinstance(outcome, Committed), "the portal itself refuses nothing"
    assert [record.facet for record in estate.records(Commit)] == ["", "unwanted"]
    assert refused(estate.apply("supplier", share_drawing, supplier="SUP-?", item=item, revision="A"))


def test_an_older_drawing_replaces_a_newer_one_and_that_is_told(estate: Bench) -> None:
    item, supplier = min(estate["plm"].state.approved)
    for revision in ("B", "C", "C", "B"):
        estate.apply("supplier", share_drawing, supplier=supplier, item=item, revision=revision)
    assert [bool(record.stale_over) for record in estate.records(Commit)] == [False, False, False, True]


def test_an_approval_that_was_withdrawn_counts_no_more(estate: Bench) -> None:
    item, supplier = min(estate["plm"].state.approved)
    estate.apply("plm", operations()["plm.aml.withdraw"], item=item, supplier=supplier)
    estate.apply("supplier", share_drawing, supplier=supplier, item=item, revision="A")
    assert estate.records(Commit)[-1].facet == "unwanted"
