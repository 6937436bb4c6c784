"""The flow `inbound`: what is announced twice is one delivery, what is corrected counts as corrected."""

from pathlib import Path

import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.model.verdict import Verdict
from tests.unit.histories import convicting
from tests.unit.purchase_histories import GOODS_RECEIPT, INBOUND, PurchaseHistory


@pytest.fixture
def history(tmp_path: Path) -> PurchaseHistory:
    return PurchaseHistory(tmp_path, INBOUND)


def said(judgement: Judgement) -> str:
    return "\n".join(finding.sentence for finding in judgement.findings)


def clean(judgement: Judgement) -> bool:
    assert not judgement.findings, said(judgement)
    assert judgement.verdict is Verdict.PASS, judgement.doubts
    return True


def test_an_announcement_becomes_a_delivery(history: PurchaseHistory) -> None:
    event = history.announces()
    history.deliver(event)
    history.note(event)
    assert clean(history.judge())


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_announced_twice_is_one_delivery(history: PurchaseHistory, when: str) -> None:
    event = history.announces()
    history.deliver(event)
    if when == "before":
        history.note(event)
    history.deliver(history.announces_again())
    if when == "after":
        history.note(event)
    assert clean(history.judge())


def test_what_is_booked_twice_is_convicted(history: PurchaseHistory) -> None:
    event = history.announces()
    history.deliver(event)
    history.note(event)
    again = history.announces_again()
    history.deliver(again)
    history.note(again)
    judgement = history.judge()
    assert convicting(judgement) == {"once": 1}
    assert "inbound delivery ASN-1" in said(judgement)


@pytest.mark.parametrize("way", ["replaced", "created as corrected", "cancelled and created anew"])
def test_a_correction_gets_there_in_any_way(history: PurchaseHistory, way: str) -> None:
    first = history.announces()
    history.deliver(first)
    if way == "created as corrected":
        second = history.announces_again(4.0)
        history.deliver(second)
        history.note(second)
    else:
        history.note(first)
        second = history.announces_again(4.0)
        history.deliver(second)
        if way == "replaced":
            history.note(second, replace=True)
        else:
            history.send("erp.asn.cancel", delivery="180000001")
            history.note(second)
    assert clean(history.judge())


def test_a_correction_that_is_passed_over_is_missed(history: PurchaseHistory) -> None:
    first = history.announces()
    history.deliver(first)
    history.note(first)
    history.deliver(history.announces_again(4.0))
    judgement = history.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert "correction of inbound delivery ASN-1" in said(judgement)


def test_what_was_announced_first_and_noted_last_differs(history: PurchaseHistory) -> None:
    first = history.announces()
    second = history.announces_again(4.0)
    history.deliver(second, first)
    history.note(first)
    assert convicting(history.judge()) == {"completeness": 1}


def test_an_older_version_over_a_newer_is_stale(history: PurchaseHistory) -> None:
    first = history.announces()
    history.deliver(first)
    second = history.announces_again(4.0)
    history.deliver(second)
    history.note(first)
    history.note(second, replace=True)
    history.note(first, replace=True)
    assert convicting(history.judge()) == {"sequencing": 1, "convergence": 1}


def test_another_quantity_than_announced_differs(history: PurchaseHistory) -> None:
    event = history.announces()
    history.deliver(event)
    history.note(event, quantity=5.0)
    assert convicting(history.judge()) == {"convergence": 1}


@pytest.mark.parametrize("told", [True, False])
def test_a_correction_that_comes_too_late_is_refused_and_told(history: PurchaseHistory, told: bool) -> None:
    first = history.announces()
    history.deliver(first)
    history.note(first)
    line = first.event.lines[0]  # type: ignore[attr-defined]
    receipt = {"po": line.po, "item": line.item, "quantity": line.quantity, "unit": line.unit, "lot": line.lot}
    fields = {"plant": history.some_order.plant, "receipt": "RCV-1", "asn": "ASN-1", "posting_date": "2026-03-02"}
    assert history.send("erp.inbound.post_receipt", **fields, lines=[receipt]).status == 201
    second = history.announces_again(4.0)
    history.deliver(second)
    assert history.note(second, replace=True).status == 422
    if told:
        history.raise_exception("ASN-1", history.some_order.plant)
    judgement = history.judge()
    assert convicting(judgement) == ({} if told else {"completeness": 1}), said(judgement)


# --- What nobody can believe or carry out ----------------------------------------------------------------------------


def test_what_another_announcement_says_as_well_need_not_be_believed(history: PurchaseHistory) -> None:
    """The first one comes with an old signature only; the second, which says the same, as it should."""
    first = history.announces()
    history.send_event(first, bent="expired-timestamp")
    history.acknowledge(first, 401)
    again = history.announces_again()
    history.deliver(again)
    history.note(again)
    history.deliver(first)
    assert clean(history.judge())


def test_what_only_an_old_signature_tells_is_not_believed(history: PurchaseHistory) -> None:
    first = history.announces()
    history.send_event(first, bent="expired-timestamp")
    history.acknowledge(first)
    history.note(first)
    history.deliver(first)
    assert convicting(history.judge()) == {"security": 1}


@pytest.mark.parametrize("told", [True, False])
def test_one_word_about_poison_does_for_all_of_it(history: PurchaseHistory, told: bool) -> None:
    event, nonsense = history.announces(), "DE01/ASN-6000001"
    history.deliver(event)
    history.note(event)
    for stated in (event, history.announces_again()):
        history.send_event(stated, bent="poison", about=nonsense)
        history.acknowledge(stated)
        if told and stated is event:
            history.raise_exception("ASN-6000001", "DE01", "wrong-item")
    judgement = history.judge()
    assert convicting(judgement) == ({} if told else {"completeness": 1}), said(judgement)


# --- The warehouse ---------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> PurchaseHistory:
    """With warehouses."""
    return PurchaseHistory(tmp_path, INBOUND, GOODS_RECEIPT, warehouses=True)


def test_what_came_in_is_booked_as_it_was_counted(site: PurchaseHistory) -> None:
    event = site.announces()
    site.deliver(event)
    site.note(event)
    assert site.expect(event).status == 200
    came = site.comes_in(site.some_order.plant, 4.0)
    site.deliver(came)
    assert site.book(came).status == 201
    assert clean(site.judge())


@pytest.mark.parametrize(
    ("booked", "check"), [("nothing", "completeness"), ("twice", "once"), ("what was announced", "convergence")]
)
def test_goods_that_are_booked_wrong(site: PurchaseHistory, booked: str, check: str) -> None:
    event = site.announces()
    site.deliver(event)
    site.note(event)
    site.expect(event)
    came = site.comes_in(site.some_order.plant, 4.0)
    site.deliver(came)
    for _ in range({"nothing": 0, "twice": 2}.get(booked, 1)):
        site.book(came, quantity=6.0 if booked == "what was announced" else 0.0)
    judgement = site.judge()
    assert convicting(judgement) == {check: 1}, said(judgement)
    assert "goods receipt" in said(judgement)


def test_the_warehouse_expects_nothing_before_the_erp_has_noted_it(site: PurchaseHistory) -> None:
    event = site.announces()
    site.deliver(event)
    site.expect(event)
    site.note(event)
    judgement = site.judge()
    assert convicting(judgement) == {"sequencing": 1}, said(judgement)
    assert "expected receipt ASN-1" in said(judgement)
