"""Histories by hand: a real estate whose operations are called the way a middleware would, without any socket.

The test is the middleware. Requests, commits, answers and obligations are records that the real systems, boundaries and
the real expander write; deliveries are written at the moment the test says.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
import yaml

from pilotplant.checks.judge import Judgement, judge
from pilotplant.dataset.generate import generate
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import BomLine, Dataset
from pilotplant.dialects.rest import Rest
from pilotplant.exchange.authentication import Credentials
from pilotplant.exchange.exchange import Boundary, Exchange
from pilotplant.exchange.profile import Open, ProfileSpec
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.faults.plan import FaultPlan
from pilotplant.flows.checking import flaws_of
from pilotplant.flows.expansion import Expander
from pilotplant.flows.grammar import FlowSpec
from pilotplant.kernel.draws import Draws
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Ack, Deliver, Ending, Heal, Quiesce, Stimulus
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Command, Operation
from pilotplant.model.outcome import Refused
from pilotplant.model.revisions import letters, ordinal
from pilotplant.model.script import Commit
from pilotplant.run.comparison import compare, worth_comparing
from pilotplant.systems import catalog
from pilotplant.systems.desk.operations import RaiseException, ResolveException, raise_exception, resolve_exception
from pilotplant.systems.erp.definitions import (
    ActivateVersion,
    NameJob,
    PlantItemKey,
    ReleaseBom,
    UpsertRouting,
    activate_version,
    get_job,
    get_version,
    release_bom,
    upsert_routing,
)
from pilotplant.systems.erp.stock import PostLine, PostStock, ReverseDocument, post_stock, reverse_document
from pilotplant.systems.estate import Estate, EstateSpec
from pilotplant.systems.losses import Losses
from pilotplant.systems.mes.events import OrderCompleted
from pilotplant.systems.mes.operations import CompleteOrder, PublishRouting, complete_order, publish_routing
from pilotplant.systems.mes.state import ShopOrder
from pilotplant.systems.plm.operations import (
    AddAffected,
    CancelChange,
    CreateChange,
    NameChange,
    ReleaseChange,
    ReviseItem,
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    release_change,
    revise_item,
)
from pilotplant.systems.system import Published
from pilotplant.target.model import Declares

REPOSITORY = Path(__file__).resolve().parents[2]
EPOCH = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()
DE, US, CN = "DE01", "US01", "CN01"
SECRET = "5ecret-of-this-run"
SOME_TIME_S = 10.0
"""Longer than any activation takes."""

Disposition = Literal["use-up", "quarantine", "rework", "scrap"]

Definition = tuple[str, str, str]
"""Plant, item, revision."""


@cache
def estate_spec() -> EstateSpec:
    """The three plants, with little data."""
    document = yaml.safe_load((REPOSITORY / "simulators/estates/three-plants.yaml").read_text(encoding="utf-8"))
    document["data"] = {"items": 60, "depth_min": 2, "depth_max": 3, "suppliers": 3, "production_orders": 2}
    document["data"] |= {"dispatched": 0, "purchase_orders": 0}
    return EstateSpec.model_validate(document)


def with_warehouses(spec: EstateSpec, plants: tuple[str, ...]) -> EstateSpec:
    """The same estate, with a WMS at these plants."""
    if not plants:
        return spec
    document = spec.model_dump(mode="json")
    document["systems"]["wms"] = [{"profile": "standard", "per": "plant", "plants": plants}]
    return EstateSpec.model_validate(document)


@cache
def dataset() -> Dataset:
    """The generated data; systems never change them, so all histories share them."""
    plan: DataPlan = estate_spec().plan()
    return generate(plan, 1, Draws(1))


@cache
def family() -> tuple[str, str, str, str]:
    """An assembly that is made at every plant, a made component of it, and two made items that it does not use."""
    data = dataset()
    everywhere = [item.number for item in data.items.values() if item.made and len(item.plants) == 3]
    for parent in everywhere:
        used = {line.component for line in data.boms[parent, data.items[parent].revision].lines}
        for component in everywhere:
            if component in used:
                other, bystander, *_ = (n for n in everywhere if n not in used and n != parent)
                return parent, component, other, bystander
    raise AssertionError("the data have no assembly with a made component")


def revised_parent() -> tuple[str, str, str]:
    """The assembly of the family at one plant, in the revision that follows."""
    parent, *_ = family()
    return DE, parent, following_revision(parent)


@cache
def shipped_flow(name: str) -> FlowSpec:
    """A flow that ships."""
    return flow((REPOSITORY / f"contracts/flows/{name}.yaml").read_text(encoding="utf-8"))


def flow(text: str) -> FlowSpec:
    """A flow from its YAML; it has to mean something."""
    spec = FlowSpec.model_validate(yaml.safe_load(text))
    flaws = list(flaws_of(spec))
    assert not flaws, flaws
    return spec


CHANGE = "engineering-change"
CONFIRMATION = "production-confirmation"


def shipped_flows() -> tuple[FlowSpec, ...]:
    """Both flows that ship."""
    return shipped_flow(CHANGE), shipped_flow(CONFIRMATION)


class History:
    """A run without a target: whoever calls its methods is the target."""

    def __init__(
        self,
        directory: Path,
        *flows: FlowSpec,
        without_flows: bool = False,
        idempotency: Literal["none", "strict", "stripe"] = "none",
        speed: float = 1.0,
        spec: EstateSpec | None = None,
        data: Dataset | None = None,
    ) -> None:
        self.directory = directory
        self.flows = flows or (() if without_flows else shipped_flows())
        self.world = World(seed=1, epoch=EPOCH, speed=speed)
        spec = spec or estate_spec()
        header = Header(
            run="history",
            seed=1,
            epoch=EPOCH,
            speed=speed,
            mode="inprocess",
            systems=tuple(name for name, _kind, _plants in spec.instances()),
            operations=catalog.ledger_table(),
            flows=tuple(one.flow for one in self.flows),
        )
        self.ledger = LedgerWriter(directory, header, secrets=(SECRET,))
        parameters = {kind: catalog.kinds()[kind].parameters() for kind in spec.systems}
        self.estate = Estate(spec, data or dataset(), parameters, self.world, self.ledger)
        self.expander = Expander(self.flows, self.estate, self.ledger)
        losses = Losses(self.estate, self.ledger)
        self.published: list[Published] = []
        for system in self.estate:
            system.listeners.append(self.expander.on_event)
            system.listeners.append(losses.on_event)
            system.listeners.append(self.published.append)
        self._boundaries = {system.name: self._boundary(system.name, idempotency) for system in self.estate}
        self._attempts: dict[int, int] = {}
        self._orders = 0
        self._healed = False

    def _boundary(self, name: str, idempotency: Literal["none", "strict", "stripe"]) -> Boundary:
        system = self.estate.systems[name]
        profile = ProfileSpec(profile="open", system=system.kind.name, auth=Open(kind="none"), idempotency=idempotency)

        def broken(error: BaseException) -> None:
            raise error

        faults = FaultPlan((), self.world.draws)
        return Boundary(system, profile, Credentials("none"), Rest(system.kind.operations), faults, broken)

    # --- time ----------------------------------------------------------------------------------------------------

    def wait(self, seconds: float = SOME_TIME_S) -> None:
        """Let time pass, and with it what the systems do."""
        self.world.env.run(until=self.world.env.now + seconds)

    # --- what the systems of record do ---------------------------------------------------------------------------

    def act(self, system: str, operation: Operation, command: Command) -> Any:
        """A system, or a person at it, does something."""
        keys = tuple(str(getattr(command, key, "")) for key in operation.keys)
        now = self.world.env.now
        number = self.estate.systems[system].number
        self.ledger.write(Stimulus, now, number, self.ledger.operations[operation.name], keys, now)
        outcome = self.estate.systems[system].apply(operation, command)
        assert not isinstance(outcome, Refused), outcome
        return outcome

    def approve(
        self,
        change: str,
        *items: str,
        plants: Sequence[str] = (DE,),
        disposition: Disposition = "use-up",
        idle_work_centre: bool = False,
    ) -> None:
        """Engineering revises these items in a change and approves it."""
        plm = self.estate.systems["plm"].state
        for item in items:
            revision = plm.latest(item)
            bom, routing = plm.bom(item, revision), plm.routing(item, revision)
            first = bom.lines[0]
            lines = (BomLine(first.component, first.quantity * 2, first.unit), *bom.lines[1:])
            steps = routing.steps
            if idle_work_centre:
                steps = (msgspec.structs.replace(steps[0], work_centre=self._idle(plants[0])), *steps[1:])
            self.act("plm", revise_item, ReviseItem(item=item, lines=lines, steps=steps))
        self.act("plm", create_change, CreateChange(change=change, title="A change"))
        for item in items:
            added = AddAffected(change=change, item=item, plants=tuple(plants), disposition=disposition)
            self.act("plm", add_affected, added)
        self.act("plm", approve_change, NameChange(change=change))

    def release_approved(self, change: str, *, effective_in_s: float = 0.0) -> Published:
        """Engineering releases a change that it has approved; the event that says so."""
        moment = datetime.fromtimestamp(self.world.now().business + effective_in_s, UTC)
        release = ReleaseChange(
            change=change,
            effectivity="date" if effective_in_s else "immediate",
            effective_at=moment if effective_in_s else None,
        )
        self.act("plm", release_change, release)
        return self.published[-1]

    def release(
        self,
        change: str,
        *items: str,
        plants: Sequence[str] = (DE,),
        disposition: Disposition = "use-up",
        effective_in_s: float = 0.0,
        idle_work_centre: bool = False,
    ) -> Published:
        """From draft to release in one go."""
        self.approve(change, *items, plants=plants, disposition=disposition, idle_work_centre=idle_work_centre)
        return self.release_approved(change, effective_in_s=effective_in_s)

    def _idle(self, plant: str) -> str:
        return next(c.code for c in dataset().work_centres.values() if c.plant == plant and not c.active)

    def cancel(self, change: str) -> Published:
        """Engineering withdraws a change."""
        self.act("plm", cancel_change, CancelChange(change=change))
        return self.published[-1]

    def finish_order(self, plant: str, item: str = "", good: float = 5.0, scrap: float = 0.0) -> Published:
        """The shop floor reports a finished order."""
        self._orders += 1
        mes = self.estate.systems[f"mes@{plant}"]
        number, made = f"{plant}-{self._orders:05d}", item or family()[0]
        revision = dataset().plant_items[plant, made].revision
        mes.state.orders[number] = ShopOrder(plant, number, made, revision, good + scrap)
        self.act(mes.name, complete_order, CompleteOrder(order=number, good=good, scrap=scrap))
        return self.published[-1]

    # --- events --------------------------------------------------------------------------------------------------

    def send_event(self, event: Published, *, bent: str = "", about: str = "") -> int:
        """The first byte of a delivery goes out; `bent` by a fault of this kind, which tells of another subject."""
        attempt = self._attempts[event.seq] = self._attempts.get(event.seq, 0) + 1
        return self.ledger.write(Deliver, self.world.env.now, event.seq, attempt, bent, about)

    def acknowledge(self, event: Published, status: int = 202, note: str = "") -> None:
        """The delivery ends; status 0: no answer came."""
        self.ledger.write(Ack, self.world.env.now, event.seq, self._attempts[event.seq], status, note)

    def deliver(self, *events: Published) -> None:
        """Deliver and acknowledge."""
        for event in events:
            self.send_event(event)
            self.acknowledge(event)

    def last(self, name: str) -> Published:
        """The latest event of this type."""
        return next(event for event in reversed(self.published) if event.type.name == name)

    # --- what a middleware does ----------------------------------------------------------------------------------

    def open(
        self,
        system: str,
        operation: Operation,
        command: Command,
        *,
        key: str = "",
        if_match: str = "",
        trace: str = "",
        query: str = "",
    ) -> Exchange:
        """The last byte of a request arrives."""
        fields: dict[str, Any] = msgspec.to_builtins(command)
        path = re.sub(r"\{(\w+)\}", lambda match: str(fields.pop(match[1])), operation.path)
        given = {b"idempotency-key": key.encode(), b"if-match": if_match.encode(), b"traceparent": trace.encode()}
        headers = {name: value for name, value in given.items() if value}
        body = b""
        if operation.query:
            query += urlencode(fields)
        else:
            body = msgspec.json.encode(fields)
        return self._boundaries[system].open(WireRequest(operation.method, path, query.encode(), headers, body))

    def answer(self, exchange: Exchange, *, arrives: bool = True) -> WireResponse:
        """The answer goes out whole, or is lost before its first byte."""
        if arrives:
            exchange.first_byte()
        exchange.end(Ending.SENT if arrives else Ending.RESET)
        return exchange.response

    def call(
        self,
        system: str,
        operation: Operation,
        command: Command,
        *,
        key: str = "",
        if_match: str = "",
        trace: str = "",
        query: str = "",
        answered: bool = True,
    ) -> WireResponse:
        """A whole exchange, from the last byte of the request on."""
        exchange = self.open(system, operation, command, key=key, if_match=if_match, trace=trace, query=query)
        if isinstance(exchange.script[0], Commit):
            exchange.commit()
        return self.answer(exchange, arrives=answered)

    def bom(self, plant: str, item: str, revision: str, *, factor: float = 1.0, answered: bool = True) -> WireResponse:
        """Release a structure; with a `factor`, one with wrong quantities."""
        plm = self.estate.systems["plm"].state
        lines = tuple(
            BomLine(line.component, line.quantity * factor, line.unit) for line in plm.bom(item, revision).lines
        )
        return self.send_bom(plant, item, revision, lines, answered=answered)

    def send_bom(
        self, plant: str, item: str, revision: str, lines: tuple[BomLine, ...], *, answered: bool = True
    ) -> WireResponse:
        """Release a structure with these lines."""
        command = self.release_bom_command(plant, item, revision, lines)
        return self.call("erp", release_bom, command, answered=answered)

    def routing(self, plant: str, item: str, revision: str) -> WireResponse:
        """Send a routing to the ERP."""
        steps = self.estate.systems["plm"].state.routing(item, revision).steps
        command = UpsertRouting(plant=plant, item=item, revision=revision, steps=steps)
        return self.call("erp", upsert_routing, command)

    def activate(self, plant: str, item: str, revision: str) -> WireResponse:
        """Ask for the activation of a revision."""
        command = ActivateVersion(plant=plant, item=item, revision=revision)
        return self.call("erp", activate_version, command)

    def poll_job(self, activation: WireResponse) -> WireResponse:
        """Ask how an activation stands."""
        return self.call("erp", get_job, NameJob(job=msgspec.json.decode(activation.body)["job"]))

    def asking_for_version(self, plant: str, item: str) -> Exchange:
        """A read of the active production version, up to its answer."""
        exchange = self.open("erp", get_version, PlantItemKey(plant=plant, item=item))
        exchange.commit()
        return exchange

    def read_version(self, plant: str, item: str) -> WireResponse:
        """Read which production version is active."""
        return self.answer(self.asking_for_version(plant, item))

    def release_bom_command(self, plant: str, item: str, revision: str, lines: tuple[BomLine, ...]) -> ReleaseBom:
        """The command that releases a structure."""
        now = self.world.now().business
        moment = self.estate.systems["plm"].state.effective_at(item, revision, now) or now
        return ReleaseBom(
            plant=plant,
            item=item,
            revision=revision,
            effective_from=datetime.fromtimestamp(moment, UTC),
            lines=lines,
        )

    def act_routing_by_hand(self, plant: str, item: str, revision: str) -> None:
        """A planner enters a routing into the ERP."""
        steps = self.estate.systems["plm"].state.routing(item, revision).steps
        self.act("erp", upsert_routing, UpsertRouting(plant=plant, item=item, revision=revision, steps=steps))

    def let_activation_fail(self, plant: str, item: str, revision: str) -> None:
        """Everything is accepted, and the job comes to nothing, since the routing is gone meanwhile."""
        self.prepare((plant, item, revision))
        erp = self.estate.systems["erp"].state
        routing = erp.routings[plant, item, revision]
        idle = (msgspec.structs.replace(routing.steps[0], work_centre=self._idle(plant)),)
        erp.routings[plant, item, revision] = msgspec.structs.replace(routing, steps=idle)
        self.wait()

    def prepare_by_hand(self, plant: str, item: str, revision: str) -> None:
        """Planners do in the ERP what a middleware would."""
        plm = self.estate.systems["plm"].state
        lines = plm.bom(item, revision).lines
        self.act("erp", release_bom, self.release_bom_command(plant, item, revision, lines))
        self.act_routing_by_hand(plant, item, revision)
        self.act("erp", activate_version, ActivateVersion(plant=plant, item=item, revision=revision))

    def prepare(self, *definitions: Definition) -> None:
        """Everything in the ERP up to the request for activation."""
        for definition in definitions:
            assert self.bom(*definition).status == 201
            assert self.routing(*definition).status == 200
            assert self.activate(*definition).status == 202

    def activated(self, plant: str, item: str, revision: str) -> Published:
        """The event that says that a revision is active."""
        return next(
            event
            for event in self.published
            if event.type.name == "erp.version.activated"
            and (event.event.plant, event.event.item, event.event.revision) == (plant, item, revision)  # type: ignore[attr-defined]
        )

    def active(self, *definitions: Definition) -> None:
        """Prepare, wait, and hear of the activations."""
        self.prepare(*definitions)
        self.wait()
        self.deliver(*(self.activated(*definition) for definition in definitions))

    def publishing(
        self, plant: str, item: str, revision: str, stage: Literal["staged", "executable"] = "executable"
    ) -> PublishRouting:
        """The command that publishes work instructions."""
        steps = self.estate.systems["plm"].state.routing(item, revision).steps
        return PublishRouting(plant=plant, item=item, revision=revision, steps=steps, stage=stage)

    def publish(
        self, plant: str, item: str, revision: str, stage: Literal["staged", "executable"] = "executable"
    ) -> WireResponse:
        """Publish work instructions in the MES."""
        return self.call(f"mes@{plant}", publish_routing, self.publishing(plant, item, revision, stage))

    def carry_out(self, *definitions: Definition) -> None:
        """Everything that an engineering change asks for, in order."""
        self.active(*definitions)
        for definition in definitions:
            assert self.publish(*definition).status == 200

    def posting(self, event: Published, *, source: str | None = None, factor: float = 1.0) -> PostStock:
        """The stock document that a confirmation asks for."""
        done: Any = event.event
        assert isinstance(done, OrderCompleted)
        made = [("receipt", done.good), ("scrap", done.scrap)]
        lines = [
            PostLine(movement=movement, item=done.item, quantity=quantity * factor, unit=done.unit, lot=done.lot)  # type: ignore[arg-type]
            for movement, quantity in made
            if quantity
        ]
        lines += [
            PostLine(movement="issue", item=used.item, quantity=used.quantity * factor, unit=used.unit, lot=used.lot)
            for used in done.consumption
        ]
        return PostStock(
            plant=done.plant,
            posting_date=date.fromisoformat(done.posting_date),
            lines=tuple(lines),
            source_document=done.confirmation if source is None else source,
        )

    def post(self, command: PostStock, *, key: str = "", answered: bool = True) -> str:
        """Book a stock document and return its number."""
        response = self.call("erp", post_stock, command, key=key, answered=answered)
        assert response.status == 201, response.body
        number: str = msgspec.json.decode(response.body)["document"]
        return number

    def reverse(self, document: str) -> None:
        """Take a stock document back."""
        assert self.call("erp", reverse_document, ReverseDocument(document=document)).status == 201

    def book(self, event: Published) -> str:
        """Hear of a confirmation and book it."""
        self.deliver(event)
        return self.post(self.posting(event))

    def raise_exception(self, subject: str, plant: str, reason: str = "refused") -> str:
        """Tell the desk that something cannot be carried out; the number of the exception."""
        command = RaiseException(flow="any", subject=subject, plant=plant, owner="planning", reason=reason)
        response = self.call("desk", raise_exception, command)
        number: str = msgspec.json.decode(response.body)["exception"]
        return number

    def resolve(self, exception: str) -> None:
        """A person resolves an exception."""
        self.act("desk", resolve_exception, ResolveException(exception=exception, resolution="mended"))

    # --- the end -------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Faults are lifted."""
        self.ledger.write(Heal, self.world.env.now)
        self._healed = True

    def rest(self, *, settled: bool = True) -> None:
        """Faults are lifted, everything comes to rest, and what is held is compared."""
        if not self._healed:
            self.heal()
        now = self.world.env.now
        self.ledger.write(Quiesce, now, settled, "nothing moved" if settled else "the target was still trying")
        changed = set(self.estate.changed())
        worth = worth_comparing(self.estate, self.expander)
        promised = self.expander.effects
        compare(self.estate, self.ledger, [each for each in worth if each in promised or each not in changed])

    def judge(
        self, *, at_rest: bool = True, expressions: Sequence[str] = (), declares: Declares | None = None
    ) -> Judgement:
        """End the history and judge it."""
        if at_rest:
            self.rest()
        self.ledger.close()
        return judge(Ledger(self.directory), self.flows, expressions=expressions, declares=declares)


def convicting(judgement: Judgement) -> dict[str, int]:
    """How many violations each check found."""
    found: dict[str, int] = {}
    for finding in judgement.findings:
        if finding.severity == "fail":
            found[finding.check] = found.get(finding.check, 0) + 1
    return found


def kinds(judgement: Judgement, check: str) -> set[str]:
    """What kinds of defect a check names: the steps of its findings."""
    return {finding.step for finding in judgement.findings if finding.check == check}


def following_revision(item: str, steps: int = 1) -> str:
    """The revision that an item goes to next, or after that."""
    return letters(ordinal(dataset().items[item].revision) + steps)
