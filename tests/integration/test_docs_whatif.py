"""docs/what-if.md holds what it says: every command on the page is run, and the target that it shows is valid."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pilotplant.model.documents import Document
from pilotplant.resources import find_project
from pilotplant.target.model import TargetSpec

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "what-if.md").read_text("utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_commands_of_the_page_work(tmp_path: Path, block: str) -> None:
    (tmp_path / "pilotplant.toml").touch()
    (tmp_path / "targets").mkdir()
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ "))
        assert words[0] == "pilotplant"
        quiet = ["--quiet"] if words[1] != "fit" else []
        done = subprocess.run(
            [sys.executable, "-m", *words, *quiet], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_the_target_that_the_page_shows_is_valid() -> None:
    shown = re.search(r"```yaml target\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    target = Document.parse(shown[1], "what-if.md").validate(TargetSpec)
    assert target.model is not None and target.model.targets == {"erp": 4}


def test_the_studies_of_the_page_are_those_that_ship() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)
    assert sorted(named) == sorted(find_project(str(ROOT), {}, ROOT).names("studies"))
