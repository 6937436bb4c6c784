"""`pilotplant shrink`: what a failing run did not need to fail is left out, and the rest is written beside it."""

import pytest
import yaml

from tests.integration.command_line import Project

SCENARIO = """\
scenario: lossy
estate: small
stimuli:
  - {do: mes.order.complete, count: 5, over: 800ms}
faults:
  - {fault: response-lost, match: {operation: erp.stock.post}, nth: 2}
  - {fault: latency, match: {operation: erp.stock.post}, delay_s: 0.1, nth: 3}
flows: [production-confirmation]
quiescence: {quiet: 500ms, give_up: 10s}
"""
TARGET = """\
target: careless
start:
  command: ["{python}", -m, pilotplant.reference, --port, "{port}", --database, "{work}/reference.sqlite", --defect,
            d10_repeats_after_timeout]
  ready: {url: "http://127.0.0.1:{port}/health", within: 10s}
inprocess:
  factory: "pilotplant.reference.factory:create"
  environment: {PILOTPLANT_REFERENCE_DEFECT: d10_repeats_after_timeout}
deliver: {url: "http://127.0.0.1:{port}/events"}
"""


@pytest.mark.parametrize(("mode", "budget"), [("inprocess", 60), ("live", 8)])
def test_a_failing_run_is_shrunk_and_what_is_left_fails_alike(project: Project, mode: str, budget: int) -> None:
    project.write("scenarios/lossy.yaml", SCENARIO)
    project.write("targets/careless.yaml", TARGET)
    failed = project.call("run", "lossy", "--target", "careless", "--mode", mode, "-q")
    assert failed.code == 1, failed.said
    directory = project.run_directory
    done = project.call("shrink", "--budget", str(budget), "--format", "json")
    assert done.code == 0, done.said
    told = done.json()
    assert told["check"] == "once" and 1 <= told["stimuli"] <= 5 and told["faults"] == 1
    (saved,) = directory.glob("lossy-once-*.yaml")
    content = yaml.safe_load(saved.read_text("utf-8"))
    assert [fault["fault"] for fault in content["faults"]] == ["response-lost"]
    assert len(content["stimuli"]) == told["stimuli"] < 5
    again = project.call("replay", str(saved), "-q")
    assert again.code == 1, again.said
    assert "once" in again.out


def test_a_run_that_passed_cannot_be_shrunk(project: Project) -> None:
    project.call("run", "short", "--target", "reference", "--mode", "inprocess", "-q")
    done = project.call("shrink")
    assert done.code == 2, done.said
    assert "did not fail, so there is nothing to shrink" in done.err
