"""A middleware with words, bodies and habits of its own is connected by a target file, and judged like any other."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import pilotplant

EXAMPLE = Path(__file__).parents[2] / "examples" / "foreign-hub"
PASSWORD = "kept-in-the-environment"
FEWER = 'stimuli=[{"do": "mes.order.complete", "rate": "4/s", "for": "4s"}]'


def ran(project: Path, scenario: str, out: Path, seed: int = 1) -> dict[str, Any]:
    words = ["run", scenario, "--seed", str(seed), "-q", "--set", FEWER, "--report", "json", "--out", str(out)]
    done = pilotplant(project, *words, environment={"HUB_PASSWORD": PASSWORD})
    assert done.code in (0, 1, 4), done.said
    result: dict[str, Any] = json.loads(next(out.glob("2*/result.json")).read_bytes())
    return result


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The example, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "hub"))


def without_identity(project: Path) -> None:
    target = project / "targets" / "hub.yaml"
    before, _, after = target.read_text("utf-8").partition("identity:")
    target.write_text(before + "declares:" + after.partition("declares:")[2], "utf-8")


def test_nothing_of_the_engine_is_used_by_it() -> None:
    assert "pilotplant" not in "".join(
        line for line in (EXAMPLE / "hub.py").read_text("utf-8").splitlines() if line.startswith(("import", "from"))
    )


@pytest.mark.parametrize("scenario", ["shifts", "hub-restarts", "refusals"])
def test_it_passes(scenario: str, tmp_path: Path) -> None:
    result = ran(EXAMPLE, scenario, tmp_path)
    assert (result["verdict"], result["findings"], result["doubts"]) == ("pass", [], [])
    betrayed = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert not betrayed


def test_without_identity_it_is_not_accused_and_not_acquitted(copied: Path, tmp_path: Path) -> None:
    without_identity(copied)
    result = ran(copied, "shifts", tmp_path / "out")
    assert (result["verdict"], result["findings"]) == ("unknown", [])
    assert "set `source_document` to the number of the confirmation" in {d["would_help"] for d in result["doubts"]}


def test_without_identity_duplicates_are_convicted_by_quantity(copied: Path, tmp_path: Path) -> None:
    without_identity(copied)
    source = (copied / "hub.py").read_text("utf-8")
    assert 'f"{site}-{shift}"' in source
    (copied / "hub.py").write_text(source.replace('f"{site}-{shift}"', "os.urandom(8).hex()"), "utf-8")
    result = ran(copied, "shifts", tmp_path / "out")
    assert result["verdict"] == "fail" and {finding["check"] for finding in result["findings"]} == {"once"}
    assert "without a source document" in result["findings"][0]["sentence"]
    assert any(doubt["check"] == "completeness" for doubt in result["doubts"]), "whose they are stays unknown"
