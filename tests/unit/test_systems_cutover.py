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
from pilotplant.ledger.records import Commit, Quiesce, Reconcile
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
        return self.ended(settled=True)

    def ended(self, *, settled: bool) -> dict[str, Reconcile]:
        """The same where the wait was perhaps given up."""
        self.estate.come_to_rest()
        self.ledger.write(Quiesce, self.world.env.now, settled, "the story is over")
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


def test_whether_somebody_would_have_taken_it_over_nobody_knows_when_the_wait_was_given_up(weekend: Weekend) -> None:
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    weekend.ok("legacy.plant.release", plant=PLANT)
    weekend.ended(settled=False)
    judged = judge(Ledger(weekend.directory), weekend.flows)
    assert "reconciliation" not in {finding.check for finding in judged.findings}
    assert any(f"{PLANT} had been released" in doubt.sentence for doubt in judged.doubts)


def stocked(weekend: Weekend, before: float, after: float) -> dict[str, Reconcile]:
    """The plant is moved; one of its quants was `before` in the ERP that goes, and is `after` in the other one."""
    books = weekend.estate.systems["legacy"].state.books[PLANT]
    name = next(iter(books.quants))
    books.quants[name] = msgspec.structs.replace(books.quants[name], quantity=before)
    for part in LISTS:
        weekend.load(part)
    loaded = weekend.estate.systems["cloud"].state.books[PLANT]
    loaded.quants[name] = msgspec.structs.replace(loaded.quants[name], quantity=after)
    weekend.ok("legacy.plant.freeze", plant=PLANT)
    weekend.ok("legacy.plant.release", plant=PLANT)
    weekend.ok("cloud.plant.take_over", plant=PLANT)
    return weekend.reconciled()


def reconciliations(weekend: Weekend) -> list[str]:
    """What the check says."""
    findings = judge(Ledger(weekend.directory), weekend.flows).findings
    return [finding.sentence for finding in findings if finding.check == "reconciliation"]


def test_four_pieces_of_a_million_are_a_difference(weekend: Weekend) -> None:
    assert stocked(weekend, 1_204_337.0, 1_204_341.0)["quants"].differing == 1
    (sentence,) = reconciliations(weekend)
    assert "has to be 1204337 and is 1204341" in sentence


@pytest.mark.parametrize(("before", "after"), [(0.1 + 0.2, 0.3), (1_204_337.123456, 1_204_337.1234561)])
def test_the_last_digits_of_an_amount_are_none(weekend: Weekend, before: float, after: float) -> None:
    assert not stocked(weekend, before, after)["quants"].differing
    assert not reconciliations(weekend)


@pytest.mark.parametrize("sums", [((8.0, 9.0), (0.0, 0.0)), ((8.0, 8.0), (700.0, 650.5))])
def test_sums_that_differ_convict_although_no_row_does(weekend: Weekend, sums: tuple[Any, Any]) -> None:
    moved(weekend)
    weekend.reconciled()
    told = (PLANT, "quants", (3, 3), *sums, 0, ())
    weekend.ledger.write(Reconcile, weekend.world.env.now, weekend.estate.systems["cloud"].number, *told)
    weekend.ledger.flush()
    (sentence,) = reconciliations(weekend)
    assert "stock quants come to something else" in sentence


def test_the_lines_of_a_document_may_be_booked_on_either_side(weekend: Weekend) -> None:
    """The flow accepts each line in either ERP: one before the switch, the other after it."""
    issue = {"movement": "issue", "item": "L0000003", "quantity": 1.0, "lot": "X"}
    document = {"plant": PLANT, "source_document": "CNF-1"}
    weekend.ok("legacy.stock.post", **posting("CNF-1"))
    moved(weekend)
    weekend.ok("cloud.stock.post", **document, lines=[issue])
    found = weekend.reconciled()
    assert not found["documents"].differing and not found["quants"].differing
    assert not reconciliations(weekend)


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


def test_one_older_row_of_many_is_the_one_that_is_stale(weekend: Weekend) -> None:
    row = {"description": "x", "unit": "EA", "price": 1.0}
    weekend.ok("cloud.item.load", plant=PLANT, rows=[{**row, "item": name, "row": 4} for name in ("I", "J", "K")])
    again = [{**row, "item": name, "row": version} for name, version in (("I", 4), ("J", 3), ("K", 5))]
    weekend.ok("cloud.item.load", plant=PLANT, rows=again)
    weekend.ledger.flush()
    commits = [record for record in Ledger(weekend.directory) if isinstance(record, Commit)]
    assert [record.effect.rpartition("|")[2] for record in commits if record.stale_over] == ["J"]


def test_the_events_of_a_cutover_conform_to_their_schemas(weekend: Weekend) -> None:
    moved(weekend)
    named = {name for name in catalog.events() if name.startswith(("legacy.", "cloud."))}
    assert named <= set(weekend.events)
    for name in named:
        validator = jsonschema_rs.Draft202012Validator(event_schema(catalog.events()[name]), validate_formats=True)
        validator.validate(msgspec.json.decode(weekend.events[name]))
