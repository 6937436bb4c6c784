"""A plant moves from one ERP to another: what each side allows, what has changed since, and what the books come to."""

from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from pilotplant.channels.cloudevents import outgoing
from pilotplant.checks.judge import judge
from pilotplant.contracts.asyncapi import event_schema
from pilotplant.flows.expansion import Expander
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Quiesce, Reconcile
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.verdict import Verdict
from pilotplant.resources import Project, bundled
from pilotplant.run.preparation import Data, generate_data
from pilotplant.scenario.loading import load_estate, load_flows
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import Published

SHIPPED = Project(bundled(), bundled(), writable=False)
PLANT = "DE01"
LOADS = {"items": "cloud.item.load", "orders": "cloud.order.load", "quants": "cloud.quant.load"}
LISTS = {"items": "legacy.item.list", "orders": "legacy.order.list", "quants": "legacy.quant.list"}


class Weekend:
    """The cutover estate without sockets."""

    def __init__(self, directory: Path) -> None:
        setup = load_estate(SHIPPED, "cutover")
        flows = [flow for flow in load_flows(SHIPPED, setup) if flow.flow in ("coexistence", "cutover")]
        data: Data = generate_data(setup, 1)
        self.world = World(seed=1, epoch=1_700_000_000.0)
        names = tuple(name for name, _kind, _plants in setup.estate.instances())
        header = Header(
            "test", 1, 1_700_000_000.0, 1.0, "live", names, catalog.ledger_table(), tuple(f.flow for f in flows)
        )
        self.ledger = LedgerWriter(directory, header)
        parameters = {kind: profile.parameters() for kind, profile in setup.profiles.items()}
        self.estate = Estate(setup.estate, data.dataset, parameters, self.world, self.ledger)
        self.flows, self.directory = flows, directory
        self.events: dict[str, bytes] = {}
        expander = Expander(flows, self.estate, self.ledger)
        for system in self.estate:
            system.listeners += [expander.on_event, self._keep]

    def _keep(self, published: Published) -> None:
        self.events[published.type.name] = outgoing(published, self.world).body

    def call(self, name: str, **fields: Any) -> Outcome:
        """Let an operation be carried out, as if a middleware had asked."""
        operation = catalog.operations()[name]
        command = msgspec.convert(fields, operation.command)
        return self.estate.systems[name.partition(".")[0]].apply(operation, command, 1)

    def ok(self, name: str, **fields: Any) -> Any:
        """Its result, where it must not be refused."""
        outcome = self.call(name, **fields)
        assert isinstance(outcome, Committed | Found), outcome
        return outcome.result

    def load(self, part: str, since: str = "") -> str:
        """Copy one part of the plant's books; returns from when to look for changes."""
        mark, cursor = "", ""
        while True:
            query = {"plant": PLANT, "limit": 500, "cursor": cursor, "changed_since": since}
            page = self.ok(LISTS[part], **query)
            mark = mark or page.as_of
            rows = [msgspec.to_builtins(row) for row in page.items]
            self.ok(LOADS[part], plant=PLANT, rows=rows, removed=page.removed)
            cursor = page.next
            if not cursor:
                return str(mark)

    def edit(self, times: int) -> None:
        """Clerks change this and that."""
        legacy = self.estate.systems["legacy"]
        chance = Random(4)
        for _ in range(times):
            for operation, command in legacy.behaviour._edit(None, chance):
                assert isinstance(legacy.apply(operation, command), Committed)

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self.world.env.run(until=self.world.env.now + seconds)

    def reconciled(self) -> dict[str, Reconcile]:
        """What both sides come to in the end, by part."""
        self.estate.come_to_rest()
        self.ledger.write(Quiesce, self.world.env.now, True, "the story is over")
        self.ledger.flush()
        return {record.part: record for record in Ledger(self.directory) if isinstance(record, Reconcile)}


@pytest.fixture
def weekend(tmp_path: Path) -> Weekend:
    return Weekend(tmp_path)


def moved(weekend: Weekend, *, delta: bool = True) -> None:
    """Move the plant while clerks go on; without the delta, what they did meanwhile is forgotten."""
    weekend.ok("legacy.cutover.begin", cutover="CUT-1")
    marks = {part: weekend.load(part) for part in LISTS}
    weekend.pass_time(1)
    weekend.edit(200)
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    for part, since in marks.items() if delta else ():
        weekend.load(part, since)
    weekend.ok("legacy.plant.release", plant=PLANT)
    weekend.ok("cloud.plant.take_over", plant=PLANT)


def test_a_delta_brings_what_changed_meanwhile(weekend: Weekend) -> None:
    moved(weekend)
    found = weekend.reconciled()
    assert {part: record.differing for part, record in found.items()} == dict.fromkeys(found, 0)
    assert found["items"].counts[0] == found["items"].counts[1] > 50
    assert found["quants"].value[0] == pytest.approx(found["quants"].value[1])


def test_without_it_the_rows_are_named_and_the_check_convicts(weekend: Weekend) -> None:
    moved(weekend, delta=False)
    found = weekend.reconciled()
    assert all(found[part].differing for part in LISTS)
    name, was, held, changed, loaded = found["items"].rows[0]
    assert name and was != held and changed > loaded > 0
    judged = judge(Ledger(weekend.directory), weekend.flows)
    lines = [finding.sentence for finding in judged.findings if finding.check == "reconciliation"]
    assert len(lines) == 3 and all("never loaded again" in line for line in lines)
    assert any(name in line for line in lines)


def test_a_plant_that_was_moved_right_passes(weekend: Weekend) -> None:
    moved(weekend)
    weekend.reconciled()
    (check,) = (c for c in judge(Ledger(weekend.directory), weekend.flows).checks if c.check == "reconciliation")
    assert check.verdict is Verdict.PASS


def test_a_plant_that_nobody_took_over_is_owned_by_nobody(weekend: Weekend) -> None:
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    weekend.ok("legacy.plant.release", plant=PLANT)
    weekend.reconciled()
    (finding,) = (f for f in judge(Ledger(weekend.directory), weekend.flows).findings if f.check == "reconciliation")
    assert "belong to nobody" in finding.sentence


def test_a_plant_that_is_taken_over_too_early_is_owned_twice(weekend: Weekend) -> None:
    for part in LISTS:
        weekend.load(part)
    weekend.ok("cloud.plant.take_over", plant=PLANT)
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    weekend.ok("legacy.plant.release", plant=PLANT)
    weekend.reconciled()
    sentences = [f.sentence for f in judge(Ledger(weekend.directory), weekend.flows).findings]
    assert any("owned twice" in sentence for sentence in sentences)


def fallen_back(weekend: Weekend) -> None:
    """The plant was frozen, something went wrong, and it stays where it was."""
    weekend.ok("legacy.cutover.begin", cutover="CUT-1")
    for part in LISTS:
        weekend.load(part)
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    weekend.ok("legacy.plant.thaw", plant=PLANT)


def test_a_plant_that_falls_back_is_neither_early_nor_owned_twice(weekend: Weekend) -> None:
    """What keeps the release keeps what would wait for it as well: a thaw need not wait for itself."""
    fallen_back(weekend)
    weekend.reconciled()
    judged = judge(Ledger(weekend.directory), weekend.flows)
    assert not [f.sentence for f in judged.findings if f.plant == PLANT]


def test_a_plant_that_falls_back_and_is_taken_over_all_the_same_is_owned_twice(weekend: Weekend) -> None:
    fallen_back(weekend)
    weekend.ok("cloud.plant.take_over", plant=PLANT)
    weekend.reconciled()
    sentences = [f.sentence for f in judge(Ledger(weekend.directory), weekend.flows).findings]
    assert any("owned twice" in sentence and "kept to the end" in sentence for sentence in sentences)


def posting(source: str, quantity: float = 4.0) -> dict[str, Any]:
    """A document with one receipt."""
    line = {"movement": "receipt", "item": "L0000001", "quantity": quantity, "lot": "X"}
    return {"plant": PLANT, "source_document": source, "lines": [line]}


def test_what_is_booked_after_the_switch_is_no_difference(weekend: Weekend) -> None:
    weekend.ok("legacy.stock.post", **posting("CNF-1"))
    moved(weekend)
    weekend.ok("cloud.stock.post", **posting("CNF-2"))
    found = weekend.reconciled()
    assert not found["quants"].differing and not found["documents"].differing


def test_what_is_booked_in_both_is(weekend: Weekend) -> None:
    weekend.ok("legacy.stock.post", **posting("CNF-1"))
    moved(weekend)
    weekend.ok("cloud.stock.post", **posting("CNF-1"))
    found = weekend.reconciled()
    assert [row[0] for row in found["documents"].rows] == ["CNF-1"]
    sentences = [f.sentence for f in judge(Ledger(weekend.directory), weekend.flows).findings]
    assert any("booked in both ERPs: CNF-1" in sentence for sentence in sentences)


def code(outcome: Outcome) -> str:
    """Why something was refused."""
    assert isinstance(outcome, Refused), outcome
    return outcome.rejection.code


def test_who_is_not_in_charge_refuses(weekend: Weekend) -> None:
    assert code(weekend.call("cloud.stock.post", **posting("CNF-1"))) == "not-in-charge"
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    assert code(weekend.call("legacy.stock.post", **posting("CNF-1"))) == "plant-frozen"
    assert code(weekend.call("legacy.plant.freeze", plant=PLANT)) == "wrong-phase"
    weekend.ok("legacy.plant.thaw", plant=PLANT)
    weekend.ok("legacy.stock.post", **posting("CNF-1"))
    assert weekend.ok("legacy.stock.find", plant=PLANT, source_document="CNF-1").booked
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    weekend.ok("legacy.plant.release", plant=PLANT)
    assert code(weekend.call("legacy.stock.post", **posting("CNF-2"))) == "plant-released"
    weekend.ok("cloud.plant.take_over", plant=PLANT)
    assert code(weekend.call("cloud.item.load", plant=PLANT, rows=[])) == "in-charge"
    assert code(weekend.call("cloud.plant.take_over", plant=PLANT)) == "in-charge"
    assert code(weekend.call("cloud.books.total", plant="XX99")) == "plant-not-here"


def test_an_older_row_over_a_newer_one_is_stale(weekend: Weekend) -> None:
    row = {"item": "I", "description": "x", "unit": "EA", "price": 1.0}
    weekend.ok("cloud.item.load", plant=PLANT, rows=[{**row, "row": 4}])
    outcome = weekend.call("cloud.item.load", plant=PLANT, rows=[{**row, "row": 3}])
    assert isinstance(outcome, Committed) and outcome.stale


def test_the_events_of_a_cutover_conform_to_their_schemas(weekend: Weekend) -> None:
    moved(weekend)
    named = {name for name in catalog.events() if name.startswith(("legacy.", "cloud."))}
    assert named <= set(weekend.events)
    for name in named:
        validator = jsonschema_rs.Draft202012Validator(event_schema(catalog.events()[name]), validate_formats=True)
        validator.validate(msgspec.json.decode(weekend.events[name]))
