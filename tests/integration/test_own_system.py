"""docs/own-system.md holds what it says: a system of the project's own, without touching any file of the engine."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilotplant.model.errors import UsageError
from pilotplant.systems import catalog
from tests.integration.command_line import Project, pilotplant

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own-system"
QMS = (EXAMPLE / "simulators" / "qms" / "system.py").read_text("utf-8")


def ran(out: Path, target: str) -> tuple[int, dict[str, Any]]:
    words = ["run", "inspections", "--target", target, "--seed", "1", "-q", "--out", str(out)]
    done = pilotplant(EXAMPLE, *words)
    result: dict[str, Any] = json.loads(next(out.glob("2*/result.json")).read_bytes())
    return done.code, result


def test_the_own_system_is_simulated_and_judged(tmp_path: Path) -> None:
    code, result = ran(tmp_path, "inspector")
    assert (code, result["findings"], result["doubts"]) == (0, [], [])


def test_who_does_nothing_is_convicted_of_what_the_own_system_misses(tmp_path: Path) -> None:
    code, result = ran(tmp_path, "null")
    assert code == 1 and "qms.lot.open" in result["findings"][0]["sentence"]


def test_no_file_of_the_engine_knows_of_it() -> None:
    named = [path for path in (ROOT / "src").rglob("*.py") if re.search(r"\bqms\b", path.read_text("utf-8"))]
    assert named == []


def test_the_code_that_the_page_shows_stands_in_the_example() -> None:
    page = (ROOT / "docs" / "own-system.md").read_text("utf-8")
    shown = re.findall(r"```(?:python|yaml) (\S+)\n(.*?)```", page, re.DOTALL)
    assert len(shown) >= 4
    for name, block in shown:
        assert block in (EXAMPLE / name).read_text("utf-8"), name


@pytest.fixture
def own(project: Project) -> Iterator[Project]:
    """A project that this process forgets again."""
    yield project
    catalog.leave_out(project.root)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("qms", "def build(", "SyntaxError"),
        ("qms", '"""Nothing."""\n', "is no system: AttributeError"),
        ("qms", QMS.replace('"qms.lot.', '"mes.lot.'), "declares no operation whose name begins with `qms."),
        ("erp", QMS, "which Pilotplant has already"),
    ],
)
def test_what_is_no_system_is_refused_with_a_reason(own: Project, name: str, text: str, complaint: str) -> None:
    own.write(f"simulators/{name}/system.py", text)
    catalog.include(own.root)
    with pytest.raises(UsageError, match=re.escape(complaint)):
        catalog.kinds()


def test_another_project_may_have_a_system_of_the_same_name(own: Project) -> None:
    """Whatever was begun and broken off, or read and left out, stands in nobody's way."""
    own.write("simulators/qms/system.py", QMS + "\nraise ValueError('broken off')\n")
    catalog.include(own.root)
    for _ in range(2):
        with pytest.raises(UsageError, match="broken off"):
            catalog.kinds()
    catalog.leave_out(own.root)
    own.write("simulators/qms/system.py", QMS)
    for project in (own.root, EXAMPLE, own.root):
        catalog.include(project)
        assert "qms" in catalog.kinds()
        catalog.leave_out(project)
        assert "qms" not in catalog.kinds()


def test_a_broken_system_ends_a_command_with_a_reason(project: Project) -> None:
    project.write("simulators/qms/system.py", "import nothing_of_this_name\n")
    done = project.call("list", "operations")
    assert done.code == 2 and "is no system" in done.err
