"""The flow `purchase-change`: correct middlewares that differ are not accused; each way to get it wrong is convicted by
the check that names it."""

from pathlib import Path

import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.flows.checking import flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.verdict import Verdict
from pilotplant.target.model import Declares
from tests.unit.histories import convicting, kinds, shipped_flow
from tests.unit.purchase_histories import ECO, PURCHASE_CHANGE, PurchaseHistory, goods

PATIENT = Declares(answer_patience=5.0)


@pytest.fixture
def history(tmp_path: Path) -> PurchaseHistory:
    return PurchaseHistory(tmp_path, PURCHASE_CHANGE)


def said(judgement: Judgement) -> str:
    return "\n".join(finding.sentence for finding in judgement.findings)


def test_what_was_agreed_becomes_the_order(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    history.carry_out_all()
    judgement = history.judge()
    assert not judgement.findings, said(judgement)
    assert judgement.verdict is Verdict.PASS, judgement.doubts


def test_an_order_is_cut_to_what_the_supplier_has_made(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order, *others = history.orders
    history.carry_out_all(but=[order.po])
    made = order.shipped + order.left / 2
    history.deliver(history.supplier_answers(order.po, "partly", made))
    history.become(order.po, made)
    judgement = history.judge()
    assert not judgement.findings, (said(judgement), others)


def test_a_partly_made_order_that_is_cut_to_something_else_differs(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.deliver(history.supplier_answers(order.po, "partly", order.shipped + order.left / 2))
    history.become(order.po, order.shipped)
    assert convicting(history.judge()) == {"convergence": 1}


def test_drawings_may_go_to_any_approved_supplier_and_notices_twice(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    approved = history.estate.systems["plm"].state.approved
    for supplier in (s for s in goods().suppliers if (history.replaced.by, s) in approved):
        history.share(supplier)
    history.carry_out_all()
    for order in goods().purchase_orders:
        if order.item == history.replaced.item and order.received < order.quantity:
            assert history.give_notice(order.order).status in (200, 201)
    assert not history.judge().findings


def test_a_change_that_is_withdrawn_asks_for_nothing_more(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    history.deliver(history.cancel(ECO))
    assert not history.judge().findings


# --- No, and nothing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["the order", "the change"])
def test_a_rejection_is_told_to_somebody(history: PurchaseHistory, subject: str) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.deliver(history.supplier_answers(order.po, "rejected"))
    history.raise_exception(order.po if subject == "the order" else ECO, order.plant)
    judgement = history.judge()
    assert not judgement.findings, said(judgement)
    assert judgement.verdict is Verdict.PASS, judgement.doubts


def test_a_rejection_that_nobody_is_told_of_is_convicted(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.deliver(history.supplier_answers(order.po, "rejected"))
    judgement = history.judge()
    assert kinds(judgement, "completeness") == {"exception"}


def test_an_order_that_is_cancelled_although_its_supplier_said_no(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.deliver(history.supplier_answers(order.po, "rejected"))
    history.become(order.po, order.shipped)
    history.raise_exception(order.po, order.plant)
    assert "sequencing" in convicting(history.judge())


def test_silence_is_told_to_somebody_in_time(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.wait(5.0)
    history.raise_exception(order.po, order.plant, "not-acknowledged")
    judgement = history.judge(declares=PATIENT)
    assert not judgement.findings, said(judgement)
    assert judgement.verdict is Verdict.PASS, judgement.doubts


def test_silence_that_nobody_is_told_of_is_convicted(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.wait(6.0)
    judgement = history.judge(declares=PATIENT)
    assert kinds(judgement, "completeness") == {"silence"}
    assert "never came in 6.0 s" in said(judgement)


def test_who_gives_up_at_once_is_not_excused_by_silence(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.wait(1.0)
    history.raise_exception(order.po, order.plant, "not-acknowledged")
    history.wait(20.0)
    judgement = history.judge(declares=PATIENT)
    assert kinds(judgement, "completeness") == {"silence"}
    assert "did not wait the 5 s" in said(judgement) and "no exception was raised" not in said(judgement)


def test_who_does_not_say_how_long_it_waits_is_neither_convicted_nor_passed(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.wait(60.0)
    judgement = history.judge()
    assert not judgement.findings
    assert judgement.verdict is Verdict.UNKNOWN
    assert any("answer_patience" in doubt.would_help for doubt in judgement.doubts)


@pytest.mark.parametrize("updated", [True, False])
def test_an_answer_that_comes_after_the_exception_may_be_left_to_the_person(
    history: PurchaseHistory, updated: bool
) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.wait(6.0)
    history.raise_exception(order.po, order.plant, "not-acknowledged")
    answer = history.supplier_answers(order.po)
    history.deliver(answer)
    if updated:
        history.become(order.po, order.shipped)
    assert not history.judge(declares=PATIENT).findings


@pytest.mark.parametrize("told", [True, False])
def test_what_the_erp_refuses_of_an_order_is_told_to_somebody(history: PurchaseHistory, told: bool) -> None:
    """More was received than the supplier says it has shipped: the order cannot be cut to that."""
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    agreed = order.shipped + order.left / 2
    history.deliver(history.supplier_answers(order.po, "partly", agreed))
    history.estate.systems["erp"].state.purchases.orders[order.po].received = agreed + 1
    assert history.become(order.po, agreed).status == 422
    history.send("plm.change.report_result", change=ECO, plant=order.plant, system="erp", status="accepted")
    if told:
        history.raise_exception(order.po, order.plant)
    judgement = history.judge()
    assert kinds(judgement, "completeness") == (set() if told else {"exception"}), said(judgement)


# --- Ways to get it wrong --------------------------------------------------------------------------------------------


def test_a_notice_that_is_never_sent_is_missed(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    history.share()
    judgement = history.judge()
    assert convicting(judgement) == {"completeness": len(history.orders)}
    assert "notice of ECO-000001" in said(judgement)
    assert not [doubt for doubt in judgement.doubts if "by itself" in doubt.sentence], "it was never asked"


def test_an_order_that_is_changed_before_the_answer_is_known(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.become(order.po, order.shipped)
    history.deliver(history.supplier_answers(order.po))
    judgement = history.judge()
    assert convicting(judgement) == {"sequencing": 1}
    assert f"before anybody had been told of acknowledgement of {ECO} on {order.po}" in said(judgement)


def test_an_agreement_that_never_becomes_the_order_is_missed(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.carry_out_all(but=[order.po])
    history.deliver(history.supplier_answers(order.po))
    judgement = history.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert f"Missing in ERP: change of {order.po}." in said(judgement)


def test_a_drawing_for_who_is_not_approved_is_a_matter_of_security(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    history.carry_out_all()
    old = next(source.supplier for source in goods().sources if source.item == history.replaced.item)
    assert (history.replaced.by, old) not in history.estate.systems["plm"].state.approved
    history.share(old)
    judgement = history.judge()
    assert convicting(judgement) == {"security": 1}
    assert kinds(judgement, "security") == {"disclosed"}


def test_an_older_drawing_over_a_newer_one_is_a_matter_of_order(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    history.carry_out_all()
    history.share(revision="A")
    judgement = history.judge()
    assert convicting(judgement) == {"sequencing": 1}
    assert "which overwrote a newer revision" in said(judgement)


def test_a_notice_about_something_else_differs(history: PurchaseHistory) -> None:
    history.deliver(history.substitute())
    order = history.orders[0]
    history.send("supplier.po.change_notice", po=order.po, change=ECO, item=order.item, superseded_by="ITM-?")
    history.share()
    assert "convergence" in convicting(history.judge())


# --- What the grammar refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("acknowledget", "there is no step `acknowledget`"),
        ("notice", "`notice` is no event that waits for another step"),
    ],
)
def test_only_an_event_that_is_asked_for_can_fail_to_come(step: str, said: str) -> None:
    spec = shipped_flow(PURCHASE_CHANGE)
    changed = FlowSpec.model_validate({**spec.model_dump(exclude_unset=True), "on_silence": {"of": [step]}})
    (flaw,) = flaws_of(changed)
    assert (flaw.path, flaw.message) == (("on_silence", "of", 0), said)
