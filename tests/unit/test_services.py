"""What a target gives up elsewhere reaches the desk, whatever it is written in; hooks are called, in their time."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pilotplant.ledger.records import Commit, Request
from pilotplant.model.errors import TargetError
from pilotplant.run.services import Services
from pilotplant.target.exceptions import ExceptionsSpec
from pilotplant.target.model import TargetSpec
from tests.estates import Live, live

PARTS: dict[str, Any] = {
    "subject": {"field": "Betreff", "pattern": "CNF-[0-9]+"},
    "plant": "Werk",
    "owner": {"field": "Amt", "values": {"FI": "planning"}},
    "reason": "Grund",
    "flow": {"constant": "production-confirmation"},
}
ENTRY = {"Betreff": "Meldung CNF-0000007", "Werk": "DE01", "Amt": "FI", "Grund": "period-closed"}


def used(folder: Path, act: Callable[[Services, Live], Awaitable[None]], **spec: Any) -> None:
    async def main() -> None:
        async with live(folder) as estate:
            target = TargetSpec.model_validate({"target": "t", "deliver": {"url": "http://h/"}, **spec})
            services = Services(target, estate.host, {"work": str(folder), "python": sys.executable}, folder)
            try:
                await act(services, estate)
            finally:
                await services.after()

    asyncio.run(main())


def raised(estate: Live) -> list[str]:
    return [commit.effect for commit in estate.records(Commit) if commit.effect.startswith("desk.")]


EXPECTED = ["desk.exception.raise|DE01|CNF-0000007|period-closed"]


def test_a_file_with_a_document_a_line(tmp_path: Path) -> None:
    async def act(services: Services, estate: Live) -> None:
        await services.collect()  # it is not there yet
        path = tmp_path / "given-up.jsonl"
        path.write_text(json.dumps(ENTRY) + "\n" + json.dumps(ENTRY)[:20], "utf-8")
        await services.collect()
        await services.collect()
        assert raised(estate) == EXPECTED, "once, and not the line that is half written"
        (request,) = estate.records(Request)
        assert request.keys == ("DE01", "CNF-0000007")

    used(tmp_path, act, exceptions={"file": "{work}/given-up.jsonl", **PARTS})


def test_a_last_line_without_a_line_break_is_read_once_and_what_follows_too(tmp_path: Path) -> None:
    async def act(services: Services, estate: Live) -> None:
        path = tmp_path / "given-up.jsonl"
        path.write_text(json.dumps(ENTRY), "utf-8")
        await services.collect()
        assert raised(estate) == EXPECTED
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(ENTRY).replace("CNF-0000007", "CNF-0000008") + "\nno document\n")
        await services.collect()
        await services.collect()
        assert raised(estate) == [*EXPECTED, EXPECTED[0].replace("CNF-0000007", "CNF-0000008")]
        assert "line 3 of" in str(estate.host.notes)

    used(tmp_path, act, exceptions={"file": "{work}/given-up.jsonl", **PARTS})


def test_a_table(tmp_path: Path) -> None:
    async def act(services: Services, estate: Live) -> None:
        base = sqlite3.connect(tmp_path / "hub.sqlite")
        base.execute("CREATE TABLE dead (Betreff, Werk, Amt, Grund)")
        base.execute("INSERT INTO dead VALUES (?, ?, ?, ?)", list(ENTRY.values()))
        base.commit()
        base.close()
        await services.collect()
        assert raised(estate) == EXPECTED

    sql = {"sqlite": "{work}/hub.sqlite", "query": "SELECT * FROM dead"}
    used(tmp_path, act, exceptions={"sql": sql, **PARTS})


def test_what_the_desk_cannot_take_is_noted(tmp_path: Path) -> None:
    async def act(services: Services, estate: Live) -> None:
        assert services.take([{**ENTRY, "Amt": "??"}, {"Betreff": "nothing of ours"}]) == 0
        assert len(estate.host.notes) == 1 and "CNF-0000007" in estate.host.notes[0]

    used(tmp_path, act, exceptions={"endpoint": True, **PARTS})


def test_a_dead_letter_that_nobody_can_read_is_told_by_its_message(tmp_path: Path) -> None:
    async def act(services: Services, estate: Live) -> None:
        assert services.take([ENTRY, {**ENTRY, "Betreff": "<event", "Id": "m-4711"}, {**ENTRY, "Betreff": "?"}]) == 2
        assert raised(estate) == [*EXPECTED, "desk.exception.raise|DE01|m-4711|period-closed"]

    used(tmp_path, act, exceptions={"endpoint": True, **PARTS, "message": "Id"})


def test_hooks_are_called_in_order_and_say_how_they_fail(tmp_path: Path) -> None:
    def writes(word: str) -> list[str]:
        return ["{python}", "-c", f"open('called', 'a').write('{word} ')"]

    async def act(services: Services, estate: Live) -> None:
        await services.before()
        await services.nudge()
        assert (tmp_path / "called").read_text("utf-8") == "reset start replay run_batch "

    names = ("start", "reset", "run_batch", "replay")
    used(tmp_path, act, hooks={name: {"command": writes(name)} for name in names})

    async def fails(services: Services, estate: Live) -> None:
        with pytest.raises(TargetError, match="`reset` ended with 3"):
            await services.before()
        with pytest.raises(TargetError, match="`poll_now` was not done within"):
            await services.nudge()

    command = ["{python}", "-c", "raise SystemExit(3)"]
    slow = {"command": ["{python}", "-c", "import time; time.sleep(30)"], "within": "300ms"}
    used(tmp_path, fails, hooks={"reset": {"command": command}, "poll_now": slow})


@pytest.mark.parametrize(
    ("script", "said"),
    [('print(\'{"queue": {"open": 2}}\')', "queue.open: 2"), ("raise SystemExit(3)", "exit code 3")],
)
def test_a_target_that_says_that_it_is_busy_is_waited_for(tmp_path: Path, script: str, said: str) -> None:
    async def act(services: Services, estate: Live) -> None:
        services.watch()
        async with asyncio.timeout(20):
            while said not in estate.host.busy:
                await asyncio.sleep(0.01)

    used(tmp_path, act, hooks={"status": {"command": ["{python}", "-c", script], "busy": "queue.open"}})


@pytest.mark.parametrize(
    "spec", [{}, {"file": "a", "endpoint": True}, {"sql": {"sqlite": "a", "query": "DROP TABLE x"}}]
)
def test_exceptions_come_from_one_place(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"one of|pattern"):
        ExceptionsSpec.model_validate({**spec, **PARTS})


def test_what_cannot_be_read_is_named_and_not_taken_for_silence(tmp_path: Path) -> None:
    path = tmp_path / "given-up.jsonl"

    async def lines(services: Services, estate: Live) -> None:
        await services.collect_last()
        assert estate.host.unread == "" and "there is no file" in estate.host.notes.pop()
        path.write_text("WARN no JSON\n" + json.dumps(ENTRY) + "\n", "utf-8")
        await services.collect()
        assert raised(estate) == EXPECTED and "line 1 of" in estate.host.notes.pop()
        path.unlink()
        path.mkdir()
        await services.collect()
        assert estate.host.unread == "", "it may be a moment of the target's"
        await services.collect()
        assert "cannot be read" in estate.host.unread
        path.rmdir()
        path.write_text(json.dumps({**ENTRY, "Grund": "x"}) + "\n", "utf-8")
        await services.collect()
        assert len(raised(estate)) == 2 and estate.host.unread == "", "one that was begun anew is read anew"

    used(tmp_path, lines, exceptions={"file": "{work}/given-up.jsonl", **PARTS})

    async def refused(services: Services, estate: Live) -> None:
        await services.collect_last()
        assert "127.0.0.1:1" in estate.host.unread and "cannot be read" in estate.host.unread

    used(tmp_path, refused, exceptions={"poll": "http://127.0.0.1:1/rejected", **PARTS})


@pytest.mark.parametrize(("query", "says"), [("SELECT Betref FROM dead", "no such column"), ("SELECT * FROM ded", "")])
def test_a_query_that_cannot_be_answered(tmp_path: Path, query: str, says: str) -> None:
    async def act(services: Services, estate: Live) -> None:
        base = sqlite3.connect(tmp_path / "hub.sqlite")
        base.execute("CREATE TABLE dead (Betreff, Werk, Amt, Grund)")
        base.close()
        await services.collect_last()
        assert says in estate.host.unread
        assert says or estate.host.notes == ["exceptions: no such table: ded"]

    used(tmp_path, act, exceptions={"sql": {"sqlite": "{work}/hub.sqlite", "query": query}, **PARTS})


def test_a_long_file_is_read_to_its_end_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotplant.run.given_up.READ_MAX", 300)

    async def act(services: Services, estate: Live) -> None:
        entries = [{**ENTRY, "Betreff": f"CNF-{number:07d}"} for number in range(20)]
        (tmp_path / "log").write_text("".join(json.dumps(each) + "\n" for each in entries), "utf-8")
        await services.collect()
        assert len(raised(estate)) == 20
        with (tmp_path / "log").open("a", encoding="utf-8") as file:
            file.write("x" * 400)
        await services.collect_last()
        assert "line 21 is longer than" in estate.host.unread

    used(tmp_path, act, exceptions={"file": "{work}/log", **PARTS})


def test_entries_without_a_subject_and_the_same_in_two_flows(tmp_path: Path) -> None:
    async def nothing(services: Services, estate: Live) -> None:
        (tmp_path / "log").write_text(json.dumps({"betreff": "CNF-1"}) + "\n", "utf-8")
        await services.collect_last()
        assert estate.host.notes == ["exceptions: of what was read nothing has a subject (`Betreff`)"]

    used(tmp_path, nothing, exceptions={"file": "{work}/log", **PARTS})

    async def flows(services: Services, estate: Live) -> None:
        entries = [{**ENTRY, "Ablauf": flow} for flow in ("production-confirmation", "stock-movement")]
        assert services.take(entries) == 2 and services.take(entries) == 0

    used(tmp_path, flows, exceptions={"endpoint": True, **PARTS, "flow": "Ablauf"})


def test_a_hook_may_leave_something_running_and_one_that_is_late_leaves_nothing(tmp_path: Path) -> None:
    background = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "open('child', 'w').write(str(child.pid))"
    )

    async def act(services: Services, estate: Live) -> None:
        await services.before()
        child = int((tmp_path / "child").read_text("utf-8"))
        os.kill(child, signal.SIGKILL)  # it is there: the hook has ended without waiting for it

    used(tmp_path, act, hooks={"start": {"command": ["{python}", "-c", background], "within": "20s"}})
    (tmp_path / "child").unlink()

    async def late(services: Services, estate: Live) -> None:
        with pytest.raises(TargetError, match="was not done within"):
            await services.before()
        child = int((tmp_path / "child").read_text("utf-8"))
        async with asyncio.timeout(20):
            while _lives(child):
                await asyncio.sleep(0.01)

    waits = f"{background}; child.wait()"
    used(tmp_path, late, hooks={"start": {"command": ["{python}", "-c", waits], "within": "2s"}})


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
