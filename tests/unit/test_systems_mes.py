"""The MES: instructions that win, orders made operation by operation in business time, held, resumed, reported."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.ledger.records import Commit
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems.mes.events import OperationCompleted, OrderCompleted
from pilotplant.systems.mes.operations import (
    complete_order,
    dispatch_order,
    get_instructions,
    hold_order,
    list_orders,
    order_status,
    publish_routing,
    resume_order,
)
from tests.estates import Bench, bench, dataset, made_item

ITEM = made_item().number
CENTRES = [centre.code for centre in dataset().work_centres.values() if centre.plant == "DE01" and centre.active]
FINISHING = next(o.order for o in dataset().production_orders if o.plant == "DE01" and o.dispatched)


@pytest.fixture
def mes(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def call(mes: Bench, operation: Any, **fields: Any) -> Any:
    return mes.apply("mes@DE01", operation, **fields)


def steps(count: int = 3, **changed: Any) -> list[dict[str, Any]]:
    return [
        {"number": 10 * n, "work_centre": CENTRES[n % 2], "text": "", "setup_s": 60.0, "cycle_s": 30.0, **changed}
        for n in range(1, count + 1)
    ]


def publish(mes: Bench, revision: str = "X", **changed: Any) -> Any:
    return call(
        mes, publish_routing, **{"plant": "DE01", "item": ITEM, "revision": revision, "steps": steps(), **changed}
    )


def dispatch(mes: Bench, order: str = "N-1", **changed: Any) -> Any:
    fields = {"plant": "DE01", "order": order, "item": ITEM, "revision": "X", "quantity": 2.0}
    return call(mes, dispatch_order, **{**fields, **changed})


def status(mes: Bench, order: str = "N-1") -> str:
    found: str = call(mes, order_status, order=order).result.status
    return found


def done(mes: Bench, order: str = "N-1") -> list[str]:
    return [event.step for event in mes.events if isinstance(event, OperationCompleted) and event.order == order]


def completed(mes: Bench, order: str = "N-1") -> list[OrderCompleted]:
    return [event for event in mes.events if isinstance(event, OrderCompleted) and event.order == order]


REFUSALS: list[tuple[Any, dict[str, Any], str]] = [
    (publish_routing, {"plant": "US01", "item": ITEM, "revision": "X", "steps": []}, "wrong-plant"),
    (publish_routing, {"plant": "DE01", "item": "no", "revision": "X", "steps": []}, "unknown-at-shop-floor"),
    (
        publish_routing,
        {"plant": "DE01", "item": ITEM, "revision": "X", "steps": steps(work_centre="no")},
        "unknown-at-shop-floor",
    ),
    (publish_routing, {"plant": "DE01", "item": ITEM, "revision": "X", "steps": steps(cycle_s=-1.0)}, "out-of-range"),
    (publish_routing, {"plant": "DE01", "item": ITEM, "revision": "X", "steps": steps(setup_s=1e300)}, "out-of-range"),
    (publish_routing, {"plant": "DE01", "item": ITEM, "revision": "X", "steps": steps(number=10**30)}, "out-of-range"),
    (get_instructions, {"item": "no"}, "no-instructions"),
    (
        dispatch_order,
        {"plant": "US01", "order": "N-1", "item": ITEM, "revision": "A", "quantity": 1.0},
        "wrong-plant",
    ),
    (
        dispatch_order,
        {"plant": "DE01", "order": FINISHING, "item": ITEM, "revision": "A", "quantity": 1.0},
        "order-exists",
    ),
    (
        dispatch_order,
        {"plant": "DE01", "order": "N-1", "item": ITEM, "revision": "ZZ", "quantity": 1.0},
        "not-executable-yet",
    ),
    (
        dispatch_order,
        {"plant": "DE01", "order": "N-1", "item": ITEM, "revision": "?", "quantity": 1.0},
        "no-instructions",
    ),
    (hold_order, {"order": "no"}, "unknown-shop-order"),
    (resume_order, {"order": "no"}, "unknown-shop-order"),
    (resume_order, {"order": FINISHING}, "order-status"),
    (order_status, {"order": "no"}, "unknown-shop-order"),
    (list_orders, {"limit": -1}, "bad-cursor"),
    (complete_order, {"order": "no", "good": 1.0}, "unknown-shop-order"),
    (complete_order, {"order": FINISHING, "good": -1.0}, "out-of-range"),
    (complete_order, {"order": FINISHING, "good": 0.0}, "out-of-range"),
    (complete_order, {"order": FINISHING, "good": 1.0, "rework": -1.0}, "out-of-range"),
    (complete_order, {"order": FINISHING, "good": 1e300}, "out-of-range"),
]


@pytest.mark.parametrize(("operation", "fields", "code"), REFUSALS, ids=lambda value: getattr(value, "name", None))
def test_a_rule_that_refuses_changes_nothing(mes: Bench, operation: Any, fields: dict[str, Any], code: str) -> None:
    before = mes.digest()
    outcome = call(mes, operation, **fields)
    assert isinstance(outcome, Refused) and outcome.rejection.code == code
    assert type(outcome.rejection) in operation.rejects, "the contract promises it"
    assert mes.digest() == before
    assert not mes.records(Commit)


@pytest.mark.parametrize("quantity", [0.0, -3.0, 1e300])
def test_an_order_for_nothing_is_refused(mes: Bench, quantity: float) -> None:
    publish(mes)
    outcome = dispatch(mes, quantity=quantity)
    assert isinstance(outcome, Refused) and outcome.rejection.code == "out-of-range"


def test_latest_wins_and_an_older_revision_after_a_newer_is_stale(mes: Bench) -> None:
    publish(mes, "Y")
    outcome = publish(mes, "X")
    assert outcome.stale
    assert call(mes, get_instructions, item=ITEM).result.revision == "X"
    newer, stale = mes.records(Commit)
    assert (newer.stale_over, stale.stale_over) == (0, newer.seq)


def test_staged_instructions_are_not_executed(mes: Bench) -> None:
    executable = call(mes, get_instructions, item=ITEM).result.revision
    publish(mes, stage="staged")
    assert call(mes, get_instructions, item=ITEM).result.revision == executable
    assert isinstance(dispatch(mes), Refused)
    publish(mes)
    assert [commit.facet for commit in mes.records(Commit)] == ["staged", "executable"]
    assert isinstance(dispatch(mes), Committed)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_an_order_is_made_operation_by_operation_in_business_time(tmp_path: Path, speed: float) -> None:
    mes = bench(tmp_path, speed=speed)
    publish(mes)
    dispatch(mes)
    one = (60.0 + 2 * 30.0) / speed
    for number in (1, 2, 3):
        mes.pass_time(one * 0.9)
        assert len(done(mes)) == number - 1
        mes.pass_time(one * 0.1 + 1e-6)
        assert len(done(mes)) == number
    assert done(mes) == ["10", "20", "30"]
    (event,) = completed(mes)
    assert (event.good, event.scrap, event.revision) == (2.0, 0.0, "X")
    assert (event.completed_at[:16], event.posting_date) == ("2023-11-14T22:19", "2023-11-14")
    found = call(mes, order_status, order="N-1")
    assert found.result.confirmation == event.confirmation
    assert (f"mes.order.completed|DE01|{event.confirmation}", 0) in found.reveals


def test_a_posting_date_is_that_of_the_plant(tmp_path: Path) -> None:
    mes = bench(tmp_path)
    order = next(o.order for o in dataset().production_orders if o.plant == "CN01" and o.dispatched)
    mes.apply("mes@CN01", complete_order, order=order, good=1.0)
    (event,) = completed(mes, order)
    assert (event.completed_at[:10], event.posting_date) == ("2023-11-14", "2023-11-15")


def test_orders_wait_for_their_work_centre(mes: Bench) -> None:
    capacity = dataset().work_centres["DE01", CENTRES[1]].capacity
    publish(mes, steps=steps(1))
    for number in range(capacity + 1):
        dispatch(mes, f"N-{number}")
    mes.pass_time(121)
    assert sum(bool(completed(mes, f"N-{number}")) for number in range(capacity + 1)) == capacity
    mes.pass_time(120)
    assert completed(mes, f"N-{capacity}")


def test_a_breakdown_takes_longer(tmp_path: Path) -> None:
    mes = bench(tmp_path, mes={"behaviour": {"breakdown_share": 1.0, "breakdown_s": 900.0}})
    publish(mes, steps=steps(1))
    dispatch(mes)
    mes.pass_time(1019)
    assert not completed(mes)
    mes.pass_time(2)
    assert completed(mes)


def test_scrap_is_drawn_and_never_more_than_was_made(tmp_path: Path) -> None:
    mes = bench(tmp_path, mes={"behaviour": {"scrap_share": 1.0}})
    publish(mes, steps=[])
    for number in range(20):
        dispatch(mes, f"N-{number}", quantity=2.0)
    mes.pass_time(1)
    events = [completed(mes, f"N-{number}")[0] for number in range(20)]
    assert {event.good + event.scrap for event in events} == {2.0}
    assert all(0 < event.scrap <= 2 for event in events)


def test_a_held_order_stops_after_the_operation_that_is_running(mes: Bench) -> None:
    publish(mes)
    dispatch(mes)
    mes.pass_time(10)
    assert isinstance(call(mes, hold_order, order="N-1"), Committed)
    assert isinstance(call(mes, hold_order, order="N-1"), Refused)
    mes.pass_time(10_000)
    assert (done(mes), status(mes)) == (["10"], "held")
    call(mes, resume_order, order="N-1")
    mes.pass_time(241)
    assert (done(mes), status(mes)) == (["10", "20", "30"], "completed")
    assert isinstance(call(mes, resume_order, order="N-1"), Refused)


def test_an_order_resumed_before_its_operation_has_ended_is_made_once(mes: Bench) -> None:
    publish(mes)
    dispatch(mes)
    mes.pass_time(10)
    for _ in range(3):
        call(mes, hold_order, order="N-1")
        call(mes, resume_order, order="N-1")
    mes.pass_time(361)
    assert done(mes) == ["10", "20", "30"]
    assert len(completed(mes)) == 1
    commits = [record for record in mes.records(Commit) if record.repeat_of]
    assert not commits


def test_an_order_that_is_held_while_it_waits_does_not_begin(mes: Bench) -> None:
    capacity = dataset().work_centres["DE01", CENTRES[1]].capacity
    publish(mes, steps=steps(1))
    for number in range(capacity + 1):
        dispatch(mes, f"N-{number}")
    mes.pass_time(1)
    last = f"N-{capacity}"
    call(mes, hold_order, order=last)
    mes.pass_time(10_000)
    assert not done(mes, last)
    call(mes, resume_order, order=last)
    mes.pass_time(121)
    assert completed(mes, last)


def test_what_an_operator_reported_the_machine_does_not_report_again(mes: Bench) -> None:
    publish(mes)
    dispatch(mes)
    mes.pass_time(10)
    call(mes, complete_order, order="N-1", good=1.0, scrap=1.0, rework=0.5)
    again = call(mes, complete_order, order="N-1", good=1.0)
    assert isinstance(again, Refused) and again.rejection.code == "order-status"
    mes.pass_time(10_000)
    assert len(completed(mes)) == 1 and not done(mes)


def test_a_last_operation_of_a_held_order_is_reported_when_it_is_resumed(mes: Bench) -> None:
    publish(mes, steps=steps(1))
    dispatch(mes)
    mes.pass_time(1)
    call(mes, hold_order, order="N-1")
    mes.pass_time(1000)
    assert done(mes) == ["10"] and not completed(mes)
    call(mes, resume_order, order="N-1")
    mes.pass_time(1)
    assert completed(mes)


def test_orders_in_work_when_the_run_begins_are_finished(mes: Bench) -> None:
    mes["mes@DE01"].behaviour.start()
    mes.pass_time(30 * 86_400)
    here = [o.order for o in dataset().production_orders if o.plant == "DE01" and o.dispatched]
    assert here and all(len(completed(mes, order)) == 1 for order in here)


def test_confirmations_are_counted_by_each_plant_for_itself(mes: Bench) -> None:
    for plant in ("DE01", "CN01"):
        order = next(o.order for o in dataset().production_orders if o.plant == plant and o.dispatched)
        mes.apply(f"mes@{plant}", complete_order, order=order, good=1.0)
    confirmed = [event for event in mes.events if isinstance(event, OrderCompleted)]
    assert [event.confirmation for event in confirmed] == ["CNF-0000001"] * 2
    assert len({record.effect for record in mes.records(Commit)}) == 2


def test_the_list_shows_every_order_once(mes: Bench) -> None:
    publish(mes)
    for number in range(5):
        dispatch(mes, f"N-{number}")
    seen: list[str] = []
    cursor = ""
    while True:
        found = call(mes, list_orders, limit=2, cursor=cursor)
        assert isinstance(found, Found)
        seen += [order.order for order in found.result.items]
        cursor = found.result.next
        if not cursor:
            break
    assert seen == sorted(mes["mes@DE01"].state.orders)
