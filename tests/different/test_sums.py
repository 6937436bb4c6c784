"""A flow may allow sums: who keeps quantities passes without naming anybody, who loses or doubles some is convicted."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pilotplant.flows.checking import flaws_of
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.documents import Document
from pilotplant.run.request import Finished
from tests.different import sums_confirmations
from tests.different.running import SHIPPED, confirmations_only, ran

ALLOWED = "aggregate: {by: [plant, movement, item, lot], window: WINDOW}, when:"


def project(folder: Path, window: str) -> Path:
    """A project whose flow allows what the shipped one does not."""
    shipped = SHIPPED.find("flows", "production-confirmation").read_text("utf-8")
    flow = folder / "contracts" / "flows" / "production-confirmation.yaml"
    flow.parent.mkdir(parents=True)
    flow.write_text(shipped.replace("when:", ALLOWED.replace("WINDOW", window)), "utf-8")
    return folder


def summed(folder: Path, create: Callable[..., Any], *, window: str = "10m") -> Finished:
    overrides = [*confirmations_only("shift-change", figures=False), "faults=[]"]
    root = project(folder / "project", window)
    return ran(create, "shift-change", 1, folder / "run", overrides=overrides, root=root)


def test_who_keeps_the_quantities_passes(tmp_path: Path) -> None:
    result = summed(tmp_path, sums_confirmations.create).result
    assert (result.findings, result.doubts) == ((), ())
    assert result.verdict == "pass"
    assert {row.status for row in result.board} <= {"done", "withdrawn"}


def changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    lines_of = sums_confirmations.lines_of
    monkeypatch.setattr(sums_confirmations, "lines_of", lambda confirmations: change(lines_of(confirmations)))


def spoilt(lines: list[dict[str, Any]], factor: float) -> list[dict[str, Any]]:
    return [{**line, "quantity": line["quantity"] * (factor if line["movement"] == "receipt" else 1)} for line in lines]


@pytest.mark.parametrize(("factor", "check"), [(2.0, "once"), (0.5, "completeness")])
def test_who_does_not_keep_them_is_convicted(
    factor: float, check: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, lambda lines: spoilt(lines, factor))
    result = summed(tmp_path, sums_confirmations.create).result
    assert check in {finding.check for finding in result.findings}


def test_who_waits_too_long_is_convicted(tmp_path: Path) -> None:
    result = summed(tmp_path, sums_confirmations.create, window="1ms").result
    assert {(finding.check, finding.step) for finding in result.findings} == {("completeness", "window")}


@pytest.mark.parametrize(
    ("by", "complaint"),
    [
        (["plant", "item"], "leaves out exactly one key"),
        (["plant", "movement", "item", "lott"], "no key of the step `lott`"),
        (["plant", "source_document", "movement", "item", "lot"], "leaves out exactly one key"),
    ],
)
def test_sums_that_mean_nothing(by: Sequence[str], complaint: str) -> None:
    text = SHIPPED.find("flows", "production-confirmation").read_text("utf-8")
    text = text.replace("when:", f"aggregate: {{by: [{', '.join(by)}]}}, when:", 1)
    flow = Document.parse(text, "flow.yaml").validate(FlowSpec)
    assert any(complaint in flaw.message for flaw in flaws_of(flow))
