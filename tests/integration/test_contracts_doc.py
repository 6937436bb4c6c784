"""docs/contracts.md holds what it says: its commands end as it says, its examples are those of the source."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from pilotplant.conformance.binding import read_bindings
from tests.integration.command_line import pilotplant

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contracts.md").read_text("utf-8")
COMMANDS = [
    (command.strip(), int(code))
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for command, code in re.findall(r"^pilotplant (.+?)\s+# exit (\d+)$", block, re.MULTILINE)
]


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "pilotplant.toml").write_text(block("toml"), encoding="utf-8")
    for name in ("pacts", "openapi", "events", "flows"):
        shutil.copytree(ROOT / "contracts" / name, folder / "contracts" / name)
    return folder


def test_every_command_ends_as_the_page_says(project: Path) -> None:
    """One after the other, since some look at what those before them left."""
    lines = [line for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in text.splitlines() if line]
    assert len(lines) == len(COMMANDS) >= 10
    for command, code in COMMANDS:
        done = pilotplant(project, *shlex.split(command), limit_s=240.0)
        assert done.code == code, f"{command}\n{done.said}"
        assert "pact_" not in done.err, "what the Pact library says is not for the user"


def test_the_consumer_test_that_the_page_shows_is_one_of_ours() -> None:
    source = (ROOT / "tests/contract/test_consumer_erp.py").read_text("utf-8")
    shown = [line.strip() for line in block("python").splitlines()]
    assert all(line in source for line in shown)


def test_the_bindings_that_the_page_shows_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "states.yaml"
    path.write_text(block("yaml"), encoding="utf-8")
    assert {"everywhere", "an item at a plant", "no such item at the plant"} <= set(read_bindings(path))
