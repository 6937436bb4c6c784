"""docs/connect.md holds what it says: the example passes, and falls when it makes the mistake that the page names."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pilotplant.model.documents import Document
from pilotplant.target.model import TargetSpec
from tests.integration.command_line import pilotplant

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello-middleware"
PAGE = (ROOT / "docs" / "connect.md").read_text("utf-8")

LOOK_FIRST = 'if all(earlier["reversed"] for earlier in found):'
ONE_KEY = """key = f"{done['plant']}-{done['confirmation']}\""""


def run_confirmations(project: Path, out: Path, seed: int) -> tuple[int, dict[str, object]]:
    done = pilotplant(project, "run", "confirmations", "--seed", str(seed), "-q", "--out", str(out))
    assert done.code in (0, 1), done.said
    result: dict[str, object] = json.loads(next(out.glob("2*/result.json")).read_bytes())
    return done.code, result


@pytest.mark.parametrize("seed", [1, 2])
def test_the_example_passes_as_the_page_says(tmp_path: Path, seed: int) -> None:
    code, result = run_confirmations(EXAMPLE, tmp_path, seed)
    assert (code, result["verdict"], result["findings"]) == (0, "pass", [])


def test_without_the_look_up_and_with_new_keys_it_is_convicted(tmp_path: Path) -> None:
    careless = tmp_path / "careless"
    shutil.copytree(EXAMPLE, careless)
    source = (careless / "hello.py").read_text("utf-8")
    assert LOOK_FIRST in source and ONE_KEY in source
    changed = source.replace(LOOK_FIRST, "if True:").replace(ONE_KEY, "key = str(time.monotonic())")
    (careless / "hello.py").write_text(changed, "utf-8")
    code, result = run_confirmations(careless, tmp_path / "out", 1)
    findings = result["findings"]
    assert isinstance(findings, list)
    assert code == 1
    assert {finding["check"] for finding in findings} == {"once"}
    assert all("booked" in finding["sentence"] and len(finding["proof"]) >= 3 for finding in findings)


def test_the_target_that_the_page_shows_is_the_one_of_the_example() -> None:
    shown = re.search(r"```yaml target\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    assert shown[1] == (EXAMPLE / "targets" / "hello.yaml").read_text("utf-8")
    Document.parse(shown[1], "connect.md").validate(TargetSpec)


def test_the_code_that_the_page_shows_stands_in_the_example() -> None:
    shown = re.findall(r"```python hello.py\n(.*?)```", PAGE, re.DOTALL)
    source = (EXAMPLE / "hello.py").read_text("utf-8")
    assert shown and all(block in source for block in shown)
