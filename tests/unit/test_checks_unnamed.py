"""A flow may promise less than a middleware has to do: what happens to steps that it does not name accuses nobody."""

from pathlib import Path

import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.run.comparison import compare
from tests.unit.histories import DE, History, convicting, family, flow, revised_parent

PARENT, *_ = family()
THIS = revised_parent()

INSTRUCTIONS_ONLY = """
flow: instructions-only
trigger: plm.change.released
cancelled_by: plm.change.cancelled
scope: [change, plant]
for_each: affected-items
coalesce: latest
steps:
  active: {event: erp.version.activated, refused_by: erp.version.rejected, by: [plant, item, revision], actor: either}
  instructions: {commit: mes.routing.publish, by: [plant, item, revision], after: [active], guard: executable}
on_reject: {of: [active], forbid: [instructions], expect: exception}
"""
STRUCTURE_ONLY = """
flow: structure-only
trigger: plm.change.released
scope: [change, plant]
for_each: affected-items
steps:
  erp-bom: {commit: erp.bom.release, by: [plant, item, revision]}
"""


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run whose flow says nothing of structures and routings in the ERP."""
    return History(tmp_path, flow(INSTRUCTIONS_ONLY))


def judged(history: History) -> Judgement:
    """As a run does it: at rest, what was changed is compared as well, whether a flow names it or not."""
    history.rest()
    unnamed = [effect for effect in history.estate.changed() if effect not in history.expander.effects]
    compare(history.estate, history.ledger, unnamed)
    return history.judge(at_rest=False)


def refused(history: History) -> None:
    """The ERP refuses a routing that nothing names."""
    history.deliver(history.release("ECO-1", PARENT, idle_work_centre=True))
    history.bom(*THIS)
    assert history.routing(*THIS).status == 422


def finish(history: History) -> Judgement:
    """Carry out what is left, and judge."""
    history.activate(*THIS)
    history.wait()
    history.deliver(history.activated(*THIS))
    history.publish(*THIS)
    return judged(history)


def test_refused_and_told(history: History) -> None:
    refused(history)
    history.raise_exception("ECO-1", DE)
    assert convicting(judged(history)) == {}


def test_refused_and_nobody_told(history: History) -> None:
    refused(history)
    assert convicting(judged(history)) == {"completeness": 1}


def test_told_before_anything_was_refused(history: History) -> None:
    event = history.release("ECO-1", PARENT, idle_work_centre=True)
    history.deliver(event)
    history.raise_exception("ECO-1", DE)
    assert history.routing(*THIS).status == 422
    assert convicting(judged(history)) == {"completeness": 1}


def test_withdrawn(history: History) -> None:
    """What the ERP has taken of a change may stay there, or not."""
    history.deliver(history.release("ECO-1", PARENT, effective_in_s=3600.0))
    history.bom(*THIS)
    history.routing(*THIS)
    history.deliver(history.cancel("ECO-1"))
    assert convicting(judged(history)) == {}


def test_a_flow_of_one_step(tmp_path: Path) -> None:
    """The structure is in the ERP; that the routing was refused, and so nothing reached the MES, is not its matter."""
    history = History(tmp_path, flow(STRUCTURE_ONLY))
    refused(history)
    assert convicting(judged(history)) == {}


@pytest.mark.parametrize("factor", [1, 10])
def test_wrong_data_of_the_right_version(history: History, factor: float) -> None:
    history.deliver(history.release("ECO-1", PARENT))
    history.bom(*THIS, factor=factor)
    history.routing(*THIS)
    assert convicting(finish(history)) == ({"convergence": 1, "data": 1} if factor > 1 else {})
