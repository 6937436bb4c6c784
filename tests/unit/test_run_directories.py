"""Run directories: their names, their identity, which is the latest, and what is left of a run that broke."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from pilotplant.ledger.merging import MAIN, segment_in
from pilotplant.model.errors import LedgerError, PilotplantError, UsageError
from pilotplant.resources import Project, bundled
from pilotplant.run import running
from pilotplant.run.course import Course
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.identity import RunInfo, legible, new_directory, replace_file
from pilotplant.run.latest import point_to, run_directory
from pilotplant.run.request import RunRequest
from pilotplant.scenario.loading import load_run

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


@pytest.mark.parametrize(
    ("broke", "told", "notes"), [(UsageError("the port is taken"), UsageError, 1), (None, LedgerError, 0)]
)
def test_what_broke_a_run_is_told_though_its_segments_are_damaged_too(
    broke: PilotplantError | None, told: type[Exception], notes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perform(course: Course) -> None:
        (segment_in(tmp_path, MAIN) / "ledger.msgpack").write_bytes(b"not a ledger")
        if broke is not None:
            raise broke

    monkeypatch.setattr(Course, "perform", perform)
    shipped = Project(bundled(), bundled(), writable=False)
    (setup,), null = load_run(shipped, ["shift-change"], ["faults=[]"], "null")
    request = RunRequest(shipped, setup, null, 3, only_null_target, directory=tmp_path, processes=True)
    with pytest.raises(told) as raised:
        running.run(request)
    info = msgspec.json.decode((tmp_path / "run.json").read_bytes(), type=RunInfo)
    assert info.ended == str(raised.value)
    assert [*getattr(raised.value, "__notes__", []), *info.notes] == 2 * info.notes and len(info.notes) == notes
    assert all("could not be put together" in note for note in info.notes)
