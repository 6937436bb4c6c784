"""Fetching files, and what goes wrong with it: each defect beside the reference."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.channels.sheets import sheet
from pilotplant.reference.defects import find
from pilotplant.reference.fetching import GIVE_UP_S
from pilotplant.reference.parts import Parts
from tests.unit.test_files import EVENT


class StoppedClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def content(events: int = 2) -> bytes:
    """A complete file."""
    return sheet("csv", [msgspec.json.encode({**EVENT, "id": f"e{n}"}) for n in range(events)], decimal_comma=True)


def taken(parts: Parts, folder: Path, files: dict[str, bytes], *, looks: int = 1, later_s: float = 0.0) -> list[bytes]:
    """What is taken of the files of a folder."""
    folder.mkdir()
    for name, each in files.items():
        (folder / name).write_bytes(each)
    found: list[bytes] = []

    async def take(body: bytes) -> None:
        found.append(body)

    async def main() -> None:
        clock = StoppedClock()
        intake = parts.intake(folder, take, clock, every_s=0.5)
        for _ in range(looks):
            await intake.look()
            clock.at += later_s

    asyncio.run(main())
    return found


def ids(bodies: list[bytes]) -> list[Any]:
    """The identities of events."""
    return [msgspec.json.decode(body)["id"] for body in bodies]


def test_d50_reads_what_is_not_complete(tmp_path: Path) -> None:
    half = content()[: content().rfind(b"#end") - 60]
    right = taken(Parts(), tmp_path / "right", {"a.csv": half})
    wrong = taken(find("d50_reads_half_written_files").parts, tmp_path / "wrong", {"a.csv": half})
    assert (ids(right), ids(wrong)) == ([], ["e0"])
    assert (tmp_path / "right" / "a.csv").exists() and not (tmp_path / "wrong" / "a.csv").exists()


def test_d51_takes_the_same_file_twice(tmp_path: Path) -> None:
    files = {"a.csv": content(), "b.csv": content()}
    right = ids(taken(Parts(), tmp_path / "right", files))
    wrong = ids(taken(find("d51_same_file_twice").parts, tmp_path / "wrong", files))
    assert (len(set(right)), len(set(wrong))) == (2, 4)


def test_what_is_being_written_or_locked_is_left_alone(tmp_path: Path) -> None:
    files = {"a.csv.part": content(), "b.csv": content(), "b.csv.lock": b"", "c.txt": b"", "d.csv": b""}
    assert taken(Parts(), tmp_path / "in", files) == []
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == sorted(files)


@pytest.mark.parametrize(("strange", "told"), [(content().decode().encode("utf-16"), 1), (b"", 0), (b"\xff" * 40, 1)])
def test_what_never_can_be_read_is_set_aside_and_told(tmp_path: Path, strange: bytes, told: int) -> None:
    found = taken(Parts(), tmp_path / "in", {"a.csv": strange}, looks=3, later_s=GIVE_UP_S)
    assert found == [strange] * told
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.csv.bad"]


def test_a_folder_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    async def take(body: bytes) -> None:
        raise AssertionError(body)

    asyncio.run(Parts().intake(tmp_path / "none", take, StoppedClock(), every_s=0.5).look())
