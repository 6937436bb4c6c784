"""The documents in docs/ say what is true: their YAML is valid, the code they show stands in the source."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from pilotplant.exchange.profile import ProfileSpec
from pilotplant.flows.checking import flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.documents import Document
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.systems.estate import EstateSpec
from pilotplant.target.checking import flaws_of_target
from pilotplant.target.model import TargetSpec

DOCS = Path(__file__).parents[2] / "docs"
MODELS: dict[str, type[BaseModel]] = {
    "scenario": ScenarioSpec,
    "flow": FlowSpec,
    "profile": ProfileSpec,
    "estate": EstateSpec,
    "target": TargetSpec,
}
BLOCKS = [
    pytest.param(kind, text, id=f"{path.stem}-{number}")
    for path in sorted(DOCS.glob("*.md"))
    for number, (kind, text) in enumerate(re.findall(r"```yaml (\w+)\n(.*?)```", path.read_text("utf-8"), re.DOTALL))
    if kind in MODELS
]


@pytest.mark.parametrize(("kind", "text"), BLOCKS)
def test_a_yaml_block_is_valid(kind: str, text: str) -> None:
    validated = Document.parse(text, "block.yaml").validate(MODELS[kind])
    if isinstance(validated, FlowSpec):
        assert list(flaws_of(validated)) == []
    if isinstance(validated, TargetSpec):
        assert list(flaws_of_target(validated)) == []


def test_there_are_blocks_of_every_kind() -> None:
    assert {param.values[0] for param in BLOCKS} == set(MODELS)


def test_the_fault_that_the_docs_show_is_the_one_in_the_source() -> None:
    shown = re.search(r"```python\n(.*?)```", (DOCS / "faults.md").read_text("utf-8"), re.DOTALL)
    assert shown is not None
    source = (DOCS.parent / "src/pilotplant/faults/request_dropped.py").read_text("utf-8")
    assert shown[1].strip() in source
