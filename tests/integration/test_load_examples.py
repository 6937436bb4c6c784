"""examples/fast-hub and docs/load.md hold what they say: load, capacity, cutover, plain Locust, several machines."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotplant.load.arrivals.arrival import shapes
from pilotplant.load.model import LoadSpec
from pilotplant.model.documents import Document
from pilotplant.target.process import free_port
from tests.integration.command_line import Done, Project

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "load.md").read_text("utf-8")
SHORT = """\
load: short
estate: fast-plants
arrivals:
  - {do: mes.order.complete, shape: poisson, rate: 150/s, for: 2s}
flows: [production-confirmation]
thresholds: [confirmation_to_stock p95 < 30s, facts.lost == 0, facts.doubled == 0]
capacity: {from: 13/s, to: 25/s, hold: 1500ms, precision: 0.95, growth_max: 0.15}
quiescence: {quiet: 300ms, give_up: 20s}
"""


@pytest.fixture
def hub(tmp_path: Path) -> Project:
    """A copy of the example, with profiles that are over soon."""
    shutil.copytree(ROOT / "examples" / "fast-hub", tmp_path / "hub", ignore=shutil.ignore_patterns("reports"))
    project = Project.__new__(Project)
    object.__setattr__(project, "root", tmp_path / "hub")
    project.runs = tmp_path / "hub" / "reports" / "runs"
    project.write("loadtests/short.yaml", SHORT)
    return project


def result_of(project: Project) -> Any:
    """What the only run came to."""
    return json.loads((project.run_directory / "result.json").read_bytes())


def test_the_fast_hub_carries_a_load_and_is_right(hub: Project) -> None:
    done = hub.call("load", "short", "--report", "json,html", "-q")
    assert done.code == 0, done.said
    load = result_of(hub)["load"]
    assert load["happened"] == load["planned"] > 200 and load["finished"] == load["begun"]
    page = (hub.run_directory / "report.html").read_text("utf-8")
    assert 'id="load"' in page and page.count('<svg class="chart"') >= 3


def test_a_hidden_serial_step_is_found_and_the_target_named(hub: Project) -> None:
    done = hub.call("load", "short", "--find-capacity", "--target", "one-at-a-time", "-q", "--format", "json")
    (found,) = done.json()
    if found["binding"]["resource"] == "this machine":  # others use it: then nobody is named, and that is said
        assert done.code == 4 and "waiting for a processor" in found["summary"], done.said
        return
    assert done.code == 0, done.said
    # More than 20 a second is impossible; how many fewer depends on who else uses this machine.
    assert 7 <= found["knee_per_s"] <= 23, done.out
    assert found["binding"]["resource"].startswith("target") and found["relative"]
    assert (next(hub.runs.glob("*capacity*")) / "capacity.html").exists()


def test_the_cutover_is_clean_and_a_careless_one_is_convicted(hub: Project) -> None:
    done = hub.call("run", "erp-cutover", "--target", "cutover", "-q")
    assert done.code == 0, done.said
    assert "reconciliation" in done.out
    target = (hub.root / "targets" / "cutover.yaml").read_text("utf-8")
    careless = target.replace('journal.jsonl"', 'journal.jsonl", --defect, delta-from-the-end')
    hub.write("targets/careless.yaml", careless.replace("target: cutover", "target: careless"))
    done = hub.call("run", "erp-cutover", "--target", "careless", "-q")
    assert done.code == 1, done.said
    assert re.search(r"FAIL reconciliation +At \w+ \d+ .* differ after the switch", done.out), done.out


def test_a_plant_that_falls_back_loses_nothing_and_a_forgetful_middleware_is_convicted(hub: Project) -> None:
    """One plant is thawed while two move; confirmations come all the time. Runs of live middlewares: some seconds."""
    done = hub.call("run", "erp-fallback", "--target", "cautious", "-q")
    assert done.code == 0, done.said
    assert re.search(r"pass .*completeness.* once .*reconciliation.* sequencing", done.out), done.out
    commits = hub.call("ledger", "show", str(hub.run_directory), "--kind", "commit", "--limit", "100000").out
    assert set(re.findall(r"legacy\.plant\.thaw\W+([A-Z]\w+)", commits)) == {"DE01"}
    assert set(re.findall(r"cloud\.plant\.take_over\W+([A-Z]\w+)", commits)) == {"US01", "CN01"}
    target = (hub.root / "targets" / "cautious.yaml").read_text("utf-8")
    forgetful = target.replace('--window-s, "1"', '--window-s, "1", --defect, forgets-what-waited')
    hub.write("targets/forgetful.yaml", forgetful.replace("target: cautious", "target: forgetful"))
    done = hub.call("run", "erp-fallback", "--target", "forgetful", "-q")
    assert done.code == 1, done.said
    assert re.search(r"FAIL completeness +CNF-\d+@\w+ was never carried out", done.out), done.out


def test_the_shapes_that_the_page_lists_are_those_there_are() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == [
        "constant",
        "poisson",
        "ramp",
        "burst",
        "shift-change",
        "eco-storm",
        "month-end",
        "replay",
    ]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == set(shapes())
    for text in re.findall(r"```yaml load\n(.*?)```", PAGE, re.DOTALL):
        Document.parse(text, "block.yaml").validate(LoadSpec)


@pytest.fixture
def estate(project: Project) -> Iterator[str]:
    """The address of an estate that is up, with a middleware that takes events and does nothing."""
    process = project.start("up", "--estate", "small", "--format", "json")
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["control"].removesuffix("/_pilotplant/")
    yield url
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_plain_locust_drives_an_estate_that_is_up(estate: str, tmp_path: Path) -> None:
    """With its statistics as files, since nobody looks at its pages here."""
    words = ["-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py"), "--host", estate, "--headless"]
    words += [
        "--users",
        "10",
        "--spawn-rate",
        "10",
        "--run-time",
        "3s",
        "--csv",
        str(tmp_path / "seen"),
        "--only-summary",
    ]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = (tmp_path / "seen_stats.csv").read_text("utf-8")
    assert re.search(r"STIMULUS,mes\.order\.complete,[1-9]\d*,0,", seen), seen


def test_the_control_interface_says_how_flows_stand_and_what_is_wrong(estate: str) -> None:
    with httpx.Client(base_url=estate + "/_pilotplant", trust_env=False) as control:
        assert control.get("/flows?after=0").json()["triggered"] == 0
        assert control.post("/stimuli", json={"do": "mes.order.complete"}).status_code == 201
        told = control.get("/flows?after=0").json()
        assert told["triggered"] == told["open"] == 1 and told["done"] == []
        assert control.post("/load/claim", json={"driver": "x"}).status_code == 409
        assert control.post("/load/fire", json={"occurrences": [1]}).status_code == 409
        assert control.post("/load/fire", content=b"{").status_code == 422


def test_a_worker_comes_from_elsewhere(project: Project) -> None:
    project.write("loadtests/short-load.yaml", SHORT.replace("fast-plants", "small").replace("150/s", "30/s"))
    port = free_port()
    master = project.start("load", "short-load", "--master", f"127.0.0.1:{port}", "--expect", "1", "-q")
    worker = project.start("load", "--worker", f"127.0.0.1:{port}")
    try:
        out, err = master.communicate(timeout=50)
    finally:
        worker.send_signal(signal.SIGINT)
        worker.communicate(timeout=20)
    assert master.returncode == 0, out + err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("load",), "which profile?"),
        (("load", "short-load", "--master", "nowhere"), "is not HOST:PORT"),
        (("load", "short-load", "--expect", "2"), "--expect goes with --master"),
        (("load", "short-load", "--workers", "0"), "nobody to drive"),
        (("load", "short-load", "--host", "0.0.0.0"), "Give a --token"),
        (("load", "short-load", "--scale", "-1"), "--scale -1"),
        (("calibrate", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_options_that_make_no_sense_are_refused(project: Project, words: tuple[str, ...], told: str) -> None:
    project.write("loadtests/short-load.yaml", SHORT.replace("fast-plants", "small"))
    done: Done = project.call(*words)
    assert done.code == 2, done.said
    assert told in done.err
