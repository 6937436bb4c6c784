"""Purchasing from stimulus to verdict, in-process: each planted defect is convicted by the check that names it, and who
does it right in another way passes."""

import json
from pathlib import Path

import pytest

from pilotplant.checks.result import Result
from pilotplant.model.verdict import Verdict
from pilotplant.reference.flows.goods_receipt import GoodsReceipts
from pilotplant.reference.flows.inbound import InboundDeliveries
from pilotplant.reference.flows.purchase_change import ChangeNotices
from pilotplant.reference.work import Flow
from tests.different.running import ran
from tests.integration import purchasing_variants as variants

ANNOUNCING = [{"do": "supplier.asn.send", "count": 16, "over": "2s", "with": {"twice": 0.5, "short": 0.5}}]
REPLACING = [{"do": "plm.change.release", "count": 4, "over": "1s", "with": {"substitution": 1}}]


def result(flow: type[Flow], tmp_path: Path) -> Result:
    """What comes of a small run without faults."""
    inbound = issubclass(flow, InboundDeliveries | GoodsReceipts)
    scenario, stimuli = ("inbound-asn", ANNOUNCING) if inbound else ("supplier-substitution", REPLACING)
    chosen = {
        "stimuli": stimuli,
        "faults": [],
        "flows": ["inbound", "goods-receipt"] if inbound else ["purchase-change"],
    }
    overrides = [f"{path}={json.dumps(value)}" for path, value in chosen.items()]
    return ran(variants.with_flow(flow), scenario, 3, tmp_path / "run", overrides=overrides).result


@pytest.mark.parametrize(
    ("flow", "check", "said"),
    [
        (variants.NotesEveryEvent, "once", "booked the inbound delivery"),
        (variants.PassesOverCorrections, "completeness", "correction of inbound delivery"),
        (variants.BooksWhatWasAnnounced, "convergence", "goods receipt"),
        (variants.ForgetsReceipts, "completeness", "goods receipt"),
        (variants.TellsNobody, "completeness", "notice of ECO-"),
        (variants.ChangesAtOnce, "sequencing", "acknowledgement of ECO-"),
        (variants.NeverMindsSilence, "completeness", "and no exception was raised"),
        (variants.SendsDrawingsAround, "security", "is not approved to make it"),
    ],
)
def test_a_planted_defect_is_named(flow: type[Flow], check: str, said: str, tmp_path: Path) -> None:
    found = result(flow, tmp_path)
    assert found.verdict is Verdict.FAIL
    assert any(finding.check == check and said in finding.sentence for finding in found.findings)


@pytest.mark.parametrize("flow", [variants.CancelsAndNotesAnew, InboundDeliveries, ChangeNotices])
def test_who_does_it_right_passes(flow: type[Flow], tmp_path: Path) -> None:
    found = result(flow, tmp_path)
    assert found.findings == ()
    assert found.verdict is Verdict.PASS, found.doubts


def test_the_figures_of_purchasing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    inbound = {figure.name: figure.value for figure in result(InboundDeliveries, tmp_path / "in").figures}
    changed = {figure.name: figure.value for figure in result(variants.TellsNobody, tmp_path).figures}
    assert inbound["asn_success"] == 100
    assert inbound["asn_to_expected_max"] > 0
    assert changed["notices_failed"] > 0
    answered = {f.name: f.value for f in result(ChangeNotices, tmp_path / "again").figures}
    assert 0 < answered["supplier_response_p50"] <= answered["supplier_response_max"] < 10
    assert "notices_failed" not in answered
