"""Saved scenarios read as if a person had written them."""

from pathlib import Path

from pilotplant.explore.saving import save, written
from pilotplant.explore.unfolding import unfolded
from pilotplant.model.documents import Document
from pilotplant.scenario.model import CrashSpec, FoundSpec, ScenarioSpec
from tests.unit.explored import SCENARIO

FOUND = FoundSpec(seed=7, mode="inprocess", target="reference", check="once")
SMALL = unfolded(SCENARIO, 7).model_copy(update={"stimuli": unfolded(SCENARIO, 7).stimuli[:2], "thresholds": []})


def test_the_file_is_short_and_says_what_fails_and_how_to_replay_it(tmp_path: Path) -> None:
    path = save(tmp_path / "explored", SMALL, FOUND, told=["FAIL once: ERP booked CNF-1 twice."])
    text = path.read_text("utf-8")
    assert path.name.startswith("storm-once-") and path.suffix == ".yaml"
    assert text.startswith(f"# FAIL once: ERP booked CNF-1 twice.\n# Replay: pilotplant replay {path.stem}\n")
    assert f"scenario: {path.stem}\n" in text
    assert "  - {fault: latency, window: {from_s: 1.0, to_s: 2.0}, key: '1', delay_s: 0.25}\n" in text
    assert text.endswith("found: {seed: 7, mode: inprocess, target: reference, check: once}\n")
    assert "quiescence: {quiet: 0.5s}\n" in text and "thresholds" not in text and "speed" not in text
    assert len(text.splitlines()) == 14, "a line for everything"


def test_it_is_read_back_with_nothing_lost_but_its_name(tmp_path: Path) -> None:
    path = save(tmp_path, SMALL, FOUND, told=[])
    read = Document.read(path).validate(ScenarioSpec)
    assert read.model_copy(update={"scenario": "storm"}) == SMALL.model_copy(update={"found": FOUND})


def test_a_scenario_that_is_not_unfolded_can_be_written_too() -> None:
    assert Document.parse(written(SCENARIO, []), "x.yaml").validate(ScenarioSpec) == SCENARIO


def test_the_same_finding_has_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    first = save(tmp_path, SMALL, FOUND, told=["a"])
    assert save(tmp_path, SMALL, FOUND, told=["b"]) == first
    assert save(tmp_path, SMALL, FOUND.model_copy(update={"seed": 8}), told=["a"]) != first
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".yaml", ".yaml"]


def test_a_comment_stays_a_comment_whatever_a_target_sent() -> None:
    text = written(SCENARIO, ["broken\nstimuli: []\r# \u2028x \udcff", "long " * 400])
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("scenario:"))
    assert all(line.startswith("# ") and len(line) < 120 for line in lines[:first]) and first < 10
    assert Document.parse(text, "x.yaml").validate(ScenarioSpec) == SCENARIO


def test_the_awaits_at_which_a_crash_kills_are_no_durations() -> None:
    crash = CrashSpec(at=[3, 17], restart_after=0.25)
    scenario = SMALL.model_copy(update={"crash": crash})
    text = written(scenario, [])
    assert "crash: {at: [3, 17], restart_after: 0.25s}\n" in text
    assert Document.parse(text, "x.yaml").validate(ScenarioSpec) == scenario
