"""The eleven histories of the shipped flow for engineering changes and one more: those that are correct in their ways,
and two that are not. None of the first is accused; both of the others are convicted."""

from pathlib import Path

import pytest

from pilotplant.checks.judge import Judgement
from pilotplant.model.verdict import Verdict
from pilotplant.systems.mes.operations import publish_routing
from tests.unit.histories import CN, DE, US, History, convicting, family, following_revision

PARENT, COMPONENT, OTHER, BYSTANDER = family()
PARENT_1, PARENT_2 = following_revision(PARENT), following_revision(PARENT, 2)
COMPONENT_1 = following_revision(COMPONENT)
OTHER_1 = following_revision(OTHER)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A fresh run of the shipped flows."""
    return History(tmp_path)


def work_besides(history: History) -> None:
    """What goes on at the same time and is done right, so that every check has something to judge."""
    history.deliver(history.release("ECO-0", BYSTANDER, plants=(US,)))
    history.carry_out((US, BYSTANDER, following_revision(BYSTANDER)))
    history.book(history.finish_order(CN))


def assert_not_accused(history: History) -> Judgement:
    """The verdict is pass, with nothing to say."""
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()
    assert judgement.verdict is Verdict.PASS
    assert {check.check for check in judgement.checks} >= {"completeness", "convergence", "once", "sequencing"}
    return judgement


def test_sequential_revisions(history: History) -> None:
    work_besides(history)
    for change, revision in (("ECO-1", PARENT_1), ("ECO-2", PARENT_2)):
        history.deliver(history.release(change, PARENT))
        history.carry_out((DE, PARENT, revision))
    assert_not_accused(history)


def test_two_revisions_coalesced_into_the_later(history: History) -> None:
    work_besides(history)
    first = history.release("ECO-1", PARENT)
    history.wait(1)
    history.deliver(first, history.release("ECO-2", PARENT))
    history.carry_out((DE, PARENT, PARENT_2))
    assert_not_accused(history)


def test_both_revisions_applied_in_order(history: History) -> None:
    work_besides(history)
    first = history.release("ECO-1", PARENT)
    history.wait(1)
    history.deliver(first, history.release("ECO-2", PARENT))
    history.carry_out((DE, PARENT, PARENT_1))
    history.carry_out((DE, PARENT, PARENT_2))
    assert_not_accused(history)


def test_same_revision_at_a_second_plant(history: History) -> None:
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT, plants=(DE, US)))
    history.carry_out((DE, PARENT, PARENT_1))
    history.carry_out((US, PARENT, PARENT_1))
    assert_not_accused(history)


@pytest.mark.parametrize("done_before", ["nothing", "half", "all"])
def test_cancelled_change(history: History, done_before: str) -> None:
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT))
    if done_before == "half":
        history.active((DE, PARENT, PARENT_1))
    elif done_before == "all":
        history.carry_out((DE, PARENT, PARENT_1))
    history.deliver(history.cancel("ECO-1"))
    judgement = assert_not_accused(history)
    row = next(row for row in judgement.board if row.instance.startswith("ECO-1"))
    assert row.status == ("done" if done_before == "all" else "withdrawn")


def test_partial_plants(history: History) -> None:
    """The items are made at three plants; the change applies to two of them, and one is half a minute behind."""
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT, COMPONENT, plants=(DE, US)))
    history.carry_out((DE, COMPONENT, COMPONENT_1), (DE, PARENT, PARENT_1))
    history.wait(30)
    history.carry_out((US, COMPONENT, COMPONENT_1), (US, PARENT, PARENT_1))
    assert_not_accused(history)


def test_a_later_change_at_one_plant_only(history: History) -> None:
    """What applies at a plant is what its changes said; the other plant rightly stays with the earlier revision."""
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT, plants=(DE, US)))
    history.carry_out((DE, PARENT, PARENT_1), (US, PARENT, PARENT_1))
    history.wait(1)
    history.deliver(history.release("ECO-2", PARENT, plants=(DE,)))
    history.carry_out((DE, PARENT, PARENT_2))
    assert_not_accused(history)


def test_parent_bom_first(history: History) -> None:
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT, COMPONENT))
    history.active((DE, PARENT, PARENT_1))
    history.active((DE, COMPONENT, COMPONENT_1))
    history.publish(DE, PARENT, PARENT_1)
    history.publish(DE, COMPONENT, COMPONENT_1)
    assert_not_accused(history)


def test_staged_instructions(history: History) -> None:
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT))
    history.publish(DE, PARENT, PARENT_1, "staged")
    history.carry_out((DE, PARENT, PARENT_1))
    assert_not_accused(history)


@pytest.mark.parametrize("who", ["planners", "the target, which began at the approval"])
def test_satisfied_beforehand(history: History, who: str) -> None:
    """When the change is released, the ERP has its revision already; only the MES is left to do."""
    work_besides(history)
    history.approve("ECO-1", PARENT)
    if who == "planners":
        history.prepare_by_hand(DE, PARENT, PARENT_1)
    else:
        history.prepare((DE, PARENT, PARENT_1))
    history.wait()
    history.deliver(history.release_approved("ECO-1"))
    assert history.read_version(DE, PARENT).status == 200
    history.publish(DE, PARENT, PARENT_1)
    assert_not_accused(history)


def test_defective_routing_executable_before_activation(history: History) -> None:
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare((DE, PARENT, PARENT_1))
    history.publish(DE, PARENT, PARENT_1)
    history.wait()
    history.deliver(history.activated(DE, PARENT, PARENT_1))
    judgement = history.judge()
    assert convicting(judgement) == {"sequencing": 1}
    finding = judgement.findings[0]
    assert finding.sentence.startswith(f"MES DE01 received work instructions {PARENT}/{PARENT_1} at DE01 at #")
    assert "is the first message that reveals it" in finding.sentence
    assert [proof.text for proof in finding.proof][-1] == "the first message that reveals it"


def test_defective_an_atomic_scope_half_executable(history: History) -> None:
    """Each item waits for its own activation, but not for the other item of the same change at the plant."""
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT, OTHER))
    history.carry_out((DE, PARENT, PARENT_1))
    history.carry_out((DE, OTHER, OTHER_1))
    judgement = history.judge()
    assert convicting(judgement) == {"sequencing": 1}
    assert judgement.findings[0].instance == "ECO-1@DE01"


def test_in_flight_when_the_confirmation_came_is_convicted_too(history: History) -> None:
    """The request was complete before anybody was told, and took effect after."""
    work_besides(history)
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare((DE, PARENT, PARENT_1))
    request = history.open(f"mes@{DE}", publish_routing, history.publishing(DE, PARENT, PARENT_1))
    history.wait()
    history.deliver(history.activated(DE, PARENT, PARENT_1))
    request.commit()
    history.answer(request)
    assert convicting(history.judge()) == {"sequencing": 1}
