"""Master data and orders: parts, launches, sources, holds, orders on their way, planning, what a plant declares."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.ledger.records import Commit
from pilotplant.model.instants import iso
from pilotplant.model.outcome import Committed, Found, Refused
from pilotplant.systems.erp.behaviour import Parameters
from pilotplant.systems.erp.definitions import activate_version, release_bom, upsert_routing
from pilotplant.systems.erp.events import ItemChanged, ProductionOrderReleased
from pilotplant.systems.erp.holds import list_holds, release_hold, set_hold
from pilotplant.systems.erp.items import get_item, maintain_item, upsert_item
from pilotplant.systems.erp.planning import close_period, raise_demand, run_planning
from pilotplant.systems.erp.plants import get_plant
from pilotplant.systems.erp.production import cancel_confirmation, confirm_order, create_order, release_order
from pilotplant.systems.erp.sourcing import (
    get_source,
    list_cross_references,
    upsert_cross_reference,
    upsert_source,
)
from pilotplant.systems.erp.stock import get_balance, post_stock
from pilotplant.systems.erp.use_up import discontinue, get_discontinuation
from pilotplant.systems.mes.events import MachineEvent, NonconformanceRaised, OrderCompleted
from pilotplant.systems.mes.items import get_shop_item, upsert_shop_item
from pilotplant.systems.mes.operations import dispatch_order, order_status, publish_routing
from pilotplant.systems.plm.documents import check_in, get_document, list_documents
from pilotplant.systems.plm.events import ChangeReleased, PartCreated, RoutingUpdated, StructureReleased
from pilotplant.systems.plm.launches import open_launch, set_wip
from pilotplant.systems.plm.operations import (
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    list_items,
    release_change,
    revise_item,
)
from pilotplant.systems.plm.operations import (
    get_item as get_part,
)
from pilotplant.systems.plm.parts import create_item, revision_on, update_routing
from pilotplant.systems.plm.sourcing import approve_manufacturer, list_manufacturers, withdraw_approval
from pilotplant.systems.rules import PlantRules
from tests.estates import EPOCH, Bench, at_plant, bench, bought_item, dataset, made_item, posting

PART, PRODUCT = bought_item(), made_item()
SUPPLIER = next(iter(dataset().suppliers))
CENTRE = next(c.code for c in dataset().work_centres.values() if c.plant == "DE01" and c.active)
STEPS = [{"number": 10, "work_centre": CENTRE, "text": "", "setup_s": 1.0, "cycle_s": 1.0}]
LINES = [{"component": PART.number, "quantity": 2.0, "unit": PART.unit}]
DISPATCHED = next(o.order for o in dataset().production_orders if o.plant == "DE01" and o.dispatched)
WAITING = next(o for o in dataset().production_orders if o.plant == "DE01" and not o.dispatched)
NEW: dict[str, Any] = {"item": "000000000000900001", "description": "法兰", "unit": "kg", "plants": ["DE01", "US01"]}
LINE = {"movement": "receipt", "item": PART.number, "quantity": 1.0, "unit": PART.unit}
CONFIRMED = {"confirmation": "CNF-9", "posting_date": "2023-11-14"}


@pytest.fixture
def estate(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def plm(estate: Bench, operation: Any, **fields: Any) -> Any:
    return estate.apply("plm", operation, **fields)


def erp(estate: Bench, operation: Any, **fields: Any) -> Any:
    return estate.apply("erp", operation, **fields)


def mes(estate: Bench, operation: Any, **fields: Any) -> Any:
    return estate.apply("mes@DE01", operation, **fields)


def refused(outcome: Any) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.rejection.code


def declare(estate: Bench, **rules: Any) -> None:
    """Let DE01 declare something."""
    for name in ("plm", "erp"):
        estate[name].state.take_rules({"DE01": PlantRules.model_validate(rules)})


def of(estate: Bench, kind: type[Any]) -> list[Any]:
    return [event for event in estate.events if isinstance(event, kind)]


def new_item(estate: Bench, item: str = "N-1", **changed: Any) -> Any:
    fields = {"plant": "DE01", "item": item, "description": "x", "unit": "EA", "revision": "A", **changed}
    return erp(estate, upsert_item, **fields)


def producible(estate: Bench, item: str = "N-1") -> None:
    """Bring a new item at DE01 as far as an active version."""
    here = {"plant": "DE01", "item": item, "revision": "A"}
    new_item(estate, item)
    erp(estate, release_bom, **here, effective_from="2023-11-01T00:00:00Z", lines=LINES)
    erp(estate, upsert_routing, **here, steps=STEPS)
    erp(estate, activate_version, **here)
    estate.pass_time(10)


REFUSALS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("plm", create_item, {**NEW, "item": PART.number}, "item-exists"),
    ("plm", create_item, {**NEW, "item": " "}, "item-exists"),
    ("plm", create_item, {**NEW, "plants": []}, "no-such-plant"),
    ("plm", create_item, {**NEW, "plants": ["XX01"]}, "no-such-plant"),
    ("plm", create_item, {**NEW, "lot_size": -1.0}, "lot-size"),
    ("plm", create_item, {**NEW, "lines": LINES}, "incomplete-definition"),
    ("plm", create_item, {**NEW, "lines": [{**LINES[0], "component": "?"}], "steps": STEPS}, "unknown-item"),
    ("plm", revision_on, {"item": "?", "plant": "DE01", "at": iso(EPOCH)}, "unknown-item"),
    ("plm", revision_on, {"item": PART.number, "plant": "XX01", "at": iso(EPOCH)}, "unknown-item"),
    ("plm", update_routing, {"item": "?", "steps": STEPS}, "unknown-item"),
    ("plm", update_routing, {"item": PART.number, "steps": STEPS}, "unknown-revision"),
    ("plm", update_routing, {"item": PRODUCT.number, "steps": []}, "incomplete-definition"),
    ("plm", set_wip, {"change": "?", "wip": "hold"}, "unknown-change"),
    ("plm", approve_manufacturer, {"item": "?", "supplier": SUPPLIER, "supplier_part": "1"}, "unknown-item"),
    ("plm", approve_manufacturer, {"item": PART.number, "supplier": "?", "supplier_part": "1"}, "no-such-supplier"),
    ("plm", withdraw_approval, {"item": "?", "supplier": SUPPLIER}, "unknown-item"),
    ("plm", withdraw_approval, {"item": PRODUCT.number, "supplier": SUPPLIER}, "never-approved"),
    ("plm", list_manufacturers, {"item": "?"}, "unknown-item"),
    ("plm", check_in, {"document": "D", "item": "?"}, "unknown-item"),
    ("plm", get_document, {"document": "?"}, "unknown-drawing"),
    ("plm", list_documents, {"limit": 0}, "bad-cursor"),
    ("erp", upsert_source, {"plant": "DE01", "item": "?", "supplier": SUPPLIER, "issue": 1}, "item-not-at-plant"),
    ("erp", upsert_source, {"plant": "DE01", "item": PART.number, "supplier": "?", "issue": 1}, "supplier-not-known"),
    ("erp", get_source, {"plant": "DE01", "item": PART.number, "supplier": "?"}, "not-held"),
    (
        "erp",
        upsert_cross_reference,
        {"plant": "DE01", "item": "?", "supplier": SUPPLIER, "supplier_part": "1", "issue": 1},
        "item-not-at-plant",
    ),
    (
        "erp",
        upsert_cross_reference,
        {"plant": "DE01", "item": PRODUCT.number, "supplier": SUPPLIER, "supplier_part": "1", "issue": 1},
        "source-not-approved",
    ),
    ("erp", list_cross_references, {"plant": "DE01", "item": "?"}, "item-not-at-plant"),
    ("erp", set_hold, {"plant": "DE01", "item": "?", "reference": "NC-1"}, "item-not-at-plant"),
    ("erp", release_hold, {"plant": "DE01", "item": "?", "reference": "NC-1"}, "item-not-at-plant"),
    ("erp", release_hold, {"plant": "DE01", "item": PART.number, "reference": "NC-1"}, "not-on-hold"),
    ("erp", list_holds, {"plant": "DE01", "item": "?"}, "item-not-at-plant"),
    ("erp", get_plant, {"plant": "XX01"}, "unknown-plant"),
    ("erp", maintain_item, {"plant": "DE01", "item": "?"}, "item-not-at-plant"),
    ("erp", maintain_item, {"plant": "DE01", "item": PART.number, "lot_size": 0.0}, "quantity-not-positive"),
    ("erp", create_order, {"plant": "XX01", "item": PRODUCT.number, "quantity": 1.0}, "unknown-plant"),
    ("erp", create_order, {"plant": "DE01", "item": "?", "quantity": 1.0}, "item-not-at-plant"),
    ("erp", create_order, {"plant": "DE01", "item": PRODUCT.number, "quantity": 0.0}, "quantity-not-positive"),
    ("erp", create_order, {"plant": "DE01", "item": PART.number, "quantity": 1.0}, "not-producible"),
    ("erp", release_order, {"order": "?"}, "unknown-order"),
    ("erp", release_order, {"order": DISPATCHED}, "order-not-open"),
    ("erp", confirm_order, {"order": "?", "lines": [LINE], **CONFIRMED}, "unknown-order"),
    ("erp", confirm_order, {"order": DISPATCHED, "lines": [], **CONFIRMED}, "empty-document"),
    (
        "erp",
        confirm_order,
        {"order": DISPATCHED, "lines": [LINE], **CONFIRMED, "posting_date": "2001-01-01"},
        "period-closed",
    ),
    ("erp", cancel_confirmation, {"order": "?", "confirmation": "CNF-9"}, "unknown-order"),
    ("erp", cancel_confirmation, {"order": DISPATCHED, "confirmation": "CNF-9"}, "unknown-confirmation"),
    (
        "erp",
        raise_demand,
        {"plant": "DE01", "item": "?", "demand": "D-1", "quantity": 1.0, "due": iso(EPOCH)},
        "item-not-at-plant",
    ),
    (
        "erp",
        raise_demand,
        {"plant": "DE01", "item": PRODUCT.number, "demand": "D-1", "quantity": -1.0, "due": iso(EPOCH)},
        "quantity-not-positive",
    ),
    ("erp", run_planning, {"plant": "XX01"}, "unknown-plant"),
    ("erp", close_period, {"plant": "XX01", "until": iso(EPOCH)}, "unknown-plant"),
    ("erp", close_period, {"plant": "DE01", "until": iso(EPOCH + 1e6)}, "period-not-closable"),
    ("mes@DE01", get_shop_item, {"item": "?"}, "unknown-at-shop-floor"),
    (
        "mes@DE01",
        upsert_shop_item,
        {"plant": "US01", "item": "N", "row": 1, "description": "", "unit": "EA"},
        "wrong-plant",
    ),
    (
        "mes@DE01",
        upsert_shop_item,
        {"plant": "DE01", "item": PART.number, "row": 2, "description": "", "unit": "BX"},
        "shop-floor-unit",
    ),
    (
        "mes@DE01",
        upsert_shop_item,
        {"plant": "DE01", "item": PART.number, "row": 1, "description": "", "unit": "EA", "lot_size": -1.0},
        "out-of-range",
    ),
]


@pytest.mark.parametrize(
    ("system", "operation", "fields", "code"), REFUSALS, ids=lambda value: getattr(value, "name", None)
)
def test_a_rule_that_refuses_changes_nothing(
    estate: Bench, system: str, operation: Any, fields: dict[str, Any], code: str
) -> None:
    before = estate.digest()
    assert refused(estate.apply(system, operation, **fields)) == code
    assert estate.digest() == before


def test_every_declared_refusal_has_a_test() -> None:
    """Those that need a story have one below."""
    told = {
        "change-exists", "change-status", "confirmation-exists", "document-locked", "document-of-another-item",
        "item-on-hold", "owned-here", "unit-not-convertible",
    }  # fmt: skip
    operations = {operation for _system, operation, _fields, _code in REFUSALS}
    known = {operation.name: operation for operation in (*operations, open_launch)}
    declared = {(name, rejection.code) for name, each in known.items() for rejection in each.rejects}
    tried = {(operation.name, code) for _system, operation, _fields, code in REFUSALS}
    assert {code for _name, code in declared - tried} <= told | {code for _name, code in tried}
    assert told <= {code for _name, code in declared} | {"owned-here", "unit-not-convertible"}


# --- PLM --------------------------------------------------------------------------------------------------------------


def test_a_new_part_is_known_and_announced(estate: Bench) -> None:
    plm(estate, create_item, **NEW, lot_size=1.5)
    (event,) = of(estate, PartCreated)
    assert (event.item, event.description, event.lot_size, event.made) == (NEW["item"], "法兰", 1.5, False)
    assert plm(estate, get_part, item=NEW["item"]).result.revision == "A"
    listed = plm(estate, list_items, plant="US01", limit=1000).result.items
    assert NEW["item"] in {each.item for each in listed}
    assert NEW["item"] not in {each.item for each in plm(estate, list_items, plant="CN01", limit=1000).result.items}


def test_a_launch_takes_new_items_to_their_first_revision_at_plants_that_take_launches(estate: Bench) -> None:
    estate["plm"].state.take_rules({"US01": PlantRules(changes=("engineering",))})
    plm(estate, create_item, **NEW, lines=LINES, steps=STEPS)
    plm(estate, open_launch, change="LCH-1", title="New", gate="all-plants")
    assert refused(plm(estate, open_launch, change="LCH-1", title="New")) == "change-exists"
    plm(estate, add_affected, change="LCH-1", item=NEW["item"], plants=["DE01", "US01"])
    plm(estate, approve_change, change="LCH-1")
    plm(estate, release_change, change="LCH-1")
    (event,) = of(estate, ChangeReleased)
    (affected,) = event.affected
    assert (event.kind, event.gate, affected.from_revision, affected.to_revision) == ("launch", "all-plants", "", "A")
    assert affected.plants == ("DE01",)


def test_structures_are_announced_where_the_profile_says_so(tmp_path: Path) -> None:
    announcing = bench(tmp_path, plm={"behaviour": {"announces_structures": True}})
    release(announcing, "ECO-1")
    assert [(event.item, event.change) for event in of(announcing, StructureReleased)] == [(PRODUCT.number, "ECO-1")]


def release(estate: Bench, change: str, **released: Any) -> str:
    """Release a change of the product at DE01; its new revision."""
    revision = plm(estate, revise_item, item=PRODUCT.number, lines=LINES, steps=STEPS).result.revision
    plm(estate, create_change, change=change, title="t")
    plm(estate, add_affected, change=change, item=PRODUCT.number, plants=["DE01"])
    plm(estate, approve_change, change=change)
    plm(estate, release_change, change=change, **released)
    return str(revision)


def test_a_disposition_of_open_orders_is_said_before_the_release(estate: Bench) -> None:
    plm(estate, create_change, change="ECO-1", title="t")
    assert plm(estate, set_wip, change="ECO-1", wip="hold").result.wip == "hold"
    plm(estate, cancel_change, change="ECO-1")
    assert refused(plm(estate, set_wip, change="ECO-1", wip="keep")) == "change-status"


def test_the_revision_of_a_day_is_that_of_the_changes_which_are_effective_by_then(estate: Bench) -> None:
    first = PRODUCT.revision
    later = release(estate, "ECO-1", effectivity="date", effective_at=iso(EPOCH + 100))

    def valid(at: float) -> str:
        found = plm(estate, revision_on, item=PRODUCT.number, plant="DE01", at=iso(EPOCH + at))
        return str(found.result.revision)

    assert (valid(99), valid(100)) == (first, later)
    plm(estate, cancel_change, change="ECO-1")
    assert valid(100) == first


def test_routings_are_improved_without_a_revision(estate: Bench) -> None:
    rows = [plm(estate, update_routing, item=PRODUCT.number, steps=STEPS).result.row for _ in range(2)]
    assert rows == [2, 3] and [event.row for event in of(estate, RoutingUpdated)] == [2, 3]
    assert len(estate["plm"].state.routing(PRODUCT.number, PRODUCT.revision).steps) == 1


def test_approvals_count_their_issues(estate: Bench) -> None:
    given: dict[str, Any] = {"item": PRODUCT.number, "supplier": SUPPLIER}
    assert plm(estate, approve_manufacturer, **given, supplier_part="7").result.issue == 1
    assert plm(estate, approve_manufacturer, **given, supplier_part="8").result.issue == 2
    assert plm(estate, withdraw_approval, **given).result.approved is False
    (entry,) = plm(estate, list_manufacturers, item=PRODUCT.number).result.items
    assert (entry.supplier_part, entry.issue, entry.approved) == ("8", 3, False)
    generated = [source.supplier for source in dataset().sources if source.item == PART.number]
    assert [each.supplier for each in plm(estate, list_manufacturers, item=PART.number).result.items] == generated


def test_a_document_has_versions_and_one_item(estate: Bench) -> None:
    plm(estate, check_in, document="D-1", item=PRODUCT.number)
    assert plm(estate, check_in, document="D-1", item=PRODUCT.number, title="new").result.version == 2
    assert refused(plm(estate, check_in, document="D-1", item=PART.number)) == "document-of-another-item"
    assert plm(estate, get_document, document="D-1").result.title == "new"
    assert [each.document for each in plm(estate, list_documents, item=PRODUCT.number).result.items] == ["D-1"]
    assert plm(estate, list_documents, item=PART.number).result.items == []


# --- ERP: items, sources, holds ---------------------------------------------------------------------------------------


def test_a_new_item_is_kept_in_the_unit_that_its_plant_declares(estate: Bench) -> None:
    declare(estate, units={"kg": {"unit": "g", "per_base": 1000}})
    assert refused(new_item(estate, unit="BX", base_unit="kg")) == "unit-not-convertible"
    held = new_item(estate, unit="g", base_unit="kg", lot_size=1500.0).result
    assert (held.unit, held.base_unit, held.per_base, held.lot_size, held.row) == ("g", "kg", 1000.0, 1500.0, 1)
    line = {"movement": "receipt", "item": "N-1", "quantity": 2.0, "unit": "kg", "lot": ""}
    erp(estate, post_stock, plant="DE01", posting_date="2023-11-14", lines=[line])
    assert erp(estate, get_balance, plant="DE01", item="N-1").result.lots[0].quantity == 2000.0


def test_changes_of_an_item_are_announced_in_rows(estate: Bench) -> None:
    here = {"plant": "DE01", "item": PART.number}
    erp(estate, maintain_item, **here, lot_size=7.0)
    erp(estate, maintain_item, **here, lot_size=7.0)
    (event,) = of(estate, ItemChanged)
    unit = at_plant(PART)
    assert (event.row, event.lot_size, event.unit, event.per_base) == (2, 7.0, unit.unit, unit.per_base)


def test_who_owns_a_field_is_declared(estate: Bench) -> None:
    declare(estate, owners={"description": "erp", "lot_size": "erp"})
    held = erp(estate, get_item, plant="DE01", item=PART.number).result
    given = {"unit": held.unit, "revision": held.revision, "item": PART.number}
    assert refused(new_item(estate, **given, description="another")) == "owned-here"
    assert isinstance(new_item(estate, **given, description=held.description, lot_size=5.0), Committed)
    assert refused(new_item(estate, **given, description=held.description, lot_size=6.0)) == "owned-here"
    declare(estate, owners={"description": "plm", "lot_size": "plm"})
    assert isinstance(new_item(estate, **given, description="another", lot_size=6.0), Committed)


def test_a_plant_says_what_holds_there(estate: Bench) -> None:
    declare(estate, units={"m": {"unit": "mm", "per_base": 1000}}, changes=["engineering"], order_revision="run-out")
    view = erp(estate, get_plant, plant="DE01").result
    assert [(each.base_unit, each.unit, each.per_base) for each in view.units] == [("m", "mm", 1000.0)]
    assert (view.changes, view.order_revision, view.decimal_comma) == (["engineering"], "run-out", True)
    assert view.owners == {"description": "plm", "lot_size": "erp"}


@pytest.mark.parametrize(
    ("behaviour", "moments", "code"),
    [
        ({"effectivities": ["immediate"]}, {"effective_from": "2023-12-14T00:00:00Z"}, "effectivity-unsupported"),
        ({"gap": "refuse"}, {"effective_from": "2023-11-10T00:00:00Z"}, "effectivity-gap"),
        ({"gap": "allow"}, {"effective_from": "2023-11-10T00:00:00Z"}, ""),
        ({"overlap": "refuse"}, {"effective_from": "2023-11-01T00:00:00Z"}, "effectivity-overlap"),
        ({"overlap": "replace"}, {"effective_from": "2023-11-01T00:00:00Z"}, ""),
    ],
)
def test_effectivities_are_taken_as_the_product_does(
    tmp_path: Path, behaviour: dict[str, Any], moments: dict[str, str], code: str
) -> None:
    estate = bench(tmp_path, erp={"behaviour": behaviour})
    here = {"plant": "DE01", "item": PRODUCT.number, "lines": LINES}
    first = {"effective_from": "2023-11-01T00:00:00Z", "effective_to": "2023-11-05T00:00:00Z"}
    assert isinstance(erp(estate, release_bom, **here, revision="X", **first), Committed)
    outcome = erp(estate, release_bom, **here, revision="Y", **moments)
    assert (outcome.rejection.code if isinstance(outcome, Refused) else "") == code


def test_sources_and_cross_references_follow_engineerings_issues(estate: Bench) -> None:
    key = {"plant": "DE01", "item": PRODUCT.number, "supplier": SUPPLIER}
    erp(estate, upsert_source, **key, issue=2)
    found = erp(estate, get_source, **key)
    assert found.result.issue == 2 and found.reveals[0][1] == 2
    assert isinstance(erp(estate, upsert_cross_reference, **key, supplier_part="A/1", issue=2), Committed)
    assert erp(estate, upsert_cross_reference, **key, supplier_part="A/0", issue=1).stale
    (entry,) = erp(estate, list_cross_references, plant="DE01", item=PRODUCT.number).result
    assert entry.supplier_part == "A/0"
    assert estate.records(Commit)[-1].stale_over  # the ledger says what it overwrote


def test_stock_is_used_up_first_where_the_erp_was_told(estate: Bench) -> None:
    here = {"plant": "DE01", "item": PRODUCT.number}
    assert refused(erp(estate, discontinue, plant="DE01", item="?", reference="E", revision="B")) == "item-not-at-plant"
    assert refused(erp(estate, get_discontinuation, **here)) == "not-held"
    assert not erp(estate, discontinue, **here, reference="ECO-1", revision="C").stale
    assert erp(estate, discontinue, **here, reference="ECO-0", revision="B").stale
    found = erp(estate, get_discontinuation, **here)
    assert found.result.reference == "ECO-0"
    assert found.reveals == ((f"erp.item.discontinue|DE01|{PRODUCT.number}", 2),)


def test_a_new_item_is_produced_only_when_it_is_released(estate: Bench) -> None:
    launched = {"plant": "DE01", "item": "N-1", "reference": "LCH-1"}
    new_item(estate)
    assert refused(erp(estate, release_hold, **launched)) == "not-producible"
    producible(estate)
    assert refused(erp(estate, create_order, plant="DE01", item="N-1", quantity=1.0)) == "item-on-hold"
    assert isinstance(erp(estate, release_hold, **launched), Committed)
    again = erp(estate, release_hold, **launched)
    assert isinstance(again, Found) and again.reveals == (("erp.hold.release|DE01|N-1|LCH-1", 0),)
    assert isinstance(erp(estate, create_order, plant="DE01", item="N-1", quantity=1.0), Committed)
    facts = [each for each in estate.records(Commit) if each.effect.startswith("erp.hold.release")]
    assert len(facts) == 1


def test_a_hold_is_set_once_and_lifted_under_its_number(estate: Bench) -> None:
    held = {"plant": "DE01", "item": PRODUCT.number, "reference": "NC-1"}
    assert isinstance(erp(estate, set_hold, **held), Committed)
    assert isinstance(erp(estate, set_hold, **held), Found)
    order = {"order": WAITING.order}
    erp(estate, set_hold, **{**held, "item": WAITING.item})
    assert refused(erp(estate, release_order, **order)) == "item-on-hold"
    assert len(erp(estate, list_holds, plant="DE01", item=PRODUCT.number).result.items) == 1
    assert erp(estate, release_hold, **held).undoes == ("erp.hold.set|DE01|" + f"{PRODUCT.number}|NC-1",)
    assert erp(estate, set_hold, **held).undoes == ("erp.hold.release|DE01|" + f"{PRODUCT.number}|NC-1",)


# --- ERP: orders on their way ----------------------------------------------------------------------------------------


def test_a_released_order_says_when_it_starts_and_by_which_rule(estate: Bench) -> None:
    created = erp(estate, create_order, plant="DE01", item=PRODUCT.number, quantity=3.0, start=iso(EPOCH + 50))
    erp(estate, release_order, order=created.result.order)
    (event,) = of(estate, ProductionOrderReleased)
    assert (event.order, event.quantity, event.start, event.rule) == (
        created.result.order,
        3.0,
        iso(EPOCH + 50),
        "start-date",
    )
    assert refused(erp(estate, release_order, order=created.result.order)) == "order-not-open"


def test_an_order_that_a_clerk_has_open_is_neither_released_nor_confirmed(estate: Bench) -> None:
    estate["erp"].state.orders[WAITING.order].locked_until = 5.0
    assert refused(erp(estate, release_order, order=WAITING.order)) == "document-locked"
    outcome = erp(estate, confirm_order, order=WAITING.order, lines=[LINE], **CONFIRMED)
    assert refused(outcome) == "document-locked"


def test_a_confirmation_stands_though_a_movement_fails(estate: Bench) -> None:
    lines = [
        LINE,
        {**LINE, "movement": "issue", "lot": "no such lot"},
        {**LINE, "unit": "furlong"},
        {**LINE, "item": "?"},
        {**LINE, "quantity": -1.0},
    ]
    before = _balance(estate)
    done = erp(estate, confirm_order, order=DISPATCHED, lines=lines, **CONFIRMED)
    assert len(done.result.documents) == 1
    assert [failed.reason for failed in done.result.failed] == [
        "stock-short",
        "unit-not-convertible",
        "item-not-at-plant",
        "quantity-not-positive",
    ]
    assert done.effects == ((("DE01", "CNF-9", "receipt", PART.number, ""), 0),)
    booked = _balance(estate)
    assert booked > before
    assert refused(erp(estate, confirm_order, order=DISPATCHED, lines=[LINE], **CONFIRMED)) == "confirmation-exists"
    other = next(o.order for o in dataset().production_orders if o.plant == "DE01" and o.order != DISPATCHED)
    assert refused(erp(estate, cancel_confirmation, order=other, confirmation="CNF-9")) == "unknown-confirmation"
    undone = erp(estate, cancel_confirmation, order=DISPATCHED, confirmation="CNF-9").undoes
    assert undone == (f"erp.production_order.confirm|DE01|CNF-9|receipt|{PART.number}|",)
    assert _balance(estate) == before


def _balance(estate: Bench) -> float:
    lots = erp(estate, get_balance, plant="DE01", item=PART.number).result.lots
    return float(sum(each.quantity for each in lots))


# --- ERP: planning and periods ---------------------------------------------------------------------------------------


def test_a_planning_run_plans_what_is_short_and_no_more(estate: Bench) -> None:
    producible(estate)
    asked = {"plant": "DE01", "item": "N-1", "due": iso(EPOCH + 86400)}
    erp(estate, maintain_item, plant="DE01", item="N-1", lot_size=5.0)
    erp(estate, raise_demand, **asked, demand="D-1", quantity=7.0)
    (number,) = erp(estate, run_planning, plant="DE01").result.orders
    held = estate["erp"].state.orders[number]
    assert (held.quantity, held.status, held.revision) == (10.0, "planned", "A")
    assert erp(estate, run_planning, plant="DE01").result.orders == []
    erp(estate, raise_demand, **asked, demand="D-2", quantity=4.0)
    assert len(erp(estate, run_planning, plant="DE01").result.orders) == 1


def test_planning_comes_round_every_night(tmp_path: Path) -> None:
    estate = bench(tmp_path, speed=86_400.0, erp={"behaviour": {"mrp_every_s": 86_400.0}})
    estate["erp"].behaviour.start()
    estate.pass_time(2.5)
    assert estate["erp"].state.planning_runs == {"DE01": 2, "US01": 2, "CN01": 2}
    assert Parameters().mrp_every_s == 0.0


def test_a_closed_period_takes_no_postings(estate: Bench) -> None:
    assert isinstance(erp(estate, post_stock, **posting(date="2023-11-12")), Committed)
    erp(estate, close_period, plant="DE01", until="2023-11-13T00:00:00Z")
    assert refused(erp(estate, post_stock, **posting(date="2023-11-12"))) == "period-closed"
    assert isinstance(erp(estate, post_stock, **posting(date="2023-11-13")), Committed)
    assert isinstance(erp(estate, post_stock, **posting(date="2023-11-12", plant="US01")), Committed)


# --- MES -------------------------------------------------------------------------------------------------------------


def test_the_shop_floor_learns_of_items(estate: Bench) -> None:
    given = {"plant": "DE01", "item": "N-1", "description": "x", "unit": "EA"}
    assert refused(mes(estate, upsert_shop_item, **given, row=3)) == "unknown-at-shop-floor"
    plm(estate, create_item, **{**NEW, "item": "N-1"})
    assert refused(mes(estate, publish_routing, plant="DE01", item="N-1", revision="A", steps=STEPS))
    mes(estate, upsert_shop_item, **given, row=3)
    assert isinstance(mes(estate, publish_routing, plant="DE01", item="N-1", revision="A", steps=STEPS), Committed)
    assert mes(estate, upsert_shop_item, **given, row=2).stale
    assert mes(estate, get_shop_item, item="N-1").reveals == (("mes.item.upsert|DE01|N-1", 2),)
    assert mes(estate, get_shop_item, item=PART.number).result.unit == PART.unit


def _publish(estate: Bench, revision: str, wip: str = "keep") -> None:
    mes(estate, publish_routing, plant="DE01", item=PRODUCT.number, revision=revision, steps=STEPS, wip=wip)


def _dispatch(estate: Bench, order: str, revision: str, **changed: Any) -> Any:
    fields = {"plant": "DE01", "order": order, "item": PRODUCT.number, "revision": revision, "quantity": 1.0}
    return mes(estate, dispatch_order, **{**fields, **changed})


@pytest.mark.parametrize(
    ("wip", "rule", "expected"),
    [
        ("keep", "start-date", ("X", "dispatched")),
        ("re-read", "start-date", ("Y", "dispatched")),
        ("hold", "start-date", ("X", "held")),
        ("re-read", "snapshot", ("X", "dispatched")),
        ("hold", "run-out", ("X", "dispatched")),
    ],
)
def test_open_orders_are_kept_re_read_or_held(estate: Bench, wip: str, rule: str, expected: tuple[str, str]) -> None:
    _publish(estate, "X")
    _dispatch(estate, "N-1", "X", rule=rule, start=iso(EPOCH + 30))
    _dispatch(estate, "N-2", "X", rule=rule)
    estate.pass_time(1)
    _publish(estate, "Y", wip)
    waiting = mes(estate, order_status, order="N-1").result
    begun = mes(estate, order_status, order="N-2").result
    assert (waiting.revision, waiting.status) == expected
    assert (begun.revision, begun.status) == ("X", "dispatched")


def test_an_order_that_keeps_its_revision_may_ask_for_an_older_one(estate: Bench) -> None:
    _publish(estate, "X")
    _publish(estate, "Y")
    assert refused(_dispatch(estate, "N-1", "X")) == "no-instructions"
    assert refused(_dispatch(estate, "N-1", "Z")) == "not-executable-yet"
    assert isinstance(_dispatch(estate, "N-1", "X", rule="run-out"), Committed)
    assert refused(_dispatch(estate, "N-2", "W", rule="run-out")) == "no-instructions"


def test_an_order_waits_for_its_start(estate: Bench) -> None:
    _publish(estate, "X")
    _dispatch(estate, "N-1", "X", start=iso(EPOCH + 30))
    estate.pass_time(29)
    assert not estate["mes@DE01"].state.orders["N-1"].begun_at
    estate.pass_time(10)
    assert [event.order for event in of(estate, OrderCompleted)] == ["N-1"]


def test_rework_and_nonconformances_come_as_the_profile_says(tmp_path: Path) -> None:
    shares = {"rework_share": 1.0, "scrap_share": 1.0, "nonconformance_share": 1.0}
    estate = bench(tmp_path, mes={"behaviour": shares})
    _publish(estate, "X")
    _dispatch(estate, "N-1", "X", quantity=9.0)
    estate.pass_time(60)
    (done,) = of(estate, OrderCompleted)
    assert done.rework == 1.0 and done.scrap and done.good + done.scrap + done.rework == 9.0
    (raised,) = of(estate, NonconformanceRaised)
    assert (raised.order, raised.quantity, raised.reason) == ("N-1", done.scrap + done.rework, "scrap")


def test_machines_talk_only_where_the_profile_lets_them(tmp_path: Path) -> None:
    (tmp_path / "quiet").mkdir()
    (tmp_path / "loud").mkdir()
    quiet = bench(tmp_path / "quiet")
    loud = bench(tmp_path / "loud", mes={"behaviour": {"machine_events_per_min": 600.0}})
    for estate in (quiet, loud):
        estate["mes@DE01"].behaviour.start_machines()
        estate.pass_time(10)
    assert not of(quiet, MachineEvent)
    assert 60 < len(of(loud, MachineEvent)) < 140
