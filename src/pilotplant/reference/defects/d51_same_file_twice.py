"""Knows files by their names, and events by their place in the file: the same file under a new name is news."""

from dataclasses import replace
from pathlib import Path

from pilotplant.reference.fetching import Fields, FileIntake
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.work_list import WorkList

NUMBER = 51
NAME = "same file twice"
CHECK = "once"
SCENARIO = "hybrid-estate"


class NumbersLines(FileIntake):
    """Gives every line an identity of its own."""

    def events(self, path: Path, content: bytes) -> list[Fields]:
        found = super().events(path, content)
        return [{**fields, "id": f"{path.name}/{number}"} for number, fields in enumerate(found)]


PARTS = replace(Parts(), intake=NumbersLines, flows=(WorkList,))
