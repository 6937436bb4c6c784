"""What the systems promise on the wire is what they do: documents are current, answers and events conform to them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from pilotplant.channels.cloudevents import outgoing
from pilotplant.contracts.asyncapi import asyncapi, event_schema
from pilotplant.contracts.committed import rendered
from pilotplant.contracts.openapi import document
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.resources import find_project
from pilotplant.scenario.loading import load_estate
from pilotplant.systems import catalog
from pilotplant.systems.desk.operations import raise_exception, resolve_exception
from pilotplant.systems.erp.operations import activate_version, post_stock, release_bom, upsert_item, upsert_routing
from pilotplant.systems.erp.production import create_order, release_order
from pilotplant.systems.mes.operations import dispatch_order, publish_routing
from pilotplant.systems.plm.operations import (
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    release_change,
    revise_item,
)
from pilotplant.systems.plm.parts import create_item, update_routing
from pilotplant.systems.system import Published
from tests.estates import SPEC, Bench, Live, at_plant, bench, bought_item, dataset, live, made_item, posting

EXAMPLES = 15
load_all_checks()
NOT_OURS = [
    CHECKS.get_one("positive_data_acceptance"),  # the rules of a plant refuse what a schema allows
    CHECKS.get_one("negative_data_rejection"),  # a query field of another type is text like any other
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SYSTEMS = ("plm", "erp", "mes@DE01", "supplier", "desk")


# --- The committed documents ---------------------------------------------------------------------------------------


@cache
def committed_profiles(repository: Path) -> dict[str, ProfileSpec]:
    project = find_project(str(repository), {}, repository)
    return {**load_estate(project, "cutover").profiles, **load_estate(project, "whole").profiles}


def test_committed_documents_are_current(repository: Path) -> None:
    """`pilotplant schema --contracts` writes them anew."""
    documents = rendered(committed_profiles(repository))
    stale = [name for name, content in documents.items() if _content(repository / "contracts" / name) != content]
    assert not stale
    folders = (repository / "contracts" / folder for folder in ("openapi", "events"))
    there = {path.relative_to(repository / "contracts").as_posix() for folder in folders for path in folder.iterdir()}
    assert there == set(documents), "what no system has any more is removed"


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def test_the_asyncapi_document_names_every_event() -> None:
    described = asyncapi()
    messages = described["components"]["messages"]
    assert set(messages) == set(catalog.events())
    assert {message["payload"]["$ref"] for message in messages.values()} == {f"./{name}.json" for name in messages}
    assert set(described["channels"]["webhook"]["messages"]) == set(messages)


@pytest.mark.parametrize("kind", list(catalog.kinds()))
def test_every_operation_is_described_with_all_that_it_may_answer(repository: Path, kind: str) -> None:
    described = document(catalog.kinds()[kind], committed_profiles(repository)[kind])
    found = {
        operation["operationId"]: set(operation["responses"])
        for methods in described["paths"].values()
        for operation in methods.values()
    }
    assert set(found) == set(catalog.kinds()[kind].operations)
    for operation in catalog.kinds()[kind].operations.values():
        assert {str(operation.status), *(str(r.status) for r in operation.rejects)} <= found[operation.name]


# --- Answers conform -----------------------------------------------------------------------------------------------


class _Running:
    """A live estate in a thread of its own, for callers that know no asyncio."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.failure: BaseException | None = None

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with live(
                self._directory, erp={"idempotency": "stripe"}, desk={"auth": {"kind": "api-key"}}
            ) as estate:
                self.estate: Live = estate
                self._ready.set()
                await self._stop.wait()
        except BaseException as error:
            self.failure = error
            self._ready.set()

    def __enter__(self) -> "_Running":
        self._thread.start()
        self._ready.wait()
        if self.failure is not None:
            raise self.failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Running]:
    with _Running(tmp_path_factory.mktemp("estate")) as running:
        yield running
    assert running.failure is None, f"a simulator failed: {running.failure!r}"


def _try(running: _Running, name: str, mode: GenerationMode, described: dict[str, Any]) -> int:
    """Call every operation that the document describes; returns how many calls were made."""
    estate = running.estate
    key = estate.credentials[name].api_key
    headers = {"x-api-key": key} if key else {}
    base_url = estate.host.system_url(estate.bench[name])
    calls = 0

    def conforms(case: Any) -> None:
        nonlocal calls
        calls += 1
        response = case.call(base_url=base_url, headers=headers)
        case.validate_response(response, excluded_checks=NOT_OURS)

    for result in schemathesis.openapi.from_dict(described).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if mode is GenerationMode.POSITIVE or operation.body or operation.query:
            BOUNDED(given(case=operation.as_strategy(generation_mode=mode))(conforms))()
    return calls


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", SYSTEMS)
def test_answers_conform(running: _Running, name: str, mode: GenerationMode) -> None:
    kind = running.estate.bench[name].kind
    assert _try(running, name, mode, document(kind, running.estate.bench.profiles[kind.name])) >= EXAMPLES


@pytest.mark.parametrize("defect", ["a status that is not described", "another content type", "a field too few"])
def test_a_document_that_is_not_kept_is_found_out(running: _Running, defect: str) -> None:
    kind = running.estate.bench["desk"].kind
    described: Any = msgspec.json.decode(msgspec.json.encode(document(kind, running.estate.bench.profiles["desk"])))
    answers = described["paths"]["/exceptions"]["post"]["responses"]
    described["paths"] = {"/exceptions": {"post": described["paths"]["/exceptions"]["post"]}}
    if defect == "a status that is not described":
        del answers["200"], answers["201"]
    elif defect == "another content type":
        answers["200"]["content"] = answers["201"]["content"] = {"text/plain": {}}
    else:
        described["components"]["schemas"]["ExceptionView"]["required"].append("colour")
    with pytest.raises(BaseExceptionGroup):
        _try(running, "desk", GenerationMode.POSITIVE, described)


# --- Events conform ------------------------------------------------------------------------------------------------


def _produce(built: Bench) -> None:
    """One of every event that the systems of this estate state."""
    part, product = bought_item(), made_item().number
    lines = [{"component": part.number, "quantity": 1.0, "unit": at_plant(part).unit}]
    centre = next(c.code for c in dataset().work_centres.values() if c.plant == "DE01" and c.active)
    steps = [{"number": 10, "work_centre": centre, "text": "ü", "setup_s": 1.0, "cycle_s": 1.0}]
    here = {"plant": "DE01", "item": product}

    def call(name: str, operation: Any, **fields: Any) -> Any:
        outcome: Any = built.apply(name, operation, **fields)
        assert hasattr(outcome, "result"), outcome
        return outcome.result

    call("plm", revise_item, item=product, lines=lines, steps=steps)
    call("plm", create_change, change="ECO-1", title="Lighter")
    call("plm", add_affected, change="ECO-1", item=product, plants=["DE01"])
    for operation in (approve_change, release_change, cancel_change):
        call("plm", operation, change="ECO-1")
    call("erp", upsert_item, **here, description="new", unit=at_plant(made_item()).unit, revision="Y")
    for revision, moment in (("Y", "2024-01-01T00:00:00Z"), ("Z", "2024-02-01T00:00:00Z")):
        call("erp", release_bom, **here, revision=revision, effective_from=moment, lines=lines)
        call("erp", upsert_routing, **here, revision=revision, steps=steps)
        call("erp", activate_version, **here, revision=revision)
    del built["erp"].state.routings["DE01", product, "Z"]
    call("erp", post_stock, **posting())
    order = next(o.order for o in dataset().production_orders)
    built["erp"].apply(*_change_of(order))
    call("mes@DE01", publish_routing, **here, revision="Y", steps=steps)
    call("mes@DE01", dispatch_order, **here, revision="Y", order="N-1", quantity=1.0)
    _produce_new(built)
    raised = {"flow": "f", "subject": "s", "plant": "DE01", "owner": "planning", "reason": "r"}
    number = call("desk", raise_exception, **raised).exception
    call("desk", resolve_exception, exception=number, resolution="dropped")
    _purchase(built, call)
    _store(built, call)
    built.pass_time(60)


def _produce_new(built: Bench) -> None:
    """Events of new parts, of routings and orders, and of machines that talk."""
    product = made_item().number
    steps = next(routing.steps for routing in dataset().routings.values())
    built.apply("plm", create_item, item="N-1", description="新", unit="EA", plants=["DE01"], lot_size=12.0)
    built.apply("plm", update_routing, item=product, steps=msgspec.to_builtins(steps))
    order: Any = built.apply("erp", create_order, plant="DE01", item=product, quantity=2.0)
    built.apply("erp", release_order, order=order.result.order)
    built["mes@DE01"].behaviour.start_machines()


def _purchase(built: Bench, call: Callable[..., Any]) -> None:
    """Two notices that are answered, goods that are announced, an order that is changed."""
    operations = catalog.operations()
    first, second = [o for o in built["supplier"].state.orders.values() if o.left][:2]
    call("supplier", operations["supplier.asn.send"], asn="ASN-1", lines=[{"po": first.po, "quantity": 1.0}])
    for order, answer in ((first, "accepted"), (second, "rejected")):
        about = {"po": order.po, "change": "ECO-1"}
        call("supplier", operations["supplier.po.change_notice"], **about, item=order.item)
        call("supplier", operations["supplier.po.acknowledge"], **about, answer=answer)
    call("erp", operations["erp.po.change"], plant=first.plant, po=first.po, quantity=first.quantity)


def _store(built: Bench, call: Callable[..., Any]) -> None:
    """Stock that is moved, counted, shipped and received."""
    operations, site = catalog.operations(), "wms@DE01"
    part = bought_item()
    quant = next(built[site].state.quants(part.number))
    here = {"item": part.number, "lot": quant.lot}
    move = {"from_bin": quant.bin, "to_bin": "QA", "quantity": 1.0}
    call(site, operations["wms.stock.move"], plant="DE01", **here, **move)
    call(site, operations["wms.stock.count"], plant="DE01", **here, bin=quant.bin, counted=quant.quantity)
    line = {**here, "bin": quant.bin, "quantity": 1.0}
    call(site, operations["wms.shipment.confirm"], plant="DE01", shipment="SHP-1", lines=[line])
    expected = {"item": part.number, "quantity": 1.0, "unit": at_plant(part).unit}
    call(site, operations["wms.receipt.expect"], plant="DE01", asn="ASN-1", lines=[expected])
    call(site, operations["wms.receipt.confirm"], asn="ASN-1")


def _change_of(order: str) -> tuple[Any, Any]:
    change = catalog.operations()["erp.production_order.change"]
    return change, msgspec.convert({"order": order, "quantity": 3.0}, change.command)


def test_every_event_conforms_to_its_schema(tmp_path: Path) -> None:
    talking = {"scrap_share": 1.0, "nonconformance_share": 1.0, "machine_events_per_min": 60.0}
    built = bench(tmp_path, plm={"behaviour": {"announces_structures": True}}, mes={"behaviour": talking})
    bodies: dict[str, bytes] = {}

    def keep(published: Published) -> None:
        bodies[published.type.name] = outgoing(published, built.world).body

    for system in built.estate:
        system.listeners.append(keep)
    _produce(built)
    # Those of cutovers are tried in tests/unit/test_systems_cutover.py.
    of_cutovers = {name for name in catalog.events() if name.startswith(("legacy.", "cloud."))}
    assert set(bodies) == set(catalog.events()) - of_cutovers, "an event that nobody states, or that is not tried here"
    for name, body in bodies.items():
        validator = _validator(name)
        event = msgspec.json.decode(body)
        validator.validate(event)
        for broken in _broken(event):
            assert not validator.is_valid(broken), f"{name}: {broken}"
    assert {system.kind.name for system in built.estate} == set(SPEC.systems)


def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(event_schema(catalog.events()[name]), validate_formats=True)


def _broken(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event with one thing wrong: a field missing, of another type, another event's name."""
    yield {**event, "type": "something.else"}
    yield {**event, "time": "yesterday"}
    for name in ("id", "source", "specversion", "data"):
        yield {key: value for key, value in event.items() if key != name}
    for name in event["data"]:
        yield {**event, "data": {key: value for key, value in event["data"].items() if key != name}}
        yield {**event, "data": {**event["data"], name: {"of": "another type"}}}
