"""`convergence` proves itself on planted defects and stays silent on their correct twins."""

from pathlib import Path

import msgspec
import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.dataset.records import BomLine
from pilotplant.model.verdict import Verdict
from tests.unit.histories import DE, History, convicting, dataset, family, following_revision, revised_parent

PARENT, *_ = family()
THIS = revised_parent()


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the shipped flows in which a change has been released, and a confirmation booked."""
    history = History(tmp_path)
    history.book(history.finish_order(DE))
    history.deliver(history.release("ECO-1", PARENT))
    return history


def finish(history: History) -> Judgement:
    """Carry out what is left, and judge."""
    history.routing(*THIS)
    history.activate(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)
    return history.judge()


def test_everything_right(history: History) -> None:
    history.bom(*THIS)
    judgement = finish(history)
    assert judgement.findings == ()
    assert judgement.doubts == ()
    assert judgement.verdict is Verdict.PASS


def test_wrong_quantities(history: History) -> None:
    history.bom(*THIS, factor=10)
    judgement = finish(history)
    assert convicting(judgement) == {"convergence": 1, "data": 1}
    sentence = next(finding.sentence for finding in judgement.findings if finding.check == "convergence")
    assert sentence.startswith(f"ERP holds something else than intended for BOM {PARENT} at DE01: lines is [")


def _line_in_a_unit_of_its_own() -> tuple[str, int]:
    """An item of which a component has another unit at the plant than in engineering, and which line that is."""
    data = dataset()
    for item in data.items.values():
        lines = data.boms[item.number, item.revision].lines if item.made and DE in item.plants else ()
        for place, line in enumerate(lines):
            local = data.plant_items.get((DE, line.component))
            if local is not None and local.per_base != 1:
                return item.number, place
    raise AssertionError("the data have no component with a unit of its own")


@pytest.mark.parametrize("converted", [True, False])
def test_units(tmp_path: Path, converted: bool) -> None:
    """The plant's unit with the converted quantity is right; with engineering's quantity it is not."""
    history = History(tmp_path)
    history.book(history.finish_order(DE))
    item, place = _line_in_a_unit_of_its_own()
    this = (DE, item, following_revision(item))
    history.deliver(history.release("ECO-1", item))
    lines = list(history.estate.systems["plm"].state.bom(item, this[2]).lines)
    local = dataset().plant_items[DE, lines[place].component]
    factor = local.per_base if converted else 1.0
    lines[place] = BomLine(lines[place].component, lines[place].quantity * factor, local.unit)
    history.send_bom(*this, tuple(lines))
    history.routing(*this)
    history.activate(*this)
    history.wait()
    history.deliver(history.activated(*this))
    history.publish(*this)
    assert convicting(history.judge()) == ({} if converted else {"convergence": 1, "data": 1})


def test_the_structure_of_the_old_revision_under_the_new_name(history: History) -> None:
    plm = history.estate.systems["plm"].state
    old = plm.bom(PARENT, dataset().items[PARENT].revision).lines
    history.send_bom(*THIS, old)
    judgement = finish(history)
    assert convicting(judgement) == {"convergence": 1}


def test_a_wrong_quantity_in_stock(history: History) -> None:
    history.bom(*THIS)
    event = history.finish_order(DE)
    history.deliver(event)
    history.post(history.posting(event, factor=12))
    judgement = finish(history)
    assert set(convicting(judgement)) == {"convergence", "data"}
    assert any("quantity is 60.0, intended is 5.0" in finding.sentence for finding in judgement.findings)


def test_what_is_missing_is_not_reported_twice(history: History) -> None:
    history.bom(*THIS)
    event = history.finish_order(DE)
    history.deliver(event)
    assert set(convicting(finish(history))) == {"completeness"}


def test_what_was_booked_twice_is_not_reported_twice(history: History) -> None:
    history.bom(*THIS)
    event = history.finish_order(DE)
    history.book(event)
    history.post(history.posting(event))
    assert set(convicting(finish(history))) == {"once"}


def test_a_line_too_many(history: History) -> None:
    lines = history.estate.systems["plm"].state.bom(PARENT, THIS[2]).lines
    history.send_bom(*THIS, (*lines, msgspec.structs.replace(lines[0], component=_another_component(history, lines))))
    assert convicting(finish(history)) == {"convergence": 1}


def _another_component(history: History, lines: tuple[BomLine, ...]) -> str:
    used = {line.component for line in lines}
    unit = lines[0].unit
    return next(
        item.number
        for item in dataset().items.values()
        if item.number not in used and item.number != PARENT and item.unit == unit and DE in item.plants
    )
