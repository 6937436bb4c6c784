"""Exploring in-process: a planted defect is found, shrunk to what it needs, and found again; who is right passes."""

from pathlib import Path

import yaml

from tests.integration.command_line import Project

REPEATS = '''\
"""The reference with a defect: it repeats a posting under another key, without asking whether it was booked."""

from uuid import uuid4

from pilotplant.reference.posting import StockPosting
from pilotplant.reference.factory import create
from pilotplant.reference.identity import IdempotencyKeys


async def never_looks(self, erp, entry):
    return False


StockPosting._booked = never_looks
IdempotencyKeys.key = lambda self, *parts: uuid4().hex
'''
TARGET = """\
target: repeats
inprocess: {{factory: "repeats:create", directory: "{folder}"}}
deliver: {{url: "http://127.0.0.1:{{port}}/events"}}
declares: {{backoff_cap: 2s}}
"""
LOSSY = """\
scenario: lossy
estate: small
stimuli:
  - {do: mes.order.complete, count: 12, over: 1s}
  - {do: plm.change.release, count: 3, over: 1s}
faults:
  - {fault: response-lost, match: {operation: erp.stock.post}, probability: 0.2}
  - {fault: latency, probability: 0.2, delay_s: 0.3}
flows: [production-confirmation, engineering-change]
thresholds: [facts.doubled == 0]
"""


def explored(project: Project, *words: str) -> tuple[dict[str, object], str]:
    """What a campaign says of the double booking, whatever else it finds, and the scenario that it saves."""
    done = project.call("explore", "lossy", "--target", "repeats", "--format", "json", *words)
    assert done.code == 1, done.said
    found = next(each for each in done.json()["found"] if each["check"] == "once")
    return found, Path(found["file"]).read_text("utf-8")


def test_a_planted_defect_is_shrunk_to_what_it_needs_and_replayed(project: Project) -> None:
    project.write("scenarios/lossy.yaml", LOSSY)
    project.write("repeats.py", REPEATS)
    project.write("targets/repeats.yaml", TARGET.format(folder=project.root))
    found, saved = explored(project, "--runs", "40", "--jobs", "2")
    content = yaml.safe_load(saved)
    assert found["check"] == "once" and content["found"]["mode"] == "inprocess"
    assert len(content["stimuli"]) <= 5 and len(content["faults"]) <= 2
    assert content["flows"] == ["production-confirmation"]
    assert "mes.order.complete" in {stimulus["do"] for stimulus in content["stimuli"]}, saved
    assert "response-lost" in {fault["fault"] for fault in content["faults"]}, saved
    assert explored(project, "--runs", "40", "--jobs", "1") == (found, saved), "whoever is faster decides nothing"
    again = project.call("replay", Path(str(found["file"])).stem)
    assert again.code == 1 and str(found["sentence"])[:60] in again.out, again.said
    mended = project.call("replay", Path(str(found["file"])).stem, "--target", "reference")
    assert mended.code == 0, mended.said


def test_a_correct_middleware_raises_no_alarm(project: Project) -> None:
    project.write("scenarios/lossy.yaml", LOSSY)
    done = project.call("explore", "lossy", "--target", "reference", "--runs", "20", "--jobs", "2", "--format", "json")
    told = done.json()
    assert done.code == 0 and told["runs"] == 20 and told["fail"] == 0 and told["pass"] > 10, done.said
