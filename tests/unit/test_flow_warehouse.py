"""What flows ask of warehouses: one posting for what ERP has to know, none for the rest, stock set aside in time."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilotplant.checks.judge import Judgement
from pilotplant.flows.checking import flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Obligation
from pilotplant.systems.erp.stock import PostLine, PostStock
from pilotplant.systems.system import Published
from pilotplant.systems.wms.dispositions import SetDisposition, set_disposition
from pilotplant.systems.wms.stock import CountStock, MoveStock, count_stock, move_stock
from tests.unit.histories import (
    CHANGE,
    DE,
    REPOSITORY,
    US,
    Disposition,
    History,
    convicting,
    dataset,
    estate_spec,
    family,
    following_revision,
    with_warehouses,
)
from tests.unit.histories import shipped_flow as shipped

PARENT, COMPONENT, OTHER, _BYSTANDER = family()
PARENT_1, PARENT_2 = following_revision(PARENT), following_revision(PARENT, 2)


@pytest.fixture
def stock(tmp_path: Path) -> History:
    return History(tmp_path, shipped("stock-movement"), spec=with_warehouses(estate_spec(), (DE, US)))


@pytest.fixture
def changes(tmp_path: Path) -> History:
    return History(tmp_path, shipped(CHANGE), spec=with_warehouses(estate_spec(), (DE,)))


# --- movements and counts ---------------------------------------------------------------------------------------------


def move(history: History, to: str, quantity: float = 1.0) -> Published:
    """Somebody carries something of the first item."""
    wms = history.estate.systems["wms@DE01"].state
    quant = next(quant for quant in wms.quants(PARENT) if quant.bin not in (to, "SC") and quant.quantity >= quantity)
    command = MoveStock(plant=DE, item=PARENT, lot=quant.lot, from_bin=quant.bin, to_bin=to, quantity=quantity)
    history.act("wms@DE01", move_stock, command)
    return history.last("wms.stock.moved")


def count(history: History, difference: float) -> Published:
    """Somebody counts something of the first item."""
    quant = next(history.estate.systems["wms@DE01"].state.quants(PARENT))
    command = CountStock(plant=DE, item=PARENT, lot=quant.lot, bin=quant.bin, counted=quant.quantity + difference)
    history.act("wms@DE01", count_stock, command)
    return history.last("wms.count.adjusted")


def posting(event: Published, **changed: Any) -> PostStock:
    """What a correct middleware books of a movement or a count."""
    told: Any = event.event
    if event.type.name == "wms.stock.moved":
        source = told.movement
        line = {"movement": "transfer", "status": told.from_status, "to_status": told.to_status}
        line |= {"quantity": told.quantity}
    else:
        source = told.count
        line = {"movement": "surplus" if told.difference > 0 else "shortage", "quantity": abs(told.difference)}
    whole = {"item": told.item, "lot": told.lot, "unit": told.unit, **line, **changed}
    day = date.fromisoformat(told.posting_date)
    return PostStock(plant=told.plant, posting_date=day, source_document=source, lines=(PostLine(**whole),))


def silent(history: History) -> None:
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()


def convicted(history: History, *checks: str) -> Judgement:
    judgement = history.judge()
    assert set(convicting(judgement)) == set(checks)
    return judgement


def test_both_triggers_ask_for_one_posting_and_an_internal_move_for_none(stock: History) -> None:
    rack = next(place.code for place in stock.estate.systems["wms@DE01"].state.racks)
    events = [move(stock, "QA"), count(stock, 2.0), count(stock, -1.0)]
    internal = move(stock, rack)
    stock.deliver(*events, internal)
    for event in events:
        stock.post(posting(event))
    silent(stock)
    promised = [record for record in Ledger(stock.directory) if isinstance(record, Obligation)]
    assert [record.effect.split("|")[3] for record in promised] == ["transfer", "surplus", "shortage"]


def test_a_count_that_is_booked_twice(stock: History) -> None:
    event = count(stock, 2.0)
    stock.deliver(event)
    stock.post(posting(event))
    stock.post(posting(event))
    convicted(stock, "once")


def test_an_internal_move_that_is_booked(stock: History) -> None:
    event = count(stock, 2.0)
    internal = move(stock, "PR")
    stock.deliver(event, internal)
    stock.post(posting(event))
    stock.post(posting(internal, movement="issue", status="unrestricted", to_status=""))
    judgement = convicted(stock, "completeness")
    assert "but nothing had happened that asks for it" in judgement.findings[0].sentence


def test_a_count_with_the_wrong_sign(stock: History) -> None:
    event = count(stock, -2.0)
    stock.deliver(event)
    stock.post(posting(event, movement="surplus"))
    told = [finding.sentence for finding in convicted(stock, "completeness").findings]
    assert any("Missing in ERP: shortage of" in sentence for sentence in told)
    assert any("received surplus of" in sentence for sentence in told)


def test_a_transfer_to_the_wrong_status(stock: History) -> None:
    event = move(stock, "QA")
    stock.deliver(event)
    stock.post(posting(event, to_status="blocked"))
    judgement = convicted(stock, "convergence")
    assert "status is unrestricted>blocked, intended is unrestricted>quality" in judgement.findings[0].sentence


def test_a_quantity_in_another_unit(stock: History) -> None:
    event = count(stock, 2.0)
    stock.deliver(event)
    stock.post(posting(event, quantity=24.0))
    assert "convergence" in convicting(stock.judge())


def test_an_item_and_lot_agrees_only_if_all_its_postings_do(stock: History) -> None:
    first, second = count(stock, 2.0), count(stock, 3.0)
    stock.deliver(first, second)
    stock.post(posting(first))
    stock.post(posting(second, quantity=4.0))
    shares = {figure.name: figure.value for figure in stock.judge().figures if not figure.plant}
    assert shares["inventory_reconciliation"] == 50.0
    assert shares["stock_reconciled"] == 0.0


def test_a_movement_that_is_lost(stock: History) -> None:
    first, second = move(stock, "QA"), move(stock, "SC")
    stock.deliver(first, second)
    stock.post(posting(first))
    convicted(stock, "completeness")


@pytest.mark.parametrize(("to", "told"), [("PR", False), ("QA", True)])
def test_poison_among_moves_that_ask_for_nothing_may_be_passed_over(stock: History, to: str, told: bool) -> None:
    event, other = move(stock, to), count(stock, 1.0)
    stock.deliver(other)
    stock.post(posting(other))
    stock.deliver(event)
    if told:
        stock.post(posting(event))
    stock.send_event(event, bent="poison", about="DE01/MOV-6000001")
    stock.acknowledge(event)
    assert ("completeness" in convicting(stock.judge())) == told


def test_a_posting_that_another_flow_asks_for_is_not_unexplained(stock: History) -> None:
    event = move(stock, "QA")
    made = stock.finish_order(DE)
    stock.deliver(event, made)
    stock.post(posting(event))
    stock.book(made)
    silent(stock)


def test_a_wrong_posting_that_another_flow_asks_for_is_wrong_all_the_same(stock: History) -> None:
    event = move(stock, "QA")
    made = stock.finish_order(DE)
    stock.deliver(event, made)
    stock.post(posting(event))
    stock.post(stock.posting(made, factor=2.0))
    convicted(stock, "convergence")


# --- stock that is set aside ------------------------------------------------------------------------------------------


def dispose(
    history: History, item: str, revision: str, disposition: Disposition = "quarantine", plant: str = DE
) -> None:
    """The middleware sets a rule."""
    command = SetDisposition(
        plant=plant,
        item=item,
        revision=revision,
        disposition=disposition,
        change="ECO-1",
    )
    history.call(f"wms@{DE}", set_disposition, command)


@pytest.mark.parametrize("when", ["before ERP", "after MES"])
def test_stock_may_be_set_aside_before_erp_knows_and_after_the_shop_floor_does(changes: History, when: str) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, disposition="quarantine"))
    if when == "before ERP":
        dispose(changes, PARENT, PARENT_1)
    changes.carry_out((DE, PARENT, PARENT_1))
    if when == "after MES":
        dispose(changes, PARENT, PARENT_1)
    silent(changes)


def test_stock_that_is_never_set_aside(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, disposition="rework"))
    changes.carry_out((DE, PARENT, PARENT_1))
    judgement = convicted(changes, "completeness")
    assert f"WMS: disposition of {PARENT} before {PARENT_1}" in judgement.findings[0].sentence


@pytest.mark.parametrize("disposition", ["use-up", "scrap"])
def test_what_is_used_up_or_scrapped_asks_nothing_of_a_warehouse(changes: History, disposition: Any) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, disposition=disposition))
    changes.carry_out((DE, PARENT, PARENT_1))
    silent(changes)


def test_a_warehouse_may_be_told_of_all_dispositions(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, disposition="scrap"))
    dispose(changes, PARENT, PARENT_1, "scrap")
    changes.carry_out((DE, PARENT, PARENT_1))
    assert not convicting(changes.judge())


def test_stock_that_is_set_aside_otherwise_than_engineering_says(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, disposition="rework"))
    dispose(changes, PARENT, PARENT_1, "quarantine")
    changes.carry_out((DE, PARENT, PARENT_1))
    convicted(changes, "convergence")


def test_a_later_change_that_asks_for_nothing_relieves_of_what_an_earlier_one_asked_for(changes: History) -> None:
    first = changes.release("ECO-1", PARENT, disposition="quarantine")
    second = changes.release("ECO-2", PARENT, disposition="use-up")
    changes.deliver(first, second)
    changes.carry_out((DE, PARENT, PARENT_2))
    silent(changes)


def test_the_rule_of_the_later_change_may_be_the_only_one(changes: History) -> None:
    first = changes.release("ECO-1", PARENT, disposition="quarantine")
    second = changes.release("ECO-2", PARENT, disposition="rework")
    changes.deliver(first, second)
    changes.carry_out((DE, PARENT, PARENT_2))
    dispose(changes, PARENT, PARENT_2, "rework")
    silent(changes)


def test_a_plant_without_a_warehouse_is_asked_for_nothing(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, plants=(US,), disposition="quarantine"))
    changes.carry_out((US, PARENT, PARENT_1))
    silent(changes)


def test_stock_may_be_set_aside_before_the_change_takes_effect(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, disposition="quarantine", effective_in_s=100))
    dispose(changes, PARENT, PARENT_1)
    changes.wait(101)
    changes.carry_out((DE, PARENT, PARENT_1))
    silent(changes)


# --- the grammar ------------------------------------------------------------------------------------------------------


def spec(**changed: Any) -> FlowSpec:
    text = (REPOSITORY / "contracts/flows/stock-movement.yaml").read_text(encoding="utf-8")
    return FlowSpec.model_validate({**yaml.safe_load(text), **changed})


def test_several_events_may_trigger_a_flow() -> None:
    assert spec().triggers == ("wms.stock.moved", "wms.count.adjusted")
    assert spec(trigger="wms.stock.moved").triggers == ("wms.stock.moved",)
    assert not list(flaws_of(spec()))


def test_of_several_triggers_each_is_looked_up_at_its_place() -> None:
    (unknown,) = flaws_of(spec(trigger=["wms.stock.moved", "wms.count.adjustd"]))
    assert (unknown.path, unknown.given) == (("trigger", 1), "wms.count.adjustd")
    (strange,) = flaws_of(spec(trigger=["wms.stock.moved", "mes.order.completed"]))
    assert "not about `mes.order.completed`" in strange.message


def test_the_first_item_has_stock_in_a_warehouse_of_its_plant() -> None:
    assert any(quant.plant == DE and quant.item == PARENT for quant in dataset().stock)
