"""Middlewares that are different and correct pass every scenario that ships: the judge accuses none of them.

Where a middleware differs in a way that a ledger shows, a test sees to it that it really does.
"""

from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType

import pytest

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Emit, Obligation, Record, Request
from pilotplant.model.verdict import Verdict
from pilotplant.run.preparation import generate_data
from pilotplant.run.request import Finished
from pilotplant.scenario.loading import load_scenario
from tests.different import (
    holds_orders,
    looks_first,
    parents_first,
    polls_changes,
    restarts_traces,
    stages_early,
    sums_confirmations,
)
from tests.different.running import SCENARIOS, SHIPPED, confirmations_only, ran, ran_live

MIDDLEWARES = (holds_orders, looks_first, parents_first, polls_changes, restarts_traces, stages_early)
SEEDS = 3
APART = {
    looks_first: {"hybrid-estate"},  # which is about an ERP that takes files, and this one is for an ERP without keys
    polls_changes: {"two-instances"},  # how far it has read is known to one instance only: it is not made to run twice
}
BOOKING = Path(__file__).with_name("booking.mjs")


def finished(middleware: ModuleType, scenario: str, seed: int, folder: Path) -> Finished:
    """A run of one of them, where it belongs: with the ERP that it was made for, held to what it declares."""
    if middleware is looks_first:
        root, overrides = looks_first.project(folder, scenario), ["estate=no-keys"]
    else:
        root, overrides = SHIPPED.root, []
    declares = polls_changes.DECLARES if middleware is polls_changes else None
    directory = folder / "run"
    return ran(middleware.create, scenario, seed, directory, declares=declares, overrides=overrides, root=root)


def committed(done: Finished, operation: str) -> list[Commit]:
    """What was committed by an operation, in order."""
    names = [named.name for named in Ledger(done.directory).header.operations]
    return [each for each in Ledger(done.directory) if isinstance(each, Commit) and names[each.operation] == operation]


def records(done: Finished, kind: type[Record]) -> list[Record]:
    """All records of a kind."""
    return [each for each in Ledger(done.directory) if isinstance(each, kind)]


# Each meets every scenario, and all seeds in turn; all seeds of every scenario would take minutes.
@pytest.mark.parametrize(
    ("middleware", "scenario", "seed"),
    [
        pytest.param(each, scenario, 1 + (i + j) % SEEDS, id=f"{each.__name__.rpartition('.')[2]}-{scenario}")
        for i, each in enumerate(MIDDLEWARES)
        for j, scenario in enumerate(SCENARIOS)
        if scenario not in APART.get(each, ())
    ],
)
def test_it_passes(middleware: ModuleType, scenario: str, seed: int, tmp_path: Path) -> None:
    result = finished(middleware, scenario, seed, tmp_path).result
    assert result.findings == ()
    assert result.verdict is Verdict.PASS, result.doubts


# --- and they are different -------------------------------------------------------------------------------------------


def test_who_polls_carries_out_only_the_later_of_two_revisions(tmp_path: Path) -> None:
    done = finished(polls_changes, "out-of-order", 1, tmp_path)
    promised = [each for each in records(done, Obligation) if isinstance(each, Obligation) and each.step == "erp-bom"]
    sent = {(each.effect, each.version) for each in committed(done, "erp.bom.release") if each.exchange}
    later = {(each.effect, each.version) for each in promised} - sent
    assert any(version < newest for effect, version in later for known, newest in sent if known == effect)


def test_parents_are_active_before_their_components(tmp_path: Path) -> None:
    done = finished(parents_first, "eco-cascade", 1, tmp_path)
    dataset = generate_data(load_scenario(SHIPPED, "eco-cascade").setup, 1).dataset
    uses: dict[str, set[str]] = defaultdict(set)
    for (item, _revision), bom in dataset.boms.items():
        uses[item] |= {line.component for line in bom.lines}
    active: dict[tuple[str, int], int] = {}
    for stated in records(done, Emit):
        assert isinstance(stated, Emit)
        active.setdefault((stated.effect, stated.version), stated.seq)
    scopes: dict[str, dict[str, int]] = defaultdict(dict)
    for promise in records(done, Obligation):
        if isinstance(promise, Obligation) and promise.step == "erp-active":
            scopes[promise.instance][promise.effect.split("|")[2]] = active.get((promise.effect, promise.version), 0)
    pairs = [
        (scope[parent], scope[component])
        for scope in scopes.values()
        for parent in scope
        for component in uses[parent] & scope.keys()
        if scope[parent] and scope[component]
    ]
    assert len(pairs) >= 5
    assert all(parent < component for parent, component in pairs)


def test_instructions_are_staged_before_the_structure_is_in_place(tmp_path: Path) -> None:
    done = finished(stages_early, "eco-cascade", 1, tmp_path)
    published = committed(done, "mes.routing.publish")
    staged = {(each.effect, each.version): each.seq for each in published if each.facet == "staged"}
    boms = committed(done, "erp.bom.release")
    before = [staged[key] < bom.seq for bom in boms if (key := _instructions_of(bom)) in staged]
    assert len(before) >= 10 and all(before)
    assert {each.facet for each in published} == {"staged", "executable"}


def _instructions_of(bom: Commit) -> tuple[str, int]:
    return bom.effect.replace("erp.bom.release", "mes.routing.publish"), bom.version


def test_orders_of_a_superseded_revision_are_held_before_the_new_structure_is_in_place(tmp_path: Path) -> None:
    done = finished(holds_orders, "out-of-order", 1, tmp_path)
    dataset = generate_data(load_scenario(SHIPPED, "out-of-order").setup, 1).dataset
    item_of = {order.order: order.item for order in dataset.production_orders}
    boms = {tuple(each.effect.split("|")[1:]): each.seq for each in reversed(committed(done, "erp.bom.release"))}
    held = [(hold.effect.split("|"), hold.seq) for hold in committed(done, "mes.order.hold")]
    assert held
    assert all(seq < boms[plant, item_of[order]] for (_name, plant, order), seq in held)


def test_every_posting_is_looked_up_first_and_carries_no_key(tmp_path: Path) -> None:
    done = finished(looks_first, "ambiguous-timeouts", 1, tmp_path)
    names = [named.name for named in Ledger(done.directory).header.operations]
    asked = Counter(names[each.operation] for each in records(done, Request) if isinstance(each, Request))
    assert asked["erp.stock.documents"] >= asked["erp.stock.post"] > 30


def test_no_two_calls_belong_to_one_trace(tmp_path: Path) -> None:
    done = finished(restarts_traces, "eco-cascade", 1, tmp_path)
    sent = [each.traceparent for each in records(done, Request) if isinstance(each, Request) and each.traceparent]
    assert len(sent) == len({trace[3:35] for trace in sent}) > 100


# --- sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scenario", "seed"), [("erp-rejects", 1), ("eco-cascade", 2), ("poison-message", 3)])
def test_who_sums_up_is_not_accused_and_not_acquitted(scenario: str, seed: int, tmp_path: Path) -> None:
    """Flows have no `aggregate` yet: nothing ties a sum to its confirmations. But the sums are right."""
    overrides = confirmations_only(scenario, figures=False)
    done = ran(sums_confirmations.create, scenario, seed, tmp_path / "run", overrides=overrides)
    assert done.result.findings == ()
    assert done.result.verdict is Verdict.UNKNOWN
    assert "set `source_document` to the number of the confirmation" in {each.would_help for each in done.result.doubts}


# --- another language -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["ambiguous-timeouts"])
def test_a_middleware_in_javascript_passes_live(scenario: str, tmp_path: Path) -> None:
    result = ran_live(BOOKING, scenario, 1, tmp_path, confirmations_only(scenario)).result
    assert result.findings == ()
    assert result.verdict is Verdict.PASS, result.doubts
