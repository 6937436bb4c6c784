"""A model fitted to the reference predicts a run of it that was not used; what cannot be fitted is said."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.times import TimeSpec
from pilotplant.model.errors import LedgerError, UsageError
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run
from pilotplant.sweep.calibration import calibrated, compared, past_run
from pilotplant.sweep.latencies import from_csv
from tests.unit.whatif_runs import modelled_run, project, setup_of


@cache
def reference_run(seed: int) -> Path:
    """A run of the reference, which stands in for a live one: the same code on a virtual clock."""
    (setup,), target = load_run(project(), ["eco-cascade"], [], "reference")
    directory = Path(mkdtemp(prefix="pilotplant-tests-"))
    run(RunRequest(project(), setup, target, seed, only_null_target, "inprocess", directory=directory))
    return directory


def test_it_predicts_the_medians_of_a_run_that_was_not_used() -> None:
    model, fits = calibrated(project(), [past_run(reference_run(1))])
    medians = {fit.figure: fit for fit in compared(project(), past_run(reference_run(2)), model)}
    assert {fit.figure for fit in fits} >= {"change_propagation_p50", "confirmation_to_stock_p50"}
    assert medians["change_propagation_p50"].error < 0.2
    assert medians["confirmation_to_stock_p50"].error < 0.2


def test_a_model_that_does_not_fit_is_seen_to() -> None:
    slow = ModelSpec(mapping=TimeSpec(mean=3.0))
    medians = {fit.figure: fit for fit in compared(project(), past_run(reference_run(2)), slow)}
    assert medians["change_propagation_p50"].error > 0.5


def test_a_run_of_a_model_is_no_evidence(tmp_path: Path) -> None:
    modelled_run(tmp_path, setup_of("plant-offline"))
    with pytest.raises(UsageError, match="run of a model"):
        past_run(tmp_path)


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"run\.json"):
        past_run(tmp_path)


def test_latencies_that_were_measured_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    rows = [f"mapping,engineering-change,{0.1 + 0.01 * n}" for n in range(21)]
    rows += [f"latency,erp,{0.02 + 0.001 * n}" for n in range(21)]
    path.write_text("\n".join(["what,name,seconds", *rows, "handling,,0.005"]))
    model, settings = from_csv(project(), path)
    assert model.mappings["engineering-change"].at(0.5) == pytest.approx(0.2)
    assert model.handling.at(0.5) == pytest.approx(0.005)
    assert settings == ["profiles.erp.latency.median_ms=30.0", "profiles.erp.latency.p95_ms=39.0"]
