"""Unfolding: the same happens, and leaving one thing out changes no other."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pilotplant.explore.unfolding import unfolded
from pilotplant.faults.fault import Fault
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.records import Stimulus
from pilotplant.model.script import NORMAL
from pilotplant.run.stimulation import Stimulation, occurrences
from pilotplant.scenario.model import StimulusSpec
from tests.estates import bench
from tests.unit.explored import SCENARIO

SEED = 7


def happened(stimuli: Sequence[StimulusSpec], directory: Path, seed: int = SEED) -> tuple[str, list[tuple[str, ...]]]:
    """What these stimuli make happen in an estate: its digest, and the operations with their keys."""
    directory.mkdir()
    built = bench(directory, seed=seed)
    stimulation = Stimulation(stimuli, built.estate, occurrences(stimuli, built.estate.world.draws))
    stimulation.start(0.0)
    built.pass_time(30)
    assert stimulation.finished and not stimulation.skipped
    operations = built.ledger.operations
    names = {number: name for name, number in operations.items()}
    told = [(names[record.operation], *record.keys) for record in built.records(Stimulus)]
    built.ledger.close()
    return stimulation.digest, told


def test_an_unfolded_scenario_makes_the_same_happen(tmp_path: Path) -> None:
    whole = unfolded(SCENARIO, SEED)
    assert len(whole.stimuli) > 15 and {stimulus.at is None for stimulus in whole.stimuli} == {False}
    folded = happened(SCENARIO.stimuli, tmp_path / "folded")
    assert happened(whole.stimuli, tmp_path / "unfolded") == folded
    assert happened(SCENARIO.stimuli, tmp_path / "other", seed=8)[0] != folded[0]


def test_unfolding_twice_changes_nothing() -> None:
    whole = unfolded(SCENARIO, SEED)
    assert unfolded(whole, SEED) == whole


@pytest.mark.parametrize("left_out", [0, 4, -1])
def test_leaving_out_an_occurrence_changes_no_other(tmp_path: Path, left_out: int) -> None:
    orders = [stimulus for stimulus in unfolded(SCENARIO, SEED).stimuli if stimulus.do == "mes.order.complete"]
    rest = list(orders)
    gone = rest.pop(left_out)
    chances = {o.key for o in occurrences(orders, Draws(SEED))}
    assert chances - {o.key for o in occurrences(rest, Draws(SEED))} == {gone.key}
    _digest, everything = happened(orders, tmp_path / "all")
    _digest, without = happened(rest, tmp_path / "rest")
    plants = [keys[1].partition("-")[0] for keys in everything]
    del plants[left_out]
    assert [keys[1].partition("-")[0] for keys in without] == plants, "the others choose the same plants"


def test_a_fault_strikes_the_same_whatever_stands_before_it() -> None:
    lossy = SCENARIO.faults[0]
    second = SCENARIO.model_copy(update={"faults": [SCENARIO.faults[1], lossy]})
    kept = unfolded(second, SEED).faults[1]

    def hits(*faults: Fault) -> list[int]:
        plan = FaultPlan(faults, Draws(SEED))
        bent = [plan.bend(NORMAL, "erp.stock.post", "erp", (str(n),), 5.0) != NORMAL for n in range(100)]
        return [n for n, hit in enumerate(bent) if hit]

    assert hits(*second.faults) == hits(*unfolded(second, SEED).faults) == hits(kept) != []
    assert hits(lossy) != hits(kept), "without a key it is the position that counts"
