"""Run directories: their names, their identity, and which is the latest."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pilotplant.model.errors import UsageError
from pilotplant.run.identity import legible, new_directory, replace_file
from pilotplant.run.latest import point_to, run_directory

MOMENT = datetime(2026, 3, 31, 12, 0, 5, tzinfo=UTC)


def runs_in(folder: Path, *names: str) -> Path:
    """A folder of runs."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "run.json").write_text("{}")
    return folder


def test_a_new_run_never_takes_a_directory_that_is_there(tmp_path: Path) -> None:
    made = [new_directory(tmp_path / "runs", "short", MOMENT).name for _ in range(3)]
    assert made == [f"20260331T120005Z-short-{number:02d}" for number in (1, 2, 3)]


def test_the_newest_is_the_one_pointed_to(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, "a", "b", "c")
    point_to(runs / "b")
    assert run_directory(runs, "") == run_directory(runs, "latest") == runs / "b"
    assert run_directory(runs, "a") == runs / "a"
    assert run_directory(runs, str(runs / "c")) == runs / "c"


@pytest.mark.parametrize(
    "pointer", ["", "{", '{"run": "gone"}', '{"run": "../x"}', '{"run": ".."}', "3", '{"other": "a"}']
)
def test_without_a_usable_pointer_it_is_the_last_by_name(tmp_path: Path, pointer: str) -> None:
    runs = runs_in(tmp_path, "20260101T000000Z-x-01", "20260102T000000Z-x-01")
    (runs / "latest.json").write_text(pointer)
    assert run_directory(runs, "").name == "20260102T000000Z-x-01"


def test_a_folder_without_runs_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in") as caught:
        run_directory(tmp_path, "")
    assert "pilotplant run" in caught.value.help


def test_a_mistyped_run_gets_a_suggestion(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, "20260101T000000Z-short-01")
    with pytest.raises(UsageError, match="did you mean `20260101T000000Z-short-01`"):
        run_directory(runs, "20260101T000000Z-shrt-01")


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two" and [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_what_is_not_unicode_can_still_be_written() -> None:
    assert legible("a\udcffb") == "a\\udcffb"
    assert legible("grün") == "grün"
