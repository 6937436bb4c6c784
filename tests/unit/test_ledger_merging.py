"""Segments of several processes become one ledger: same records, same references, same verdict; what is too close stays
open."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.checks.judge import Judgement, judge
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger import merging
from pilotplant.ledger.header import Header
from pilotplant.ledger.merging import _NUMBERED, _WITH_BODY, MAIN, UNCERTAIN_S, base_of, merge, seal, segment_in, whole
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Record, Request, ResponseEnd, ResponseFirst
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.verdict import Verdict
from tests.unit.histories import (
    CHANGE,
    CONFIRMATION,
    DE,
    History,
    convicting,
    family,
    flow,
    revised_parent,
    shipped_flow,
)
from tests.unit.test_checks_classes import parent_before_component
from tests.unit.test_checks_sequencing import FORBIDDING

AT_THE_DOOR = (Request, ResponseFirst, ResponseEnd)
PARENT, *_ = family()
THIS = revised_parent()


def taken_apart(
    history: History, directory: Path, *, step_s: float, kept: int = 1 << 60, killed: tuple[str, int] = ("", 1 << 60)
) -> Judgement:
    """Judge a history as if each of its systems had had a process of its own, with so much time between two records.

    `kept`: of the processes of systems, only so many records were written before they were killed. `killed`: the
    process of this system was killed, and wrote nothing from this record on.
    """
    history.rest()
    history.ledger.close()
    ledger = Ledger(history.directory)
    names = ledger.header.systems
    header = msgspec.structs.replace(ledger.header, segments=tuple(range(1, len(names) + 1)))
    writers = [LedgerWriter(segment_in(directory, MAIN), header)]
    writers += [
        LedgerWriter(segment_in(directory, name), header, first=base_of(number + 1))
        for number, name in enumerate(names)
    ]
    numbers = {0: 0}
    for record in ledger:
        segment = header.segments[record.system] if isinstance(record, AT_THE_DOOR) else 0
        writer = writers[segment]
        cut = segment and names[segment - 1] == killed[0] and record.seq >= killed[1]
        if cut or (segment and writer.seq - base_of(segment) >= kept):
            numbers[record.seq] = base_of(segment) + (1 << 30) + record.seq
            continue
        fields: dict[str, Any] = {name: getattr(record, name) for name in record.__struct_fields__[2:]}
        for name in _NUMBERED.get(type(record), ()):
            fields[name] = numbers[fields[name]]
        if type(record) in _WITH_BODY:
            fields["body"] = writer.body(ledger.body(fields["body"]))
        numbers[record.seq] = writer.write(type(record), record.seq * step_s, *fields.values())
    for writer in writers:
        writer.close()
    for name in names:
        if name != killed[0] and kept == 1 << 60:
            seal(segment_in(directory, name))
    merge(directory)
    return judge(Ledger(directory), history.flows)


def test_what_was_taken_apart_is_what_it_was(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE, scrap=1))
    apart = tmp_path / "apart"
    judgement = taken_apart(history, apart, step_s=0.01)
    assert judgement.verdict is Verdict.PASS and judgement.findings == () and judgement.doubts == ()

    def told(record: Record) -> list[Any]:
        return [value for name, value in msgspec.structs.asdict(record).items() if name not in ("t", "body")]

    before, after = Ledger(tmp_path), Ledger(apart)
    assert [told(record) for record in before] == [told(record) for record in after]
    bodies = [
        [ledger.body(record.body) for record in ledger if isinstance(record, _WITH_BODY)] for ledger in (before, after)
    ]
    assert bodies[0] == bodies[1] and any(bodies[0])
    assert not (apart / "segments" / "merged").exists()


def test_a_second_booking_is_found_across_segments(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    event = history.finish_order(DE)
    history.book(event)
    history.post(history.posting(event))
    judgement = taken_apart(history, tmp_path / "apart", step_s=0.01)
    assert convicting(judgement) == {"once": 1}


def told_too_late(history: History) -> None:
    """The instructions come just before the event that reveals what they have to wait for."""
    history.deliver(history.release("ECO-1", PARENT))
    history.prepare(THIS)
    history.wait()
    history.publish(*THIS)
    history.deliver(history.activated(*THIS))


def refused_before(history: History) -> None:
    """The instructions come just after the ERP has refused what they must not do without."""
    history.deliver(history.release("ECO-1", PARENT, idle_work_centre=True))
    assert history.routing(*THIS).status == 422
    history.publish(*THIS)


def withdrawn_before(history: History) -> None:
    """The target acknowledges that the change is withdrawn, is told of it, and carries it out."""
    release = history.release("ECO-1", PARENT)
    history.deliver(history.cancel("ECO-1"), release)
    history.carry_out(THIS)


@pytest.mark.parametrize("step_s", [0.01, 0.000_01])
@pytest.mark.parametrize(
    ("happens", "flows"),
    [
        (told_too_late, shipped_flow(CHANGE)),
        (refused_before, flow(FORBIDDING)),
        (withdrawn_before, shipped_flow(CHANGE)),
    ],
)
def test_what_two_processes_say_within_5_ms_is_left_open(
    tmp_path: Path, happens: Callable[[History], None], flows: FlowSpec, step_s: float
) -> None:
    history = History(tmp_path, flows)
    happens(history)
    judgement = taken_apart(history, tmp_path / "apart", step_s=step_s)
    if step_s > UNCERTAIN_S:
        assert set(convicting(judgement)) == {"sequencing"}
    else:
        assert judgement.findings == () and judgement.verdict is Verdict.UNKNOWN
        told = [doubt.sentence for doubt in judgement.doubts if doubt.check == "sequencing"]
        assert told and all("came first cannot be said: different processes" in sentence for sentence in told)


def test_a_request_that_nobody_wrote_down_came_nobody_knows_when(tmp_path: Path) -> None:
    """The process of the MES was killed before it had written that the instructions were sent."""
    history = History(tmp_path, flow(FORBIDDING))
    history.deliver(history.release("ECO-1", PARENT, idle_work_centre=True))
    assert history.routing(*THIS).status == 422
    before = history.ledger.seq
    history.publish(*THIS)
    judgement = taken_apart(history, tmp_path / "apart", step_s=0.01, killed=(f"mes@{DE}", before + 1))
    assert judgement.findings == () and judgement.verdict is Verdict.UNKNOWN
    assert any("nobody knows when its request came" in doubt.sentence for doubt in judgement.doubts)


def test_what_was_refused_and_what_was_missing_are_of_one_process(tmp_path: Path) -> None:
    """Whoever holds the state wrote both: that the structure came before its component is certain, however close."""
    history = History(tmp_path, shipped_flow(CHANGE))
    parent_before_component(history, sends_item=True, sends_again=False)
    judgement = taken_apart(history, tmp_path / "apart", step_s=0.000_01)
    assert [finding.step for finding in judgement.findings if finding.check == "sequencing"] == ["premature"]


def test_a_killed_process_leaves_places_and_no_system_that_acted_by_itself(tmp_path: Path) -> None:
    """What it had not written is missing; commits still name the exchange that they belong to."""
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    judgement = taken_apart(history, tmp_path / "apart", step_s=0.01, kept=0)
    commits = [record for record in Ledger(tmp_path / "apart") if isinstance(record, Commit)]
    booked = [record for record in commits if record.system == history.ledger.systems["erp"]]
    assert booked and all(0 < record.exchange < record.seq for record in booked)
    assert judgement.findings == ()


@pytest.mark.parametrize("polled", [True, False])
def test_what_a_killed_process_may_have_told_accuses_nobody(tmp_path: Path, polled: bool) -> None:
    """The middleware asked the ERP whether the activation was done, and was told so by a process that was killed before
    it had written that down. Where the process lived on until the instructions came, they are too early."""
    history = History(tmp_path, shipped_flow(CHANGE))
    history.deliver(history.release("ECO-1", PARENT))
    history.bom(*THIS)
    history.routing(*THIS)
    job = history.activate(*THIS)
    history.wait()
    before = history.ledger.seq
    if polled:
        history.poll_job(job)
    history.publish(*THIS)
    if not polled:
        history.poll_job(job)
    last = before if polled else history.ledger.seq
    judgement = taken_apart(history, tmp_path / "apart", step_s=0.01, killed=("erp", last + 1))
    if polled:
        assert judgement.findings == () and judgement.verdict is Verdict.UNKNOWN
        assert any("was killed" in doubt.sentence for doubt in judgement.doubts)
    else:
        assert convicting(judgement) == {"sequencing": 1}


def test_a_run_that_was_killed_is_put_together_when_it_is_read(tmp_path: Path) -> None:
    history = History(tmp_path, shipped_flow(CONFIRMATION))
    history.book(history.finish_order(DE))
    apart = tmp_path / "apart"
    taken_apart(history, apart, step_s=0.01)
    (apart / "ledger.msgpack").unlink()
    assert len(list(whole(apart))) == len(list(Ledger(tmp_path)))


def long_run(directory: Path, rounds: int) -> list[Commit]:
    """Merge a run of so many requests, each of which repeats the first fact of all; the commits as they are now."""
    header = Header("r", 0, 0.0, 1.0, "live", ("erp",), (), segments=(1,))
    main = LedgerWriter(segment_in(directory, MAIN), header)
    door = LedgerWriter(segment_in(directory, "erp"), header, first=base_of(1))
    first = 0
    for number in range(rounds):
        request = door.write(Request, number, 0, 0, (), "", 0, 0, "", 0, 0)
        commit = main.write(Commit, number + 0.1, 0, request, 0, "fact", 0, first)
        first = first or commit
        door.write(ResponseFirst, number + 0.2, 0, request, 200, 0)
        door.write(ResponseEnd, number + 0.3, 0, request, 0, 0)
    main.close()
    door.close()
    merge(directory)
    return [each for each in Ledger(directory) if isinstance(each, Commit)]


def test_a_long_run_takes_no_more_memory_than_a_short_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was done long ago is still named."""
    take, peaks = merging._Merging.take, []

    def measured(merges: Any, ledgers: list[Ledger]) -> None:
        tracemalloc.start()
        try:
            take(merges, ledgers)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    monkeypatch.setattr(merging, "KEPT", 500)
    monkeypatch.setattr(merging._Merging, "take", measured)
    long_run(tmp_path / "short", 2_000)
    commits = long_run(tmp_path / "long", 6_000)
    assert peaks[1] < 1.1 * peaks[0]
    assert all(commit.exchange == commit.seq - 1 for commit in commits)
    assert {commit.repeat_of for commit in commits[1:]} == {2}
