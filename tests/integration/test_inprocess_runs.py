"""Runs under a virtual clock: the same bytes for a seed, the same deeds as live, clear words where it cannot be."""

import asyncio
import json
import re
import shlex
from collections import Counter
from pathlib import Path

import httpx
import pytest

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Crash, Ending, Reject, ResponseEnd, Restart
from pilotplant.model.verdict import Verdict
from pilotplant.run.running import run_scenario
from pilotplant.scenario.model import Mode
from tests.estates import live, posting
from tests.integration.command_line import Project
from tests.unit.test_faults import fault
from tests.virtual import Virtual, virtually

TARGET = """\
target: inside
inprocess: {{factory: "inside:create", directory: "{folder}"}}
deliver: {{url: "http://127.0.0.1:{{port}}/events"}}
"""
IDLE = """\
async def create(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    {deed}
    await send({{"type": "http.response.start", "status": 202, "headers": []}})
    await send({{"type": "http.response.body"}})
"""


def ledgers(project: Project, hash_seed: str, *words: str) -> tuple[bytes, bytes]:
    out = project.root / f"out-{hash_seed}-{'-'.join(words)}"
    chosen = ("--target", "reference", "--mode", "inprocess", "--out", str(out), "-q", *words)
    done = project.call("run", "short", *chosen, environment={"PYTHONHASHSEED": hash_seed})
    assert done.code == 0, done.said
    (directory,) = out.glob("*/")
    return (directory / "ledger.msgpack").read_bytes(), (directory / "bodies.pack").read_bytes()


def test_the_same_seed_gives_the_same_bytes_in_every_process(project: Project) -> None:
    first = ledgers(project, "0", "--seed", "5")
    assert ledgers(project, "1", "--seed", "5") == first
    assert ledgers(project, "random", "--seed", "5") == first
    assert ledgers(project, "0", "--seed", "6") != first


def inside(project: Project, deed: str) -> None:
    """A target that acknowledges everything and does a deed on the way."""
    project.write("inside.py", IDLE.format(deed=deed))
    project.write("targets/inside.yaml", TARGET.format(folder=project.root))


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("import time; time.sleep(1)", "sleeps with time.sleep(1)"),
        ("import threading; threading.Thread(target=print).start()", "starts a thread"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "looks up a network address"),
    ],
)
def test_a_target_that_goes_around_the_clock_ends_unknown_and_is_named(project: Project, deed: str, said: str) -> None:
    inside(project, deed)
    done = project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q")
    assert done.code == 4, done.said
    assert f"{project.root / 'inside.py'}:4 (create) {said}" in done.out


def test_a_target_that_does_nothing_fails_as_it_does_live(project: Project) -> None:
    inside(project, "pass")
    done = project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q")
    assert done.code == 1, done.said
    assert "--mode inprocess" in done.out
    assert project.run_info()["mode"] == "inprocess"


def test_a_target_that_spins_is_named_and_does_not_hang_the_run(project: Project) -> None:
    inside(project, "import asyncio\n    while True: await asyncio.sleep(0)")
    done = project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q")
    assert done.code == 4, done.said
    assert f"{project.root / 'inside.py'}:5 (create) spins" in done.out


def test_a_target_without_a_factory_is_refused(project: Project) -> None:
    done = project.call("run", "short", "--target", "quick", "--mode", "inprocess", "-q")
    assert done.code == 2, done.said
    assert "inprocess: {factory:" in done.err


def test_a_factory_that_is_not_there_is_a_target_that_cannot_be_reached(project: Project) -> None:
    project.write("targets/inside.yaml", TARGET.format(folder=project.root))
    done = project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q")
    assert done.code == 5, done.said
    assert "cannot be imported: No module named 'inside'" in done.err


CRASHING = """\
scenario: crashing
estate: small
stimuli:
  - {do: mes.order.complete, count: 2, over: 300ms}
crash: {every: await, at_most: 6, restart_after: 200ms}
flows: [production-confirmation]
"""


def test_a_crash_at_every_await_is_survived_by_the_reference(project: Project) -> None:
    project.write("scenarios/crashing.yaml", CRASHING)
    done = project.call("run", "crashing", "--target", "reference", "--mode", "inprocess", "-q")
    assert done.code == 0, done.said
    assert "killed at 6 of" in done.out and "6 passed" in done.out
    assert list(project.run_directory.glob("await-*")) == []


def test_a_crash_is_recorded_and_what_was_accepted_is_finished_by_the_next_life(project: Project) -> None:
    project.write("scenarios/crashing.yaml", CRASHING)
    words = ("--target", "reference", "--mode", "inprocess", "-q", "--set", "crash={at: [5, 15]}")
    done = project.call("run", "crashing", *words)
    assert done.code == 0, done.said
    records = list(Ledger(project.run_directory))
    assert [record.incarnation for record in records if isinstance(record, Restart)] == [1, 2, 3]
    assert [record.note for record in records if isinstance(record, Crash)] == [
        "killed at await 5",
        "killed at await 15",
    ]


FORGETFUL = """\
target: forgetful
inprocess:
  factory: "pilotplant.reference.factory:create"
  environment: {PILOTPLANT_REFERENCE_DEFECT: d17_acknowledges_before_durable}
deliver: {url: "http://127.0.0.1:{port}/events"}
declares: {backoff_cap: 2s}
"""


def test_a_failing_crash_names_its_await_and_how_to_replay_it(project: Project) -> None:
    """Without a crash this middleware is right: only the runs that kill it between acknowledging and writing fail."""
    project.write("scenarios/crashing.yaml", CRASHING.replace(", at_most: 6", ""))
    project.write("targets/forgetful.yaml", FORGETFUL)
    done = project.call("run", "crashing", "--target", "forgetful", "--mode", "inprocess", "-q")
    assert done.code == 1, done.said
    named = re.search(r"killed at (\d+) of \1 awaits, one run each: (\d+) passed, not those at ([\d, ]+)", done.out)
    assert named is not None, done.said
    failed = [int(await_) for await_ in named[3].split(",")]
    assert len(failed) + int(named[2]) == int(named[1]) and 0 < len(failed) < int(named[1])
    replay = re.search(r"replay: pilotplant (run .*)", done.out)
    assert replay is not None and re.search(r"crash=\{at: \[\d+\], restart_after: 0.2s\}", replay[1]), done.said
    again = project.call(*shlex.split(replay[1]), "-q")
    assert again.code == 1, again.said
    calm = next(path for path in project.runs.glob("*/") if list(path.glob("await-*")))
    assert len(list(calm.glob("await-*"))) == len(failed), "only what failed is kept"


def test_a_scenario_that_crashes_its_target_is_not_for_live_runs(project: Project) -> None:
    project.write("scenarios/crashing.yaml", CRASHING)
    done = project.call("run", "crashing", "-q")
    assert done.code == 2, done.said
    assert "--mode inprocess" in done.err


def deeds(directory: Path) -> Counter[tuple[str, str, str]]:
    """What was carried out and refused, whoever came first."""
    ledger = Ledger(directory)
    names = [named.name for named in ledger.header.operations]
    found: Counter[tuple[str, str, str]] = Counter()
    for record in ledger:
        if isinstance(record, Commit):
            found[names[record.operation], record.effect, str(record.version)] += 1
        elif isinstance(record, Reject) and record.effect:
            found[names[record.operation], record.effect, record.code] += 1
    return found


PARITY = """\
scenario: parity
estate: small
stimuli:
  - {do: mes.order.complete, count: 4, over: 600ms}
  - {do: plm.change.release, count: 2, over: 600ms, with: {affected_median: 1, affected_p95: 2}}
faults:
  - {fault: response-lost, match: {operation: erp.stock.post}, nth: 2}
flows: [production-confirmation, engineering-change]
quiescence: {quiet: 800ms, give_up: 20s}
"""


def test_live_and_in_process_the_same_is_done(project: Project, repository: Path) -> None:
    project.write("scenarios/parity.yaml", PARITY)
    done = {}
    modes: tuple[Mode, ...] = ("live", "inprocess")
    for mode in modes:
        out = project.root / mode
        result = run_scenario("parity", seed=3, mode=mode, project=project.root, out=out)
        assert result.verdict is Verdict.PASS, (mode, result.findings, result.doubts)
        done[mode] = deeds(out), {fault.fault: fault.bitten for fault in result.faults}, result.stimuli_digest
    assert done["live"] == done["inprocess"]
    assert done["live"][1]["response-lost"] > 0


HELD = fault("answer-held", match={"operation": "erp.stock.post"}, until_s=1.2)


async def _give_up(client: httpx.AsyncClient, url: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await client.post(url, json=posting(), timeout=0.3)
    found = await client.get(url, params={"plant": "DE01", "source_document": "CNF-1"})
    assert found.status_code == 200, found.text
    assert [each["source_document"] for each in found.json()["items"]] == ["CNF-1"], "it was booked all the same"


def _seen(records: "list[Commit]", ends: "list[ResponseEnd]") -> tuple[int, list[int]]:
    return len(records), [end.ending for end in ends]


def test_a_client_that_times_out_on_a_booking_is_the_same_live_and_in_process(tmp_path: Path) -> None:
    url = "/erp/stock-documents"
    seen: dict[str, tuple[int, list[int]]] = {}

    async def on_sockets() -> None:
        async with live(tmp_path / "live", faults=[HELD]) as estate:
            await _give_up(estate.http, url)
            while len(estate.records(ResponseEnd)) < 2:
                await asyncio.sleep(0.01)
            seen["live"] = _seen(estate.records(Commit), estate.records(ResponseEnd))

    async def in_process(estate: Virtual) -> None:
        async with estate.client() as client:
            await _give_up(client, url)
        await asyncio.sleep(2)
        seen["inprocess"] = _seen(estate.records(Commit), estate.records(ResponseEnd))

    for mode in ("live", "inprocess"):
        (tmp_path / mode).mkdir()
    asyncio.run(on_sockets())
    virtually(tmp_path / "inprocess", in_process, faults=[HELD])
    assert seen["live"] == seen["inprocess"] == (1, [Ending.SENT, Ending.CALLER_GONE])


def test_what_the_target_logs_is_kept_beside_the_ledger(project: Project) -> None:
    inside(project, 'import logging; logging.getLogger("mine").warning("a word")')
    project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q")
    assert "WARNING mine: a word" in (project.run_directory / "target.log").read_text("utf-8")


def test_run_json_and_result_say_that_it_was_in_process(project: Project) -> None:
    project.call("run", "short", "--target", "reference", "--mode", "inprocess", "-q")
    result = json.loads((project.run_directory / "result.json").read_bytes())
    assert result["mode"] == "inprocess"


def test_a_target_that_exits_is_a_target_that_ended_and_no_pass(project: Project) -> None:
    inside(project, "import sys; sys.exit(0)")
    done = project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q")
    assert done.code not in (0, 70), done.said
    assert "the target ended by itself with exit code 0" in done.said + str(project.run_info()["notes"])


def test_a_crash_that_never_came_leaves_it_undecided(project: Project) -> None:
    project.write("scenarios/crashing.yaml", CRASHING)
    words = ("--target", "reference", "--mode", "inprocess", "-q", "--set", "crash={at: [100000]}")
    done = project.call("run", "crashing", *words)
    assert done.code == 4, done.said
    assert "crash at await 100000 never bit" in done.out


def test_what_fails_in_the_application_is_in_its_log_with_a_traceback(project: Project) -> None:
    inside(project, 'print("a word on stdout"); raise KeyError("colour")')
    done = project.call("run", "short", "--target", "inside", "--mode", "inprocess", "-q", "--format", "json")
    assert done.json(), "what the target prints is not among the results"
    log = (project.run_directory / "target.log").read_text("utf-8")
    assert "KeyError: 'colour'" in log and "inside.py" in log and "a word on stdout" in log
