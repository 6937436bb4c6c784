"""What a what-if run says: figures and thresholds; what holds by construction is never a pass."""

from pathlib import Path

import pytest

from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Verdict
from pilotplant.reporting import text
from pilotplant.run.again import judge_again
from tests.unit.whatif_runs import modelled_run, project, setup_of, shorter


def test_order_and_once_are_reported_by_construction(tmp_path: Path) -> None:
    result = modelled_run(tmp_path, setup_of("eco-cascade"), 1).result
    assert result.verdict is Verdict.PASS
    assert result.checks == ()
    told = " ".join(result.by_construction)
    assert "sequencing: " in told and "once: " in told and "facts.doubled == 0" in told
    assert not any("doubled" in threshold.expression for threshold in result.thresholds)
    shown = text.render(result, report="here")
    assert "by construction, not judged: once" in shown
    assert not any(line.strip().startswith("pass") and "once" in line for line in shown.splitlines())
    assert "whatif" in shown and "a model was at work, and no middleware" in shown


def test_a_missed_threshold_ends_with_3(tmp_path: Path) -> None:
    setup = shorter(setup_of("eco-cascade"), thresholds=["change_propagation p95 < 1ms"])
    result = modelled_run(tmp_path, setup).result
    assert (result.verdict, result.exit) == (Verdict.FAIL, 3)


def test_what_a_model_leaves_undone_is_counted(tmp_path: Path) -> None:
    setup = shorter(setup_of("long-outage"), thresholds=["facts.lost == 0", "exceptions > 0"])
    result = modelled_run(tmp_path, setup, retry={"kind": "none"}).result
    judged = {threshold.expression: threshold for threshold in result.thresholds}
    assert judged["facts.lost == 0"].verdict is Verdict.FAIL
    assert judged["exceptions > 0"].verdict is Verdict.PASS
    assert result.exit == 3


def test_without_a_threshold_there_are_figures_and_no_verdict(tmp_path: Path) -> None:
    setup = shorter(setup_of("plant-offline"), thresholds=[])
    setup.flows[0] = setup.flows[0].model_copy(update={"recover_within": None})
    result = modelled_run(tmp_path, setup).result
    assert (result.verdict, result.exit) == (Verdict.UNKNOWN, 4)
    assert any("No threshold" in doubt.sentence for doubt in result.doubts)
    assert any(figure.name == "confirmation_to_stock_p95" for figure in result.figures)


def test_a_run_in_which_nothing_happened_proves_nothing(tmp_path: Path) -> None:
    result = modelled_run(tmp_path, shorter(setup_of("plant-offline"), stimuli=[], faults=[])).result
    assert (result.verdict, result.exit) == (Verdict.UNKNOWN, 4)


def test_the_model_tells_of_itself_also_when_judged_again(tmp_path: Path) -> None:
    result = modelled_run(tmp_path, setup_of("shift-change"), 1).result
    figures = {figure.name: figure.value for figure in result.figures}
    assert figures["calls_throttled"] > 0
    assert 0 < figures["calls_throttled_share"] < 100
    assert 0 < figures["workers_busy"] <= 100
    assert judge_again(tmp_path) == result


def test_what_no_model_can_undergo_is_refused(tmp_path: Path) -> None:
    company = next(
        name
        for name in project().names("scenarios")
        if any(fault.KIND == "second-instance" for fault in setup_of(name).scenario.faults)
    )
    with pytest.raises(UsageError, match="a model is one"):
        modelled_run(tmp_path, setup_of(company))
