"""Faults on the middleware itself, live and in-process: killed at a chosen moment and started again, or suspended."""

from pathlib import Path

import pytest

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Ack, Commit, Crash, FaultBitten, Request, Restart
from tests.integration.command_line import Project

SCENARIO = """\
scenario: dying
estate: small
stimuli:
  - {{do: mes.order.complete, count: 5, over: 1500ms}}
faults:
  - {fault}
flows: [production-confirmation]
quiescence: {{quiet: 800ms, give_up: 20s}}
"""
TARGET = """\
target: mortal
start:
  command: ["{python}", -m, pilotplant.reference, --port, "{port}", --database, "{work}/reference.sqlite"]
  ready: {url: "http://127.0.0.1:{port}/health", within: 10s}
inprocess: {factory: "pilotplant.reference.factory:create"}
deliver: {url: "http://127.0.0.1:{port}/events"}
declares: {backoff_cap: 2s}
"""
ALONE = 'environment: {PILOTPLANT_INSTANCE: ""}'
"""Hides from an instance that there is another."""

SHARED = """\
scenario: shared
about: For a while two instances run at once.
estate: three-plants
stimuli:
  - {do: mes.order.complete, rate: 6/s, for: 5s}
  - {do: plm.change.release, count: 6, over: 4s, with: {affected_median: 2, affected_p95: 3}}
faults:
  - {fault: second-instance, match: {operation: mes.order.completed}, nth: 4, for_s: 1.5, leaves: second}
  - {fault: second-instance, match: {operation: erp.bom.release}, nth: 8, for_s: 1.5, leaves: first}
flows: [production-confirmation, engineering-change]
quiescence: {quiet: 1s, give_up: 40s}
"""


def run(project: Project, mode: str, fault: str) -> list[object]:
    project.write("scenarios/dying.yaml", SCENARIO.format(fault=fault))
    project.write("targets/mortal.yaml", TARGET)
    done = project.call("run", "dying", "--target", "mortal", "--mode", mode, "--seed", "1", "-q")
    assert done.code == 0, done.said
    return list(Ledger(project.run_directory))


@pytest.mark.parametrize("mode", ["live", "inprocess"])
def test_killed_after_a_booking_it_finds_in_its_next_life_that_it_was_done(project: Project, mode: str) -> None:
    fault = "{fault: killed, match: {operation: erp.stock.post}, moment: after, nth: 2, restart_after_s: 0.3}"
    records = run(project, mode, fault)
    (bitten,) = [record for record in records if isinstance(record, FaultBitten)]
    commits = [record for record in records if isinstance(record, Commit) and record.exchange == bitten.touched]
    (death,) = [record for record in records if isinstance(record, Crash)]
    assert commits and all(commit.seq < death.seq for commit in commits), "it was booked, and then it died"
    assert [record.incarnation for record in records if isinstance(record, Restart)] == [1, 2]
    assert {record.incarnation for record in records if isinstance(record, Request)} == {1, 2}
    assert not any(
        isinstance(record, Request) and record.incarnation == 2 and record.seq < death.seq for record in records
    )


@pytest.mark.parametrize("mode", ["live", "inprocess"])
def test_killed_before_a_request_was_carried_out_it_asks_again(project: Project, mode: str) -> None:
    fault = "{fault: killed, match: {operation: erp.stock.post}, moment: before, nth: 2, restart_after_s: 0.3}"
    records = run(project, mode, fault)
    (bitten,) = [record for record in records if isinstance(record, FaultBitten)]
    assert not [record for record in records if isinstance(record, Commit) and record.exchange == bitten.touched]


@pytest.mark.parametrize("mode", ["live", "inprocess"])
def test_killed_as_soon_as_it_has_acknowledged_an_event_it_carries_that_out(project: Project, mode: str) -> None:
    fault = "{fault: killed, match: {operation: mes.order.completed}, moment: after, nth: 3, restart_after_s: 0.3}"
    records = run(project, mode, fault)
    (death,) = [record for record in records if isinstance(record, Crash)]
    (bitten,) = [record for record in records if isinstance(record, FaultBitten)]
    (acknowledged,) = [record for record in records if isinstance(record, Ack) and record.emit == bitten.touched]
    assert acknowledged.status == 202 and acknowledged.seq < death.seq


@pytest.mark.parametrize("mode", ["live", "inprocess"])
def test_suspended_it_does_nothing_for_a_while_and_then_goes_on(project: Project, mode: str) -> None:
    fault = "{fault: suspended, match: {operation: mes.order.completed}, nth: 2, for_s: 0.6}"
    records = run(project, mode, fault)
    (bitten,) = [record for record in records if isinstance(record, FaultBitten)]
    asked = [record.t for record in records if isinstance(record, Request)]
    assert not [t for t in asked if bitten.t + 0.05 < t < bitten.t + 0.55]
    assert [t for t in asked if t > bitten.t + 0.55]


@pytest.mark.parametrize("leaves", ["first", "second"])
@pytest.mark.parametrize("mode", ["live", "inprocess"])
def test_two_instances_share_the_events_and_one_of_them_goes_on(project: Project, mode: str, leaves: str) -> None:
    fault = (
        f"{{fault: second-instance, match: {{operation: mes.order.completed}}, nth: 1, for_s: 0.9, leaves: {leaves}}}"
    )
    records = run(project, mode, fault)
    (ended,) = [record for record in records if isinstance(record, Crash)]
    assert [record.incarnation for record in records if isinstance(record, Restart)] == [1, 2]
    assert ended.incarnation == (1 if leaves == "first" else 2)
    acknowledged = [record for record in records if isinstance(record, Ack)]
    assert all(record.status == 202 for record in acknowledged), "whichever is asked, one of them takes it"
    work = project.run_directory / "target"
    assert (work / "reference.sqlite-leader").exists(), "the reference has been told that it is not alone"


def test_an_instance_that_leaves_its_work_to_nobody_is_convicted(project: Project) -> None:
    """Two instances that know nothing of each other: what the one that ends has accepted stays undone."""
    project.write("targets/mortal.yaml", TARGET.replace('create"}', 'create", environment: {PILOTPLANT_INSTANCE: ""}}'))
    project.write("scenarios/shared.yaml", SHARED)
    done = project.call("run", "shared", "--target", "mortal", "--mode", "inprocess", "--seed", "2", "-q")
    assert done.code == 1, done.said
    assert "FAIL completeness" in done.out and "FAIL recovery" in done.out
    assert "it was asked to end, and another instance goes on" in done.out


@pytest.mark.parametrize("mode", ["live", "inprocess"])
def test_after_a_cold_restart_its_files_are_gone_and_everything_is_delivered_again(project: Project, mode: str) -> None:
    fault = "{fault: killed, match: {operation: mes.order.completed}, nth: 3, restart_after_s: 0.3, restart: cold}"
    records = run(project, mode, fault)
    (death,) = [record for record in records if isinstance(record, Crash)]
    assert death.note == "killed by a fault, and its files are gone"
    taken = [record for record in records if isinstance(record, Ack) and record.status == 202]
    before = {record.emit for record in taken if record.seq < death.seq}
    after = {record.emit for record in taken if record.seq > death.seq}
    assert len(before) >= 3 and before < after


def test_while_it_has_company_it_is_not_killed_too(project: Project) -> None:
    """Two returns at once would leave one of them unattended when the run ends."""
    fault = "{fault: second-instance, match: {operation: mes.order.completed}, nth: 1, for_s: 1.4}"
    project.write("scenarios/dying.yaml", SCENARIO.format(fault=fault) + "crash: {at: [90]}\n")
    project.write("targets/mortal.yaml", TARGET)
    done = project.call("run", "dying", "--target", "mortal", "--mode", "inprocess", "--seed", "1", "-q")
    assert done.code == 4, done.said
    assert "crash at await 90" in done.out and "Traceback" not in done.said


def test_what_cannot_be_done_to_it_now_has_not_bitten(project: Project) -> None:
    fault = (
        "{fault: second-instance, match: {operation: mes.order.completed}, nth: 1, for_s: 3}\n"
        "  - {fault: killed, match: {operation: mes.order.completed}, nth: 3}"
    )
    project.write("scenarios/dying.yaml", SCENARIO.format(fault=fault))
    project.write("targets/mortal.yaml", TARGET)
    done = project.call("run", "dying", "--target", "mortal", "--mode", "inprocess", "--seed", "1", "-q")
    assert done.code == 4 and "The fault killed never bit" in done.out, done.said
    assert [r.fault for r in Ledger(project.run_directory) if isinstance(r, FaultBitten)] == ["second-instance"]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("while True:\n        await asyncio.sleep(0)", "the target spun without waiting, and was ended"),
        ("sys.exit(3)", "the target ended by itself with exit code 3"),
    ],
)
@pytest.mark.parametrize("leaves", ["first", "second"])
def test_the_end_of_the_other_instance_ends_the_run(project: Project, does: str, said: str, leaves: str) -> None:
    """Also where the first has left: what it does is done by whoever is there."""
    when_s = 0.2 if leaves == "second" else 1.2
    project.write(
        "restless.py",
        "import asyncio, sys\n"
        "from pilotplant.reference.factory import create as correct\n"
        f"async def restless():\n    await asyncio.sleep({when_s})\n    {does}\n"
        "def create(environment, work, transport):\n"
        "    if environment['PILOTPLANT_INSTANCE'] == '2':\n        return restless()\n"
        "    return correct(environment, work, transport)\n",
    )
    fault = f"{{fault: second-instance, match: {{operation: erp.stock.post}}, nth: 1, for_s: 0.6, leaves: {leaves}}}"
    project.write("scenarios/dying.yaml", SCENARIO.format(fault=fault))
    project.write("targets/mortal.yaml", TARGET.replace("pilotplant.reference.factory:create", "restless:create"))
    done = project.call("run", "dying", "--target", "mortal", "--mode", "inprocess", "--seed", "1", "-q")
    assert done.code in (1, 4) and said in done.said + str(project.run_info()["notes"]), done.said


def test_whoever_takes_a_new_database_for_a_new_world_is_convicted(project: Project) -> None:
    project.write(
        "trusting.py",
        "from pilotplant.reference.factory import create\n"
        "from pilotplant.reference.store import Store\n"
        "Store.note_birth = lambda store, now: None  # what is not in this database was never done\n",
    )
    project.write("targets/mortal.yaml", TARGET.replace("pilotplant.reference.factory:create", "trusting:create"))
    done = project.call("run", "cold-restart", "--target", "mortal", "--mode", "inprocess", "--seed", "16", "-q")
    assert done.code == 1, done.said
    assert "FAIL sequencing" in done.out and "which overwrote a newer revision" in done.out


def test_a_target_that_the_run_does_not_start_cannot_be_killed(project: Project) -> None:
    fault = "{fault: killed, match: {operation: erp.stock.post}}"
    project.write("scenarios/dying.yaml", SCENARIO.format(fault=fault))
    done = project.call("run", "dying", "--target", "null", "-q")
    assert done.code == 2, done.said
    assert "the fault killed is done to the target, and null is not started by the run" in done.err


def test_the_scenario_that_ships_kills_it_in_four_ways(repository: Path) -> None:
    shipped = (repository / "scenarios" / "middleware-crash.yaml").read_text("utf-8")
    assert shipped.count("fault: killed") == 4
