"""Launches and dated orders: what gates over plants, flows about some changes only, and starts of orders mean.

Each word of the grammar is told to a correct middleware that needs it and to a defective one that abuses it, with the
word and without.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
import yaml

from pilotplant.checks.judge import Judgement
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Loss
from pilotplant.systems.erp.holds import ReleaseHold, release_hold
from pilotplant.systems.erp.items import UpsertItem, upsert_item
from pilotplant.systems.erp.orders import NameOrder
from pilotplant.systems.erp.production import CreateOrder, create_order, release_order
from pilotplant.systems.mes.items import UpsertShopItem, upsert_shop_item
from pilotplant.systems.mes.operations import (
    CompleteOrder,
    DispatchOrder,
    complete_order,
    dispatch_order,
    publish_routing,
)
from pilotplant.systems.plm.launches import OpenLaunch, SetWip, open_launch, set_wip
from pilotplant.systems.plm.operations import (
    AddAffected,
    NameChange,
    ReleaseChange,
    add_affected,
    approve_change,
    release_change,
)
from pilotplant.systems.plm.parts import CreateItem, create_item
from pilotplant.systems.system import Published
from tests.unit.histories import (
    CHANGE,
    DE,
    US,
    History,
    convicting,
    dataset,
    family,
    flow,
    following_revision,
    shipped_flow,
)

PRODUCT, LAUNCH = "PRD-1", "LCH-1"
HERE, THERE = (DE, PRODUCT, "A"), (US, PRODUCT, "A")
MADE = family()[0]
FIRST = dataset().items[MADE].revision
NEXT = chr(ord(FIRST) + 1)

Gate = Literal["each-plant", "all-plants"]
Story = Callable[[History], None]
Told = Callable[[Story, FlowSpec], Judgement]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Tells a history to a flow and judges it."""
    number = iter(range(10))

    def tell(story: Story, spec: FlowSpec) -> Judgement:
        directory = tmp_path / str(next(number))
        directory.mkdir()
        history = History(directory, spec)
        story(history)
        return history.judge()

    return tell


def launch(history: History, gate: Gate = "each-plant", *, idle_at: str = "") -> Published:
    """Engineering launches a product at two plants; at one of them a work centre may be shut down."""
    data = dataset()
    steps = next(r.steps for r in data.routings.values() if r.item == MADE)
    if idle_at:
        idle = next(c.code for c in data.work_centres.values() if c.plant == idle_at and not c.active)
        steps = (type(steps[0])(steps[0].number, idle, "", 1.0, 1.0), *steps[1:])
    create = CreateItem(
        item=PRODUCT,
        description="new",
        unit="EA",
        plants=(DE, US),
        lines=data.boms[MADE, FIRST].lines,
        steps=steps,
    )
    history.act("plm", create_item, create)
    history.act("plm", open_launch, OpenLaunch(change=LAUNCH, title="t", gate=gate))
    history.act("plm", add_affected, AddAffected(change=LAUNCH, item=PRODUCT, plants=(DE, US)))
    history.act("plm", approve_change, NameChange(change=LAUNCH))
    history.act("plm", release_change, ReleaseChange(change=LAUNCH))
    return history.published[-1]


def bring(history: History, *plants: str) -> None:
    """A middleware lets plants know the product, in ERP and on the shop floor."""
    for plant in plants:
        item = UpsertItem(plant=plant, item=PRODUCT, description="new", unit="EA", revision="A")
        assert history.call("erp", upsert_item, item).status == 200
        shop = UpsertShopItem(plant=plant, item=PRODUCT, row=1, description="new", unit="EA")
        assert history.call(f"mes@{plant}", upsert_shop_item, shop).status == 200


def free(history: History, *plants: str) -> None:
    """A middleware releases the product for production."""
    for plant in plants:
        release = ReleaseHold(plant=plant, item=PRODUCT, reference=LAUNCH)
        assert history.call("erp", release_hold, release).status == 201


def accused(judgement: Judgement) -> set[str]:
    """The checks that convict."""
    return set(convicting(judgement))


def changed(name: str, **fields: Any) -> FlowSpec:
    """A flow that ships, with something else in it."""
    document = shipped_flow(name).model_dump(mode="json", exclude_defaults=True)
    document["steps"] = {
        step: {key: value for key, value in spec.items() if value} for step, spec in document["steps"].items()
    }
    for path, value in fields.items():
        if value is None:
            document.pop(path)
        else:
            document[path] = value
    return flow(yaml.safe_dump(document, sort_keys=False))


# --- when: which rows a flow is about -----------------------------------------------------------------------------


def test_when_of_a_flow(told: Told) -> None:
    def launched_by_another_flow(history: History) -> None:
        history.deliver(launch(history))

    def change_forgotten(history: History) -> None:
        history.deliver(history.release("ECO-1", MADE))

    engineering, every = shipped_flow(CHANGE), changed(CHANGE, when=None)
    assert accused(told(launched_by_another_flow, engineering)) == set()
    assert accused(told(launched_by_another_flow, every)) == {"completeness"}
    assert accused(told(change_forgotten, engineering)) == {"completeness"}


def test_how_stock_is_used_up_is_data_of_the_profile(tmp_path: Path) -> None:
    """The same middleware, which says nothing: right where the ERP does not want to hear it, and else not."""

    def forgotten(directory: Path, use_up: str) -> set[str]:
        directory.mkdir()
        history = History(directory, shipped_flow(CHANGE))
        history.estate.systems["erp"].state.use_up = use_up
        history.deliver(history.release("ECO-1", MADE, disposition="use-up"))
        history.carry_out((DE, MADE, NEXT))
        return accused(history.judge())

    assert forgotten(tmp_path / "none", "none") == set()
    assert forgotten(tmp_path / "told", "discontinuation") == {"completeness"}


# --- over plants --------------------------------------------------------------------------------------------------


def test_a_plant_is_released_when_it_has_everything(told: Told) -> None:
    def one_after_the_other(history: History) -> None:
        history.deliver(launch(history))
        for definition in (HERE, THERE):
            bring(history, definition[0])
            history.carry_out(definition)
            free(history, definition[0])

    def before_its_instructions(history: History) -> None:
        history.deliver(launch(history))
        bring(history, DE, US)
        history.active(HERE, THERE)
        free(history, DE)
        history.publish(*HERE)
        history.publish(*THERE)
        free(history, US)

    spec = shipped_flow("product-launch")
    assert accused(told(one_after_the_other, spec)) == set()
    assert accused(told(before_its_instructions, spec)) == {"sequencing"}


def test_over_plants(told: Told) -> None:
    def all_together(history: History) -> None:
        history.deliver(launch(history, "all-plants"))
        bring(history, DE, US)
        history.carry_out(HERE, THERE)
        free(history, DE, US)

    def each_by_itself(history: History) -> None:
        history.deliver(launch(history, "all-plants"))
        for definition in (HERE, THERE):
            bring(history, definition[0])
            history.carry_out(definition)
            free(history, definition[0])

    spec = shipped_flow("product-launch")
    assert accused(told(all_together, spec)) == set()
    assert accused(told(each_by_itself, spec)) == {"sequencing"}
    document = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
    gate = document["steps"]["release-together"]["after"]
    assert {needed["over"] for needed in gate} == {"plants"}


def test_a_gate_over_plants_stays_shut_where_one_plant_refuses(told: Told) -> None:
    """What cannot be done any more is not missing; who does it all the same is convicted."""

    def refused_there(history: History, *, tells: bool = True) -> None:
        history.deliver(launch(history, "all-plants", idle_at=US))
        bring(history, DE, US)
        history.carry_out(HERE)
        assert history.bom(*THERE).status == 201
        assert history.routing(*THERE).status == 422
        if tells:
            history.raise_exception(LAUNCH, US)

    def silent(history: History) -> None:
        refused_there(history, tells=False)

    def released_all_the_same(history: History) -> None:
        refused_there(history)
        free(history, DE)

    def each_plant_for_itself(history: History) -> None:
        history.deliver(launch(history, "each-plant", idle_at=US))
        bring(history, DE, US)
        history.carry_out(HERE)
        history.routing(*THERE)
        history.raise_exception(LAUNCH, US)

    spec = shipped_flow("product-launch")
    right = told(refused_there, spec)
    assert accused(right) == set()
    assert {row.instance for row in right.board if row.status == "excused"} == {f"{LAUNCH}@{DE}", f"{LAUNCH}@{US}"}
    told_nobody = told(silent, spec)
    assert accused(told_nobody) == {"completeness"}
    assert {finding.instance for finding in told_nobody.findings} == {f"{LAUNCH}@{US}"}
    assert accused(told(released_all_the_same, spec)) == {"sequencing"}
    assert accused(told(each_plant_for_itself, spec)) == {"completeness"}  # DE was free to begin


# --- orders and their starts ------------------------------------------------------------------------------------------

DISPATCH = shipped_flow("order-dispatch")


def release(history: History, *, starts_in_s: float = 0.0) -> tuple[str, Published]:
    """A planner releases an order; its number, and the event that says so."""
    start = datetime.fromtimestamp(history.world.now().business + starts_in_s, UTC)
    create = CreateOrder(plant=DE, item=MADE, quantity=3.0, start=start)
    order: str = history.act("erp", create_order, create).result.order
    history.act("erp", release_order, NameOrder(order=order))
    return order, history.last("erp.production_order.released")


def dispatch(history: History, order: str, revision: str) -> int:
    """A middleware gives the order to the shop floor."""
    state = history.estate.systems["erp"].state.orders[order]
    start = datetime.fromtimestamp(state.start_at, UTC)
    command = DispatchOrder(plant=DE, order=order, item=MADE, revision=revision, quantity=3.0, start=start)
    return history.call(f"mes@{DE}", dispatch_order, command).status


def change(history: History, *, wip: str = "", effective_in_s: float = 0.0) -> None:
    """Engineering releases a change of the item."""
    history.approve("ECO-1", MADE)
    if wip:
        history.act("plm", set_wip, msgspec.convert({"change": "ECO-1", "wip": wip}, SetWip))
    history.release_approved("ECO-1", effective_in_s=effective_in_s)


def publish(history: History, wip: str) -> None:
    """The new revision becomes executable."""
    command = history.publishing(DE, MADE, NEXT)
    told = type(command)(plant=DE, item=MADE, revision=NEXT, steps=command.steps, wip=wip)  # type: ignore[arg-type]
    assert history.call(f"mes@{DE}", publish_routing, told).status == 200


def test_starts_at(told: Told) -> None:
    def at_its_start(history: History) -> None:
        order, event = release(history, starts_in_s=60)
        history.deliver(event)
        history.wait(60.5)
        assert dispatch(history, order, FIRST) == 201

    def figures(spec: FlowSpec) -> float:
        judgement = told(at_its_start, spec)
        assert accused(judgement) == set()
        return next(f.value for f in judgement.figures if f.name == "order_update_p50")

    assert 0.4 < figures(DISPATCH) < 0.6
    assert 60 < figures(changed("order-dispatch", clock_from=None)) < 61


def test_an_order_is_made_in_the_revision_of_its_start(told: Told) -> None:
    def story(revision: str, starts_in_s: float) -> Story:
        def tell(history: History) -> None:
            change(history, effective_in_s=30)
            history.wait(1)
            order, event = release(history, starts_in_s=starts_in_s)
            history.deliver(event)
            if revision == NEXT:
                history.active((DE, MADE, NEXT))
                history.wait(30)
                publish(history, "keep")
            assert dispatch(history, order, revision) == 201

        return tell

    assert accused(told(story(NEXT, 60), DISPATCH)) == set()
    assert accused(told(story(FIRST, 20), DISPATCH)) == set()
    assert accused(told(story(FIRST, 60), DISPATCH)) == set()  # the plant never took the newer one

    def took_it_too_late(history: History) -> None:
        story(FIRST, 60)(history)
        history.active((DE, MADE, NEXT))

    def refused_and_taken_further(history: History) -> None:
        """The plant never makes the revision that was due, and makes the one after it later."""
        change(history)
        history.wait(1)
        order, event = release(history, starts_in_s=1)
        history.let_activation_fail(DE, MADE, NEXT)
        history.deliver(event)
        assert dispatch(history, order, FIRST) == 201
        history.wait(5)
        history.release("ECO-2", MADE)
        history.active((DE, MADE, following_revision(MADE, 2)))

    assert accused(told(took_it_too_late, DISPATCH)) == {"convergence"}
    assert accused(told(refused_and_taken_further, DISPATCH)) == set()


@pytest.mark.parametrize(
    ("wip", "sent", "right"),
    [
        ("", "keep", True),
        ("keep", "keep", True),
        ("re-read", "re-read", True),
        ("re-read", "keep", False),
        ("hold", "hold", True),
        ("hold", "keep", False),
    ],
)
def test_open_orders_are_dealt_with_as_the_change_says(told: Told, wip: str, sent: str, right: bool) -> None:
    def tell(history: History) -> None:
        order, event = release(history, starts_in_s=60)
        history.deliver(event)
        assert dispatch(history, order, FIRST) == 201
        history.wait(1)
        change(history, wip=wip)
        history.active((DE, MADE, NEXT))
        publish(history, sent)

    assert accused(told(tell, DISPATCH)) == (set() if right else {"convergence"})


def test_what_was_begun_cannot_become_something_else(told: Told) -> None:
    def tell(history: History) -> None:
        order, event = release(history)
        history.deliver(event)
        assert dispatch(history, order, FIRST) == 201
        history.wait(1)
        change(history, wip="re-read")
        history.active((DE, MADE, NEXT))
        publish(history, "re-read")

    assert accused(told(tell, DISPATCH)) == set()


@pytest.mark.parametrize(("wip", "lost"), [("re-read", 3.0), ("keep", 0.0)])
def test_units_that_nobody_needs_are_written_down(tmp_path: Path, wip: str, lost: float) -> None:
    history = History(tmp_path, DISPATCH)
    order, event = release(history, starts_in_s=20)
    history.deliver(event)
    dispatch(history, order, FIRST)
    history.wait(1)
    change(history, wip=wip)
    history.wait(30)
    complete = CompleteOrder(order=order, good=2.0, scrap=1.0)
    history.act(f"mes@{DE}", complete_order, complete)
    judgement = history.judge()
    figures = {(figure.name, figure.plant): figure.value for figure in judgement.figures}
    assert figures["units_superseded", ""] == lost
    written = [each for each in Ledger(tmp_path) if isinstance(each, Loss)]
    assert [(each.quantity, each.kind) for each in written] == ([(lost, "superseded-revision")] if lost else [])
    assert accused(judgement) == set()  # it is what a late message costs, and no message was wrong


# --- figures ----------------------------------------------------------------------------------------------------------


def test_what_waits_is_counted_by_its_impact_and_exceptions_by_how_long_they_took(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CHANGE), DISPATCH)
    history.deliver(history.release("ECO-1", MADE))
    _order, event = release(history)
    history.deliver(event)
    number = history.raise_exception("ECO-9", DE)
    history.raise_exception("ECO-8", DE)
    history.wait(4)
    history.resolve(number)
    figures = {(figure.name, figure.plant): figure.value for figure in history.judge().figures}
    assert figures["unfinished_high", ""] == 2
    assert figures["changes_awaiting_erp", ""] == figures["changes_awaiting_erp", DE] == 1
    assert figures["exceptions_open", ""] == 1
    assert 3.9 < figures["exception_resolution_p50", ""] < 4.1


@pytest.mark.parametrize(("created", "convicted"), [(True, set()), (False, {"security"})])
def test_whoever_was_told_of_the_part_need_not_have_believed_its_forged_launch(
    told: Told, created: bool, convicted: set[str]
) -> None:
    def story(history: History) -> None:
        release = launch(history)
        if created:
            history.deliver(history.last("plm.part.created"))
        history.send_event(release, bent="forged-signature")
        history.acknowledge(release, status=401)
        bring(history, DE)

    assert {"security"} & set(convicting(told(story, shipped_flow("product-launch")))) == convicted


@pytest.mark.parametrize(("launched", "convicted"), [(True, set()), (False, {"security"})])
def test_whoever_was_told_of_the_launch_need_not_have_believed_its_forged_part(
    told: Told, launched: bool, convicted: set[str]
) -> None:
    """The run asks for master data alone; the target does what it does."""

    def story(history: History) -> None:
        release = launch(history)
        history.send_event(history.last("plm.part.created"), bent="forged-signature")
        if launched:
            history.deliver(release)
        bring(history, DE)

    assert {"security"} & set(convicting(told(story, shipped_flow("master-data")))) == convicted


def test_a_part_that_was_told_of_does_not_excuse_its_release_for_production(told: Told) -> None:
    def story(history: History) -> None:
        release = launch(history)
        history.deliver(history.last("plm.part.created"))
        history.send_event(release, bent="forged-signature")
        bring(history, DE)
        history.active(HERE)
        free(history, DE)

    judgement = told(story, shipped_flow("product-launch"))
    assert [f.effect for f in judgement.findings if f.check == "security"] == [
        f"erp.hold.release|{DE}|{PRODUCT}|{LAUNCH}"
    ]
