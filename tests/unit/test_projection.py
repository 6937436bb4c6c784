"""What a target carries over in its own way is intended in that way; what it then gets wrong is still told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pilotplant.dataset.records import BomLine
from pilotplant.model.errors import UsageError
from pilotplant.run.comparison import difference
from pilotplant.systems.erp.definitions import ReleaseBom
from pilotplant.systems.erp.replicas import BOMS
from pilotplant.target.checking import flaws_of_target
from pilotplant.target.model import TargetSpec
from pilotplant.target.projection import ProjectionRule, projection
from tests.estates import bench

RELEASE = "erp.bom.release"
EFFECTIVE = datetime(2026, 3, 2, tzinfo=UTC)


def bom(*lines: tuple[str, float]) -> ReleaseBom:
    told = tuple(BomLine(component, quantity, "EA") for component, quantity in lines)
    return ReleaseBom(plant="DE01", item="A", revision="B", effective_from=EFFECTIVE, lines=told)


def differs(
    folder: Path, wanted: ReleaseBom, held: ReleaseBom, *rules: dict[str, Any], root: Path | None = None
) -> str:
    """What is told of the difference between the two, through a projection."""
    rule = projection({RELEASE: [ProjectionRule.model_validate(each) for each in rules]}, folder)
    erp = bench(folder)["erp"].state
    intended = rule.intended(RELEASE, wanted)
    if intended is None:
        return "nothing is intended"
    return difference(*rule.compared(RELEASE, BOMS.form(erp, intended), BOMS.form(erp, held)))


def test_a_copy_has_to_be_equal(tmp_path: Path) -> None:
    assert differs(tmp_path, bom(("X", 1)), bom(("X", 1))) == ""
    assert differs(tmp_path, bom(("X", 1)), bom(("X", 2))) != ""


def test_numbers_are_mapped_and_phantoms_left_out(tmp_path: Path) -> None:
    table = {"field": "lines.component", "table": {"X": "4711", "PH-*": ""}}
    wanted = bom(("X", 1), ("PH-1", 2))
    assert differs(tmp_path, wanted, bom(("4711", 1)), table) == ""
    assert "PH-1" in differs(tmp_path, wanted, bom(("4711", 1), ("PH-1", 2)), table)
    assert differs(tmp_path, wanted, bom(("4712", 1)), table) != ""


def test_additions_and_rounding(tmp_path: Path) -> None:
    more = {"field": "lines", "additions": "allowed"}
    assert differs(tmp_path, bom(("X", 1)), bom(("X", 1), ("GLUE", 0.1)), more) == ""
    assert differs(tmp_path, bom(("X", 1)), bom(("GLUE", 0.1)), more) != ""
    rounded = {"field": "lines", "digits": 2}
    assert differs(tmp_path, bom(("X", 1.00499)), bom(("X", 1.0)), rounded) == ""
    assert differs(tmp_path, bom(("X", 1.00499)), bom(("X", 1.1)), rounded) != ""


def test_whoever_rounds_half_up_or_half_to_even_is_right(tmp_path: Path) -> None:
    rounded = {"field": "lines", "digits": 3}
    for held in (0.063, 0.062):
        assert differs(tmp_path, bom(("X", 0.0625), ("Y", 1)), bom(("X", held), ("Y", 1)), rounded) == ""
    assert differs(tmp_path, bom(("X", 0.0625)), bom(("X", 0.064)), rounded) != ""
    assert differs(tmp_path, bom(("X", 0.0625), ("Y", 1)), bom(("X", 0.063)), rounded) != ""


def test_what_does_not_matter_is_not_compared(tmp_path: Path) -> None:
    ignored = {"field": "lines", "ignored": True}
    other = bom(("Z", 9))
    assert differs(tmp_path, bom(("X", 1)), other, ignored) == ""
    changed = ReleaseBom(plant="DE01", item="A", revision="C", effective_from=EFFECTIVE, lines=other.lines)
    assert "revision" in differs(tmp_path, bom(("X", 1)), changed, ignored)


FUNCTION = """\
def exploded(bom):
    if bom["item"] == "GONE":
        return None
    lines = [line for line in bom["lines"] if line["component"] != "PHANTOM"]
    if len(lines) < len(bom["lines"]):
        lines.append({"component": "INNER", "quantity": 4.0, "unit": "EA"})
    return {**bom, "lines": lines}

def breaks(bom):
    return bom["no such field"]
"""


def test_a_function_of_the_project_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "carried_over.py").write_text(FUNCTION, "utf-8")
    rule = {"function": "carried_over:exploded"}
    assert differs(tmp_path, bom(("PHANTOM", 1)), bom(("INNER", 4)), rule) == ""
    assert differs(tmp_path, bom(("PHANTOM", 1)), bom(("PHANTOM", 1)), rule) != ""
    with pytest.raises(UsageError, match=r"carried_over:breaks failed: KeyError"):
        differs(tmp_path, bom(("X", 1)), bom(("X", 1)), {"function": "carried_over:breaks"})
    with pytest.raises(UsageError, match="cannot be imported"):
        differs(tmp_path, bom(("X", 1)), bom(("X", 1)), {"function": "carried_over:missing"})


def test_refusals_are_intended_through_the_projection(tmp_path: Path) -> None:
    """Whoever sends what its projection intends is not told that it sent something else."""
    estate = bench(tmp_path).estate
    plm = estate.systems["plm"].state
    item = next(item.number for item in estate.dataset.items.values() if item.made and "DE01" in item.plants)
    structure = plm.bom(item, plm.revision_at("DE01", item))
    lines = (*structure.lines, BomLine("GLUE", 1.0, "EA"))
    sent = ReleaseBom(plant="DE01", item=item, revision=structure.revision, effective_from=EFFECTIVE, lines=lines)
    erp = estate.systems["erp"]
    assert not erp.intends(f"{RELEASE}|DE01|{item}", sent)
    estate.projection = projection({RELEASE: [ProjectionRule(field="lines", additions="allowed")]}, tmp_path)
    assert erp.intends(f"{RELEASE}|DE01|{item}", sent)


def test_rules_that_mean_nothing_are_told() -> None:
    for rule in (
        {},
        {"field": "lines"},
        {"field": "x", "ignored": True, "digits": 1},
        {"field": "x", "function": "a:b"},
    ):
        with pytest.raises(ValueError, match="a rule is"):
            ProjectionRule.model_validate(rule)
    for acts in ({"ignored": True}, {"additions": "allowed"}, {"digits": 2}):
        with pytest.raises(ValueError, match="this rule is about all of it: `field: lines`"):
            ProjectionRule.model_validate({"field": "lines.quantity", **acts})
    target = TargetSpec.model_validate(
        {
            "target": "t",
            "deliver": {"url": "http://h/"},
            "projection": {
                RELEASE: [
                    {"field": "lnes", "ignored": True},
                    {"field": "lines.componnt", "table": {"A": "B"}},
                    {"field": "lines.quantity", "table": {"1.0": "2.0"}},
                    {"field": "lines", "table": {"A": "B"}},
                    {"field": "lines.component", "table": {"A": "B"}},
                ],
                "erp.bom.get": [{"field": "lines", "ignored": True}],
            },
        }
    )
    assert {flaw.path for flaw in flaws_of_target(target)} == {
        *(("projection", RELEASE, position, "field") for position in range(4)),
        ("projection", "erp.bom.get"),
    }
