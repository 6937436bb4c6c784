"""A model that looks for itself: each appointed moment comes once, however its number is rounded."""

import itertools
from pathlib import Path

import pytest

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Deliver
from tests.unit.whatif_runs import confirmations, figures_of, modelled_run


def looks_s(directory: Path) -> list[float]:
    """When it learned of something."""
    return [record.t for record in Ledger(directory) if isinstance(record, Deliver)]


@pytest.mark.parametrize("every", ["100ms", "200ms", "300ms", "600ms", "700ms", "1100ms", "750ms"])
def test_one_batch_at_each_moment(tmp_path: Path, every: str) -> None:
    setup = confirmations(tmp_path, "count: 30, over: 1s")
    modelled_run(tmp_path / "run", setup, 1, intake={"kind": "polling", "every": every, "batch_size": 1})
    looks = looks_s(tmp_path / "run")
    gaps_s = [after - before for before, after in itertools.pairwise(looks)]
    assert len(looks) >= 30
    assert min(gaps_s) > 0.99 * float(every.removesuffix("ms")) / 1000


def test_time_goes_on_while_a_model_that_polls_is_down(tmp_path: Path) -> None:
    killed = (
        "faults: [{fault: killed, match: {operation: erp.stock.post}, moment: after, nth: 4, restart_after_s: 0.5}]"
    )
    setup = confirmations(tmp_path, "rate: 6/s, for: 5s", killed)
    finished = modelled_run(tmp_path / "run", setup, 1, intake={"kind": "polling", "every": "100ms"})
    assert figures_of(finished)["confirmation_to_stock_p50"] < 1


def test_one_batch_a_day(tmp_path: Path) -> None:
    setup = confirmations(tmp_path, "count: 5, over: 1s", "speed: 7000")
    intake = {"kind": "batch", "at": ["02:00", "14:10"], "batch_size": 1}
    modelled_run(tmp_path / "run", setup, 1, intake=intake)
    looks = looks_s(tmp_path / "run")
    gaps_s = [after - before for before, after in itertools.pairwise(looks)]
    assert len(looks) >= 5
    assert min(gaps_s) > 11 * 3600 / 7000
