"""The judge as a whole: three-valued, never a pass where nothing was seen, the same bytes every time."""

from pathlib import Path

import msgspec
import pytest

from pilotplant.checks.completeness import Completeness
from pilotplant.checks.judge import Judgement, checks, judge
from pilotplant.checks.once import Once
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import FaultArmed, FaultBitten
from pilotplant.model.verdict import Verdict
from tests.unit.histories import (
    CHANGE,
    CONFIRMATION,
    DE,
    History,
    convicting,
    family,
    flow,
    following_revision,
    revised_parent,
    shipped_flow,
)

PARENT, *_ = family()
THIS = revised_parent()


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A run of the shipped flows."""
    return History(tmp_path)


def work(history: History) -> None:
    """A change and a confirmation, both as they should be."""
    history.deliver(history.release("ECO-1", PARENT))
    history.carry_out(THIS)
    history.book(history.finish_order(DE))


def verdicts(judgement: Judgement) -> dict[str, Verdict]:
    """By check."""
    return {check.check: check.verdict for check in judgement.checks}


def test_an_empty_ledger_is_unknown(history: History) -> None:
    judgement = history.judge()
    assert judgement.verdict is Verdict.UNKNOWN
    assert set(verdicts(judgement).values()) == {Verdict.UNKNOWN}
    assert "Nothing came about that it could judge." in {doubt.sentence for doubt in judgement.doubts}
    assert "Nothing happened that a flow promises anything for: the run proves nothing." in {
        doubt.sentence for doubt in judgement.doubts
    }


def test_a_ledger_without_flows_is_unknown_and_no_check_has_a_say(tmp_path: Path) -> None:
    history = History(tmp_path, without_flows=True)
    work(history)
    judgement = history.judge()
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.checks == ()
    assert [entry.partition(" ")[0] for entry in judgement.untested] == sorted(checks())


MOVED = "reconciliation"


@pytest.mark.parametrize(("name", "untested"), [(CHANGE, ["once", MOVED]), (CONFIRMATION, [MOVED, "sequencing"])])
def test_a_check_that_no_flow_concerns_says_nothing(tmp_path: Path, name: str, untested: list[str]) -> None:
    history = History(tmp_path, shipped_flow(name))
    work(history)
    judgement = history.judge()
    because = "no flow of this run promises anything that it judges"
    assert [entry.partition(" ")[0] for entry in judgement.untested if because in entry] == untested
    assert set(verdicts(judgement)).isdisjoint(untested)
    assert judgement.verdict is Verdict.PASS


def test_a_check_that_had_nothing_to_judge_does_not_say_pass(history: History) -> None:
    """A change is carried out and no order is finished: nothing was booked that could have been booked twice."""
    history.deliver(history.release("ECO-1", PARENT))
    history.carry_out(THIS)
    judgement = history.judge()
    assert verdicts(judgement) == {
        "completeness": Verdict.PASS,
        "convergence": Verdict.PASS,
        "data": Verdict.PASS,
        "manners": Verdict.PASS,
        "once": Verdict.UNKNOWN,
        "security": Verdict.PASS,
        "sequencing": Verdict.PASS,
        "traceability": Verdict.PASS,
    }
    assert {entry.partition(" ")[0] for entry in judgement.untested} == {"atomicity", "reconciliation", "recovery"}
    assert judgement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("where", ["handler", "end"])
def test_a_check_that_breaks_is_unknown_and_named_and_the_others_go_on(
    history: History, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("a defect of the check")

    monkeypatch.setattr(Once, "on_commit" if where == "handler" else "finish", broken)
    work(history)
    history.publish(DE, PARENT, following_revision(PARENT, 0))
    judgement = history.judge()
    assert verdicts(judgement)["once"] is Verdict.UNKNOWN
    assert "once: " in judgement.crashed[0] and "ZeroDivisionError: a defect of the check" in judgement.crashed[0]
    assert ("at #" in judgement.crashed[0]) is (where == "handler")
    assert convicting(judgement)["sequencing"] == 1


def test_a_broken_check_is_never_a_pass(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_check: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr(Completeness, "finish", broken)
    work(history)
    assert history.judge().verdict is Verdict.UNKNOWN


def test_a_torn_ledger_is_judged_up_to_its_last_whole_block(history: History) -> None:
    work(history)
    history.ledger.flush()
    history.rest()
    history.ledger.close()
    path = history.directory / "ledger.msgpack"
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    ledger = Ledger(history.directory)
    judgement = judge(ledger, history.flows)
    assert ledger.torn_bytes > 0
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.counts.records < judge_whole(path, content, history).counts.records
    assert "The run ended before the estate came to rest" in judgement.doubts[0].sentence


def judge_whole(path: Path, content: bytes, history: History) -> Judgement:
    """The judgement of the ledger as it was."""
    path.write_bytes(content)
    return judge(Ledger(history.directory), history.flows)


def test_a_fault_that_never_bit_is_unknown(history: History) -> None:
    history.ledger.write(FaultArmed, 0.0, "response-lost")
    work(history)
    judgement = history.judge()
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNKNOWN
    assert [doubt.sentence for doubt in judgement.doubts] == [
        "The fault response-lost never bit: while it was armed nothing matched, or no draw came up."
    ]


def test_a_fault_that_bit_is_counted(history: History) -> None:
    history.ledger.write(FaultArmed, 0.0, "response-lost")
    history.ledger.write(FaultBitten, 0.0, "response-lost", 1, 1)
    history.ledger.write(FaultBitten, 0.0, "response-lost", 1, 2)
    work(history)
    judgement = history.judge()
    assert judgement.verdict is Verdict.PASS
    assert [(fault.fault, fault.bitten) for fault in judgement.faults] == [("response-lost", 2)]


def test_judged_twice_it_is_the_same_to_the_byte(history: History) -> None:
    work(history)
    event = history.finish_order(DE)
    history.book(event)
    history.post(history.posting(event))
    history.deliver(history.release("ECO-2", PARENT))
    first = history.judge(expressions=("change_propagation p95 < 8s",))
    second = judge(Ledger(history.directory), history.flows, expressions=("change_propagation p95 < 8s",))
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


@pytest.mark.parametrize("critical", ["low", "high"])
def test_findings_of_critical_flows_come_first(tmp_path: Path, critical: str) -> None:
    changes = shipped_flow(CHANGE).model_copy(update={"criticality": "normal"})
    confirmations = shipped_flow(CONFIRMATION).model_copy(update={"criticality": critical})
    history = History(tmp_path, changes, confirmations)
    history.deliver(history.release("ECO-1", PARENT))
    history.deliver(history.finish_order(DE))
    judgement = history.judge()
    instances = [finding.instance.partition("-")[0] for finding in judgement.findings]
    assert instances == (["CNF", "ECO"] if critical == "high" else ["ECO", "CNF"])


RECOVERING = """
flow: recovering
trigger: mes.order.completed
scope: [confirmation, plant]
for_each: movements
coalesce: every
recover_within: 30s
steps:
  bookings: {commit: erp.stock.post, by: [plant, source_document, movement, item, lot]}
"""


@pytest.mark.parametrize(("took_s", "kept"), [(20.0, True), (40.0, False)])
def test_recovery_is_timed_from_the_moment_the_faults_were_lifted(tmp_path: Path, took_s: float, kept: bool) -> None:
    history = History(tmp_path, flow(RECOVERING))
    history.ledger.write(FaultArmed, 0.0, "outage")
    history.ledger.write(FaultBitten, 0.0, "outage", 1, 1)
    event = history.finish_order(DE)
    history.wait(600)
    history.heal()
    history.wait(took_s)
    history.book(event)
    judgement = history.judge()
    assert [t.verdict for t in judgement.thresholds] == [Verdict.PASS if kept else Verdict.FAIL]
    assert judgement.verdict is (Verdict.PASS if kept else Verdict.FAIL)
    assert judgement.missed is not kept
