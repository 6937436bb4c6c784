"""What the flags of `sweep` make of a study, and which of them would do nothing."""

from pathlib import Path

import pytest

from pilotplant.cli.commands.sweep import _spec
from pilotplant.configuration import Settings
from pilotplant.model.errors import UsageError
from pilotplant.resources import Project, find_project
from pilotplant.sweep.analysis import place_of
from pilotplant.sweep.document import values_of

STUDY = """
sweep: s
scenario: plant-offline
vary: {model.workers: [1, 2]}
alternatives: {events: {}, polling: {model.intake: {kind: polling, every: 5s}}}
metrics: [backlog_max]
replications: {min: 3, max: 3}
"""
NOTHING: dict[str, object] = {"min": None, "max": None, "until_rel_error": None}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "scenarios" / "studies").mkdir(parents=True)
    (tmp_path / "scenarios" / "studies" / "s.yaml").write_text(STUDY)
    return find_project(str(tmp_path), {}, tmp_path)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("model.workers=5", "`vary` has `model.workers`"),
        ("model.intake.every=9s", "the alternative `polling` has `model.intake`"),
        ("x=[", "is not a YAML value"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(project: Project, setting: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _spec(project, "s", {"set": [setting]}, NOTHING, Settings())


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({"min": 2}, (2, 2)),
        ({"min": 7}, (7, 7)),
        ({"max": 9, "until_rel_error": 0.1}, (3, 9)),
        ({}, (3, 3)),
    ],
)
def test_replications_at_most_are_those_at_least_if_nothing_else_is_said(
    project: Project, flags: dict[str, object], found: tuple[int, int]
) -> None:
    spec = _spec(project, "s", {}, {**NOTHING, **flags}, Settings()).replications
    assert (spec.min, spec.max) == found


def test_an_error_to_reach_without_room_for_more_runs_names_the_flag(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        _spec(project, "s", {}, {**NOTHING, "until_rel_error": 0.1}, Settings())
    assert "--max" in caught.value.help


def test_what_a_flag_varies_goes_before_what_the_study_sets(project: Project) -> None:
    (project.root / "scenarios" / "studies" / "s.yaml").write_text(STUDY + "set: {model.at_once: 1, model.mapping: 1s}")
    spec = _spec(project, "s", {"vary": ["model.at_once=2,3"]}, NOTHING, Settings())
    assert spec.set_ == {"model.mapping": "1s"} and spec.vary["model.at_once"] == [2, 3]


@pytest.mark.parametrize(
    ("named", "flags", "found"),
    [
        ("plant-offline", {}, ("hub", 7)),
        ("plant-offline", {"target": "null", "seed": 0}, ("null", 0)),
        ("s", {}, ("hub", 7)),
        ("own", {}, ("other", 3)),
        ("own", {"target": "null", "seed": 1}, ("null", 1)),
    ],
)
def test_target_and_seed_are_those_that_were_settled(
    project: Project, named: str, flags: dict[str, object], found: tuple[str, int]
) -> None:
    own = STUDY.replace("sweep: s", "sweep: own\ntarget: other\nseed: 3")
    (project.root / "scenarios" / "studies" / "own.yaml").write_text(own)
    spec = _spec(project, named, flags, NOTHING, Settings(target="hub", seed=7))
    assert (spec.target, spec.seed) == found


def test_rates_have_a_place_on_an_axis() -> None:
    assert [place_of(value) for value in ("2/s", "90/min", "250ms", 3, "fifo", True)] == [2, 1.5, 0.25, 3, None, None]


def test_large_values_of_a_range_keep_their_digits() -> None:
    assert values_of("1000000ms:1000002ms:1ms") == ["1000000ms", "1000001ms", "1000002ms"]
