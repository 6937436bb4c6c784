"""The mark of a run is in every number that a target may remember, and changes nothing else."""

from pathlib import Path
from typing import Any

import pytest

from pilotplant.dataset.digest import digest
from pilotplant.dataset.generate import generate
from pilotplant.dataset.marking import MARK, mark_of, marked
from pilotplant.dataset.plan import DataPlan
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Emit
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run
from pilotplant.target.model import TargetSpec
from tests.different.running import SHIPPED
from tests.estates import PLANTS

MARKED = "R00A1B2-"


def test_marks_differ_by_second_and_look_alike() -> None:
    assert mark_of(1_772_431_200.0) != mark_of(1_772_431_201.0)
    assert MARK.fullmatch(mark_of(1_772_431_200.0)) and MARK.fullmatch(MARKED)


def test_no_draw_depends_on_the_mark() -> None:
    plain, other = Draws(7), Draws(7, MARKED)
    assert plain.uniform("fault|CNF-0000001") == other.uniform(f"fault|CNF-{MARKED}0000001")
    assert plain.token("secret") == other.token("secret")


def test_orders_carry_it_and_the_digest_does_not() -> None:
    dataset = generate(DataPlan(plants=PLANTS, items=60), 1, Draws(1))
    other = marked(dataset, MARKED)
    assert marked(dataset, "") is dataset
    assert {order.order for order in other.production_orders} & {
        order.order for order in dataset.production_orders
    } == set()
    assert all(MARKED in order.order for order in other.production_orders)
    assert all(MARKED in bought.order for bought in other.purchase_orders)
    pairs = zip(other.production_orders, dataset.production_orders, strict=True)
    assert all(new.order.replace(MARKED, "") == plain.order for new, plain in pairs)
    assert digest(marked(dataset, MARKED)) != "" and other.mark == MARKED


@pytest.mark.parametrize(
    ("content", "remembers"),
    [
        ({"start": {"command": ["./hub"]}}, True),
        ({"start": {"command": ["./hub", "{work}/db"]}}, False),
        ({"start": {"command": ["./hub"], "fresh": True}}, False),
        ({"start": {"command": ["./hub", "{work}"], "fresh": False}}, True),
        ({"start": {"command": ["./hub"]}, "hooks": {"reset": {"command": ["./reset"]}}}, False),
        ({"deliver": {"url": "http://h/"}}, True),
        ({"deliver": {"url": "{estate}/_pilotplant/null"}}, False),
        ({"files": "/srv/in"}, True),
        ({"public_url": "http://here:{port}"}, True),
        ({"deliver": {"url": "{estate}/_pilotplant/null"}, "files": "/srv/in"}, True),
        ({"files": "/srv/in", "hooks": {"reset": {"command": ["./reset"]}}}, False),
        ({}, True),
    ],
)
def test_who_may_remember(content: dict[str, Any], remembers: bool) -> None:
    assert TargetSpec.model_validate({"target": "t", **content}).remembers is remembers


def test_what_happens_is_the_same_with_and_without(tmp_path: Path) -> None:
    """In-process: the same events and stimuli, only under other numbers."""
    told = []
    for mark in ("", MARKED):
        (setup,), null = load_run(SHIPPED, ["shift-change"], [], "null")
        directory = tmp_path / (mark or "plain")
        done = run(RunRequest(SHIPPED, setup, null, 3, only_null_target, "inprocess", directory=directory, mark=mark))
        emits = [each for each in Ledger(directory) if isinstance(each, Emit)]
        assert emits and all((MARKED in each.event_id) == bool(mark) for each in emits)
        assert all(
            (MARKED in each.effect) == bool(mark) for each in emits if each.effect.startswith("mes.order.completed")
        )
        facts = [(round(each.t, 9), each.effect.replace(MARKED, "")) for each in emits]
        told.append((facts, done.result.stimuli_digest, [f.fingerprint for f in done.result.findings]))
    assert told[0] == told[1]
