"""What the flags of `sweep` make of a study, and which of them would do nothing."""

from pathlib import Path

import pytest

from pilotplant.cli.commands.sweep import _spec
from pilotplant.model.errors import UsageError
from pilotplant.resources import Project, find_project
from pilotplant.sweep.analysis import _number
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
        ("model.workers=5", "is varied"),
        ("model.intake.every=9s", "alternative `polling` sets it"),
        ("x=[", "is not a YAML value"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(project: Project, setting: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _spec(project, "s", {"set": [setting]}, NOTHING)


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
    spec = _spec(project, "s", {}, {**NOTHING, **flags}).replications
    assert (spec.min, spec.max) == found


def test_an_error_to_reach_without_room_for_more_runs_names_the_flag(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        _spec(project, "s", {}, {**NOTHING, "until_rel_error": 0.1})
    assert "--max" in caught.value.help


def test_rates_have_a_place_on_an_axis() -> None:
    assert [_number(value) for value in ("2/s", "90/min", "250ms", 3, "fifo", True)] == [2, 1.5, 0.25, 3, None, None]


def test_large_values_of_a_range_keep_their_digits() -> None:
    assert values_of("1000000ms:1000002ms:1ms") == ["1000000ms", "1000001ms", "1000002ms"]
