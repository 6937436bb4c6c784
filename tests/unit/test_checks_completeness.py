"""`completeness` proves itself on planted defects and stays silent on their correct twins."""

from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from pilotplant.checks.finding import Severity
from pilotplant.checks.judge import Judgement
from pilotplant.ledger.records import Crash, Reject, Restart
from pilotplant.model.revisions import ordinal
from pilotplant.model.verdict import Verdict
from pilotplant.systems.erp.stock import PostLine, PostStock, post_stock
from pilotplant.systems.mes.events import OrderCompleted
from pilotplant.systems.system import Published
from pilotplant.target.model import Declares
from tests.unit.histories import (
    CHANGE,
    CN,
    CONFIRMATION,
    DE,
    US,
    History,
    convicting,
    family,
    following_revision,
    shipped_flow,
)

PARENT, COMPONENT, OTHER, BYSTANDER = family()
PARENT_1, PARENT_2 = following_revision(PARENT), following_revision(PARENT, 2)
COMPONENT_1 = following_revision(COMPONENT)


@pytest.fixture
def changes(tmp_path: Path) -> History:
    """A run of the shipped flow for changes in which one change is carried out as it should be."""
    history = History(tmp_path, shipped_flow(CHANGE))
    history.deliver(history.release("ECO-0", BYSTANDER, plants=(CN,)))
    history.carry_out((CN, BYSTANDER, following_revision(BYSTANDER)))
    return history


@pytest.fixture
def confirmations(tmp_path: Path) -> History:
    """A run of the shipped flow for confirmations in which one is booked."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(CN))
    return history


def silent(history: History) -> Judgement:
    """Nobody is accused and nothing is in doubt."""
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.doubts == ()
    assert judgement.verdict is Verdict.PASS
    return judgement


def convicted(history: History, sentence: str) -> Judgement:
    """Completeness alone convicts, once, with this in its sentence."""
    judgement = history.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert sentence in judgement.findings[0].sentence
    return judgement


def unknown(history: History, sentence: str) -> Judgement:
    """Nobody is accused, and this is in doubt."""
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN
    assert sentence in judgement.doubts[0].sentence
    assert judgement.doubts[0].would_help
    return judgement


# --- missing ----------------------------------------------------------------------------------------------------------


def test_known_and_never_carried_out(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, plants=(DE, US)))
    changes.carry_out((DE, PARENT, PARENT_1))
    judgement = convicted(changes, "ECO-1@US01 was never carried out.")
    assert judgement.findings[0].plant == US
    assert judgement.findings[0].sentence.startswith("ECO-1@US01 ")
    assert [proof.text.partition(" ")[0] for proof in judgement.findings[0].proof] == [
        "plm.change.released",
        "delivers",
        "acknowledges",
        "at",
    ]


def test_half_carried_out(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.active((DE, PARENT, PARENT_1))
    convicted(changes, f"was only half carried out. Missing in MES: work instructions {PARENT}/{PARENT_1}.")


def test_a_confirmation_that_was_acknowledged_and_lost(confirmations: History) -> None:
    confirmations.deliver(confirmations.finish_order(DE))
    convicted(confirmations, "CNF-0000001@DE01 was never carried out. Missing in ERP: receipt of ")


def test_never_delivered_is_unknown(confirmations: History) -> None:
    confirmations.finish_order(DE)
    unknown(confirmations, "was never delivered to the target, so it cannot be blamed")


def test_what_would_help_is_to_send_it_where_none_of_its_kind_was_sent(tmp_path: Path, changes: History) -> None:
    changes.release("ECO-1", PARENT)
    assert "endpoint is reachable" in unknown(changes, "was never delivered to the target").doubts[0].would_help
    (tmp_path / "deaf").mkdir()
    history = History(tmp_path / "deaf", shipped_flow(CHANGE))
    history.release("ECO-1", PARENT)
    judged = history.judge(expressions=["facts.lost == 0"])
    doubt = next(doubt for doubt in judged.doubts if "was never delivered to the target" in doubt.sentence)
    assert "no `plm.change.released` was sent" in doubt.would_help
    assert "leave `engineering-change` out" in doubt.would_help
    assert judged.thresholds[0].sentence == "completeness could not decide everything, so facts.lost is not known"


def test_delivered_and_never_acknowledged_was_known(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.send_event(event)
    confirmations.acknowledge(event, status=0, note="reset")
    convicted(confirmations, "was never carried out")


def test_what_waits_for_something_that_was_never_told_is_unknown(changes: History) -> None:
    """The activation came about, and its event never reached the target."""
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.prepare((DE, PARENT, PARENT_1))
    changes.wait()
    unknown(changes, f"nothing that the target was sent ever told it of active version {PARENT}/{PARENT_1}")


def test_giving_up_is_told(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.rest(settled=False)
    judgement = changes.judge(at_rest=False)
    assert judgement.findings == ()
    assert "may still have been at work on ECO-1@DE01" in judgement.doubts[0].sentence
    assert "did not come to rest: the target was still trying" in judgement.doubts[-1].sentence
    assert judgement.verdict is Verdict.UNKNOWN


def test_a_dead_target_is_not_still_at_work(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.ledger.write(Crash, changes.world.env.now, 0, "it ended by itself")
    changes.rest(settled=False)
    judgement = changes.judge(at_rest=False)
    assert convicting(judgement) == {"completeness": 1}
    assert "(the target died)" in judgement.findings[0].sentence


@pytest.mark.parametrize("dead", [1, 2])
def test_who_was_started_again_or_goes_on_beside_the_dead_may_still_be_at_work(changes: History, dead: int) -> None:
    """It was killed and came back, or one of two instances was asked to end."""
    now = changes.world.env.now
    changes.deliver(changes.release("ECO-1", PARENT))
    for start in (1, 2):
        changes.ledger.write(Restart, now, start)
    changes.ledger.write(Crash, now, dead, "")
    changes.rest(settled=False)
    judgement = changes.judge(at_rest=False)
    assert judgement.findings == ()
    assert "may still have been at work on ECO-1@DE01" in judgement.doubts[0].sentence


def test_a_refusal_of_what_was_not_intended_excuses_nothing(changes: History) -> None:
    """The plant would have taken the right structure; what it refused was the target's own mistake."""
    changes.deliver(changes.release("ECO-1", PARENT))
    lines = changes.estate.systems["plm"].state.bom(PARENT, PARENT_1).lines
    wrong = tuple(type(line)(line.component, line.quantity, "parsec") for line in lines)
    assert changes.send_bom(DE, PARENT, PARENT_1, wrong).status == 422
    changes.raise_exception("ECO-1", DE)
    convicted(changes, "ECO-1@DE01 was never carried out")


def test_given_up_with_everything_done_is_unknown(changes: History) -> None:
    changes.rest(settled=False)
    judgement = changes.judge(at_rest=False)
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN


def test_a_run_that_was_cut_short_says_nothing_of_what_is_missing(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    judgement = changes.judge(at_rest=False)
    assert judgement.findings == ()
    assert {doubt.check for doubt in judgement.doubts} >= {"completeness", "convergence"}


# --- refused ----------------------------------------------------------------------------------------------------------


def test_refused_and_an_exception_raised(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, idle_work_centre=True))
    changes.bom(DE, PARENT, PARENT_1)
    assert changes.routing(DE, PARENT, PARENT_1).status == 422
    changes.raise_exception("ECO-1", DE)
    judgement = silent(changes)
    assert [row.status for row in judgement.board if row.instance == "ECO-1@DE01"] == ["excused"]


def test_refused_and_no_exception(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, idle_work_centre=True))
    changes.bom(DE, PARENT, PARENT_1)
    changes.routing(DE, PARENT, PARENT_1)
    convicted(changes, "and no exception was raised for ECO-1@DE01")


def test_refused_and_an_exception_for_another_plant(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, idle_work_centre=True))
    changes.routing(DE, PARENT, PARENT_1)
    changes.raise_exception("ECO-1", US)
    convicted(changes, "and no exception was raised for ECO-1@DE01")


def test_an_exception_without_a_refusal_excuses_nothing(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.raise_exception("ECO-1", DE)
    convicted(changes, "ECO-1@DE01 was never carried out")


def test_refused_then_mended_and_done(changes: History) -> None:
    """The first attempt named no component lines that the plant knows; the second is right."""
    changes.deliver(changes.release("ECO-1", PARENT))
    lines = changes.estate.systems["plm"].state.bom(PARENT, PARENT_1).lines
    wrong = tuple(type(line)("NO-SUCH-ITEM", line.quantity, line.unit) for line in lines)
    assert changes.send_bom(DE, PARENT, PARENT_1, wrong).status == 422
    changes.carry_out((DE, PARENT, PARENT_1))
    silent(changes)


def test_a_refusal_by_event_without_an_exception(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.let_activation_fail(DE, PARENT, PARENT_1)
    changes.deliver(changes.last("erp.version.rejected"))
    judgement = changes.judge()
    assert convicting(judgement)["completeness"] == 1
    assert "(in an event, #" in judgement.findings[0].sentence


def test_a_refusal_by_event_with_an_exception(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.let_activation_fail(DE, PARENT, PARENT_1)
    changes.deliver(changes.last("erp.version.rejected"))
    changes.raise_exception("ECO-1", DE)
    assert "completeness" not in convicting(changes.judge())


def test_a_refusal_by_event_that_was_never_told_is_unknown(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.let_activation_fail(DE, PARENT, PARENT_1)
    judgement = changes.judge()
    assert "completeness" not in convicting(judgement)
    assert any("the target was never told" in doubt.sentence for doubt in judgement.doubts)


def refused_by_the_shop_floor(changes: History) -> None:
    """The MES does not know one of the two items yet. The flow says nothing of what follows from that."""
    changes.deliver(changes.release("ECO-1", PARENT, OTHER))
    changes.active((DE, PARENT, PARENT_1), (DE, OTHER, following_revision(OTHER)))
    mes = changes.estate.systems[f"mes@{DE}"].state
    known, mes.knows = mes.knows, lambda item: item != PARENT and known(item)
    assert changes.publish(DE, PARENT, PARENT_1).status == 422
    mes.knows = known


def test_refused_where_the_flow_says_nothing_and_told(changes: History) -> None:
    refused_by_the_shop_floor(changes)
    changes.raise_exception("ECO-1", DE)
    assert "completeness" not in convicting(changes.judge())


@pytest.mark.parametrize("exception", [False, True])
def test_refused_where_the_flow_says_nothing_and_left_alone(changes: History, exception: bool) -> None:
    """Nobody was told, or the refused was made good afterwards, so that nothing is in the way of the rest."""
    refused_by_the_shop_floor(changes)
    if exception:
        changes.raise_exception("ECO-1", DE)
        changes.publish(DE, PARENT, PARENT_1)
    convicted(changes, "ECO-1@DE01 was only half carried out. Missing in MES: work instructions")


@pytest.mark.parametrize("exception", [False, True])
def test_sent_again_after_a_crash_and_then_refused(changes: History, exception: bool) -> None:
    """What was taken before is refused when it comes once more, and there the target stops; it has to tell a person."""
    changes.deliver(changes.release("ECO-1", PARENT))
    changes.active((DE, PARENT, PARENT_1))
    ledger = changes.ledger
    system, operation = ledger.systems["erp"], ledger.operations["erp.routing.upsert"]
    effect = f"erp.routing.upsert|{DE}|{PARENT}"
    ledger.write(Reject, changes.world.env.now, system, 1, operation, effect, ordinal(PARENT_1), "forbidden", 403, True)
    if exception:
        changes.raise_exception("ECO-1", DE)
    assert ("completeness" in convicting(changes.judge())) is not exception


# --- overtaken and withdrawn ------------------------------------------------------------------------------------------


def test_overtaken_by_a_later_change_that_was_refused(changes: History) -> None:
    first = changes.release("ECO-1", PARENT, COMPONENT)
    changes.wait(1)
    changes.deliver(first, changes.release("ECO-2", PARENT, idle_work_centre=True))
    assert changes.routing(DE, PARENT, PARENT_2).status == 422
    changes.raise_exception("ECO-2", DE)
    silent(changes)


def test_overtaken_by_a_later_change_that_was_cancelled(changes: History) -> None:
    first = changes.release("ECO-1", PARENT, COMPONENT)
    changes.wait(1)
    changes.deliver(first, changes.release("ECO-2", PARENT))
    changes.deliver(changes.cancel("ECO-2"))
    silent(changes)


def test_refused_and_then_overtaken_needs_no_exception_of_its_own(changes: History) -> None:
    changes.deliver(changes.release("ECO-1", PARENT, idle_work_centre=True))
    assert changes.routing(DE, PARENT, PARENT_1).status == 422
    changes.wait(1)
    changes.deliver(changes.release("ECO-2", PARENT))
    assert changes.routing(DE, PARENT, PARENT_2).status == 422
    changes.raise_exception("ECO-2", DE)
    silent(changes)


def refused_and_made_good_by_a_newer_version(changes: History, *, refused: bool, exception: str = "after") -> None:
    """One item of ECO-1 is refused, ECO-2 takes that item further, and the other item of ECO-1 is left alone."""
    changes.deliver(changes.release("ECO-1", PARENT, OTHER))
    if exception == "before":
        changes.raise_exception("ECO-1", DE)
    if refused:
        changes.let_activation_fail(DE, PARENT, PARENT_1)
        changes.deliver(changes.last("erp.version.rejected"))
    if exception == "after":
        changes.raise_exception("ECO-1", DE)
    changes.wait(1)
    changes.deliver(changes.release("ECO-2", PARENT))
    changes.carry_out((DE, PARENT, PARENT_2))


def test_refused_and_told_stays_so_when_a_newer_version_is_carried_out(changes: History) -> None:
    refused_and_made_good_by_a_newer_version(changes, refused=True)
    silent(changes)


@pytest.mark.parametrize(("told", "convicts"), [(True, False), (False, True)])
def test_refused_after_a_newer_version_was_carried_out(changes: History, told: bool, convicts: bool) -> None:
    """Two changes of one item are under way at once, and the refusal of the older comes last."""
    first = changes.release("ECO-1", PARENT, OTHER)
    changes.wait(1)
    changes.deliver(first, changes.release("ECO-2", PARENT))
    changes.carry_out((DE, PARENT, PARENT_2))
    changes.let_activation_fail(DE, PARENT, PARENT_1)
    changes.deliver(changes.last("erp.version.rejected"))
    if told:
        changes.raise_exception("ECO-1", DE)
    assert ("completeness" in convicting(changes.judge())) is convicts


@pytest.mark.parametrize(("refused", "exception"), [(True, ""), (True, "before"), (False, "after")])
def test_a_newer_version_excuses_nobody_who_simply_stops(changes: History, refused: bool, exception: str) -> None:
    """Nobody was told of the refusal, or there was none."""
    refused_and_made_good_by_a_newer_version(changes, refused=refused, exception=exception)
    judgement = changes.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert judgement.findings[0].instance == "ECO-1@DE01"


def test_overtaken_excuses_nothing_while_the_later_change_is_open(changes: History) -> None:
    first = changes.release("ECO-1", PARENT)
    changes.wait(1)
    changes.deliver(first, changes.release("ECO-2", PARENT))
    convicted(changes, "ECO-2@DE01 was never carried out")


def test_the_rest_of_an_overtaken_change_is_still_owed(changes: History) -> None:
    first = changes.release("ECO-1", PARENT, OTHER)
    changes.wait(1)
    changes.deliver(first, changes.release("ECO-2", PARENT))
    changes.carry_out((DE, PARENT, PARENT_2))
    judgement = changes.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert judgement.findings[0].instance == "ECO-1@DE01"


# --- taken back, and not asked for ------------------------------------------------------------------------------------


def test_undone_and_never_booked_again(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.reverse(confirmations.book(event))
    judgement = confirmations.judge()
    lines = len(confirmations.posting(event).lines)
    assert convicting(judgement) == {"completeness": lines}
    assert judgement.findings[0].sentence.startswith("The receipt of ")
    assert "was taken back at #" in judgement.findings[0].sentence


def test_a_counted_effect_that_nothing_asks_for(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.book(event)
    confirmations.post(confirmations.posting(event, source="CNF-9999999"))
    judgement = confirmations.judge()
    assert set(convicting(judgement)) == {"completeness"}
    assert "but nothing had happened that asks for it" in judgement.findings[0].sentence


def test_a_counted_effect_that_nothing_asks_for_and_that_was_taken_back(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.book(event)
    confirmations.reverse(confirmations.post(confirmations.posting(event, source="CNF-9999999")))
    silent(confirmations)


def test_a_state_that_nothing_asks_for_only_warns(changes: History) -> None:
    changes.approve("ECO-1", PARENT)
    changes.bom(DE, PARENT, PARENT_1)
    judgement = changes.judge()
    assert [finding.severity for finding in judgement.findings] == [Severity.WARN]
    assert judgement.verdict is Verdict.PASS


# --- events that nobody can carry out ---------------------------------------------------------------------------------

POISON = "CNF-6000002"


def poison(history: History, about: str, *, status: int = 202) -> None:
    """Besides a confirmation that is booked comes an event that cannot be carried out."""
    event = history.finish_order(DE)
    history.book(event)
    history.send_event(event, bent="poison", about=about)
    history.acknowledge(event, status=status)


@pytest.mark.parametrize("about", ["?", f"{DE}/{POISON}"])
def test_taken_and_nobody_told(confirmations: History, about: str) -> None:
    poison(confirmations, about)
    judgement = convicted(confirmations, "An event that nobody can carry out was acknowledged")
    assert judgement.findings[0].step == "silent-drop"
    assert len(judgement.findings[0].proof) == 2


@pytest.mark.parametrize(("about", "subject"), [("?", "9f86d081"), (f"{DE}/{POISON}", POISON)])
def test_taken_and_told_by_whatever_name(confirmations: History, about: str, subject: str) -> None:
    poison(confirmations, about)
    confirmations.raise_exception(subject, "")
    silent(confirmations)


def test_not_taken_tells_the_sender(confirmations: History) -> None:
    poison(confirmations, "?", status=400)
    silent(confirmations)


def test_whoever_polls_need_not_read_what_is_sent(confirmations: History) -> None:
    poison(confirmations, "?")
    assert confirmations.judge(declares=Declares(poll_interval=1)).findings == ()


def test_told_of_one_says_nothing_of_another(confirmations: History) -> None:
    """The exception names what the other event was about, and so cannot mean the one that nobody can read."""
    poison(confirmations, "?")
    poison(confirmations, f"{DE}/{POISON}")
    confirmations.raise_exception(POISON, DE)
    judgement = convicted(confirmations, "and nobody was told of it.")
    assert "delivers what cannot be read" in judgement.findings[0].proof[0].text


def test_told_before_it_came_is_about_something_else(confirmations: History) -> None:
    confirmations.raise_exception("9f86d081", "")
    poison(confirmations, "?")
    convicted(confirmations, "and nobody was told of it.")


# --- without an identity ----------------------------------------------------------------------------------------------


def test_without_a_source_document_it_is_unknown_and_says_what_would_help(confirmations: History) -> None:
    event = confirmations.finish_order(DE)
    confirmations.deliver(event)
    confirmations.post(confirmations.posting(event, source=""))
    judgement = confirmations.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN
    about = [doubt for doubt in judgement.doubts if doubt.check == "completeness"]
    assert [doubt.would_help for doubt in about] == ["set `source_document` to the number of the confirmation"]


def test_a_posting_without_identity_accounts_for_nothing_that_it_does_not_resemble(confirmations: History) -> None:
    """One posting at another plant does not excuse what is missing here."""
    here, there = confirmations.finish_order(DE), confirmations.finish_order(US)
    confirmations.deliver(here, there)
    confirmations.post(confirmations.posting(there, source=""))
    judgement = confirmations.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert judgement.findings[0].instance == "CNF-0000001@DE01"


def alike(history: History) -> tuple[Published, Published]:
    """Two confirmations of the same: item, quantity, and no lots to tell them by."""
    item = next(i.number for i in history.estate.dataset.items.values() if i.made and i.tracking == "none")
    plant = history.estate.dataset.items[item].plants[0]
    first, second = history.finish_order(plant, item), history.finish_order(plant, item)
    history.deliver(first, second)
    return first, second


def sum_of(history: History, *events: Published, factor: float = 1.0) -> PostStock:
    """One posting for all of them, without a number of any; with a `factor`, one with wrong quantities."""
    totals: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for event in events:
        for line in history.posting(event, factor=factor).lines:
            totals[line.movement, line.item, line.unit, line.lot] += line.quantity
    lines = tuple(
        PostLine(movement=movement, item=item, quantity=quantity, unit=unit, lot=lot)  # type: ignore[arg-type]
        for (movement, item, unit, lot), quantity in totals.items()
    )
    return msgspec.structs.replace(history.posting(events[0], source=""), lines=lines)


def test_two_confirmations_and_one_posting_without_identity(confirmations: History) -> None:
    """Which of the two is missing cannot be said; that one is can, where item and lot are the same."""
    first, _second = alike(confirmations)
    confirmations.post(confirmations.posting(first, source=""))
    judgement = confirmations.judge()
    assert convicting(judgement) == {"completeness": 1}
    assert judgement.verdict is Verdict.FAIL


def test_two_confirmations_and_their_sum_are_not_accused(confirmations: History) -> None:
    """An aggregator: nothing ties the sum to either, and it accounts for both."""
    events = alike(confirmations)
    confirmations.send_event(events[0], bent="unknown-field")
    confirmations.post(sum_of(confirmations, *events))
    judgement = confirmations.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN


def test_a_sum_that_falls_short_is_convicted(confirmations: History) -> None:
    confirmations.post(sum_of(confirmations, *alike(confirmations), factor=0.75))
    assert set(convicting(confirmations.judge())) == {"completeness"}


def test_a_sum_that_was_booked_twice_is_convicted(confirmations: History) -> None:
    """Two postings are not more than two confirmations ask for; four times the quantity is."""
    both = sum_of(confirmations, *alike(confirmations))
    for _time in range(2):
        confirmations.post(both)
    judgement = confirmations.judge()
    assert set(convicting(judgement)) == {"once"}
    assert "20 in all" in judgement.findings[0].sentence and "only 10 is asked for" in judgement.findings[0].sentence


@pytest.mark.parametrize(("told", "accused"), [(True, {}), (False, {"completeness": 2})])
def test_a_sum_that_is_refused(confirmations: History, told: bool, accused: dict[str, int]) -> None:
    """What was part of it is told to somebody, or it is lost."""
    events = alike(confirmations)
    erp = confirmations.estate.systems["erp"].state
    known, erp.item = erp.item, lambda plant, item: None
    assert confirmations.call("erp", post_stock, sum_of(confirmations, *events)).status in (404, 422)
    erp.item = known
    for event in events if told else ():
        done = event.event
        assert isinstance(done, OrderCompleted)
        confirmations.raise_exception(done.confirmation, done.plant)
    judgement = confirmations.judge()
    assert convicting(judgement) == accused
    assert judgement.verdict is (Verdict.UNKNOWN if told else Verdict.FAIL)
