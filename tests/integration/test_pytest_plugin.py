"""The plugin as a team uses it: a repository with tests, run by pytest as a process."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command_line import environment_of

ROOT = Path(__file__).parents[2]
TEAM = ROOT / "examples" / "pytest-team"
LOOK_FIRST = 'if not all(earlier["reversed"] for earlier in found):'
ONE_KEY = """key = {"idempotency-key": f"{done['plant']}-{done['confirmation']}"}"""


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A copy of the example."""
    copy = tmp_path / "team"
    shutil.copytree(TEAM, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run_tests(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env=environment_of(None),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_team_of_the_example_is_content_also_side_by_side(team: Path) -> None:
    done = run_tests(team, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) >= 10


def test_a_hub_that_does_not_look_first_is_convicted_by_its_scenario(team: Path) -> None:
    source = (team / "hub" / "erp.py").read_text("utf-8")
    assert LOOK_FIRST in source and ONE_KEY in source
    careless = source.replace(LOOK_FIRST, "if False:").replace(ONE_KEY, 'key = {"idempotency-key": str(time.time())}')
    (team / "hub" / "erp.py").write_text(careless, "utf-8")
    done = run_tests(team, "tests/lost-answers.scenario.yaml")
    assert done.returncode == 1, done.stdout
    assert "FAIL once" in done.stdout and "booked" in done.stdout
    assert "Traceback" not in done.stdout
    marked = run_tests(team, "tests/test_hub.py", "-vvv", "-k", "that_ships")
    assert "the verdict is 'fail', not 'pass'" in marked.stdout
    assert "FAIL once" in marked.stdout


def test_an_unknown_verdict_does_not_pass(team: Path) -> None:
    (team / "tests" / "still.scenario.yaml").write_text(
        "scenario: still\nestate: three-plants\nflows: [production-confirmation]\n", "utf-8"
    )
    done = run_tests(team, "tests/still.scenario.yaml")
    assert done.returncode == 1, done.stdout
    assert "the run proves nothing" in done.stdout


def test_a_broken_scenario_is_reported_with_its_line(team: Path) -> None:
    (team / "tests" / "broken.scenario.yaml").write_text(
        "scenario: broken\nestate: three-plants\nflows: [no-such-flow]\n", "utf-8"
    )
    done = run_tests(team, "tests/broken.scenario.yaml")
    assert done.returncode == 1, done.stdout
    assert "broken.scenario.yaml:3:" in done.stdout and "there is no flow `no-such-flow`" in done.stdout


def test_a_verdict_without_a_mark_says_what_is_missing(team: Path) -> None:
    (team / "tests" / "test_unmarked.py").write_text("def test_it(verdict): pass\n", "utf-8")
    done = run_tests(team, "tests/test_unmarked.py")
    assert "needs @pytest.mark.pilotplant" in done.stdout


def test_nothing_is_imported_until_a_test_asks() -> None:
    program = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import pilotplant.pytest_plugin\n"
        "print(*sorted(name for name in set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["pilotplant", "pilotplant.pytest_plugin"]


def test_the_team_of_the_page_is_the_one_of_the_example() -> None:
    page = (ROOT / "docs" / "pytest.md").read_text("utf-8")
    configured = (TEAM / "pyproject.toml").read_text("utf-8")
    assert 'pilotplant_target = "hub.app:create"' in page and 'pilotplant_target = "hub.app:create"' in configured
