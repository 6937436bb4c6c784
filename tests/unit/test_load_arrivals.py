"""Arrivals: each shape has the rate and the form that it says, and the same seed makes the same plan."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from pilotplant.ledger.records import Stimulus
from pilotplant.load.arrivals.arrival import Arrivals, shapes
from pilotplant.load.model import LoadSpec
from pilotplant.load.plan import planned
from pilotplant.run.stimulation import Occurrence, Stimulation
from pilotplant.scenario.model import StimulusSpec
from tests.estates import bench

DO = "mes.order.complete"


def arrivals(shape: str, **fields: Any) -> Arrivals:
    """A shape, as YAML would describe it."""
    return shapes()[shape].model_validate({"do": DO, "shape": shape, **fields})


def moments(given: Arrivals, seed: int = 1) -> list[float]:
    """When it lets something happen."""
    return list(given.moments(Random(seed)))


EXAMPLES = {
    "constant": arrivals("constant", rate="50/s", **{"for": "60s"}),
    "poisson": arrivals("poisson", rate="50/s", **{"for": "60s"}),
    "ramp": arrivals("ramp", **{"from": "1/s", "to": "99/s", "for": "60s"}),
    "burst": arrivals("burst", rate="10/s", burst_rate="200/s", every="10s", burst_for="2s", **{"for": "60s"}),
    "shift-change": arrivals("shift-change", rate="10/s", peak="200/s", shift="30s", width="3s", **{"for": "60s"}),
    "month-end": arrivals("month-end", rate="10/s", growth=8, **{"for": "60s"}),
    "eco-storm": arrivals("eco-storm", rate="20/s", follow_ups=0.5, spread="1s", **{"for": "60s"}),
}


def test_every_shape_has_an_example_here() -> None:
    assert set(shapes()) == {*EXAMPLES, "replay"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_shape_keeps_its_length_its_order_and_what_it_lets_expect(name: str) -> None:
    given = EXAMPLES[name]
    found = moments(given)
    assert found == sorted(found)
    assert found[0] >= 0 and found[-1] < given.length_s
    assert len(found) == pytest.approx(given.expected, rel=0.12)
    twice = moments(given.scaled(2))
    assert len(twice) == pytest.approx(2 * len(found), rel=0.12)
    assert moments(given) == found


def test_a_ramp_climbs() -> None:
    found = moments(EXAMPLES["ramp"])
    first, last = sum(m < 20 for m in found), sum(m >= 40 for m in found)
    assert last > 3 * first


def test_bursts_are_where_they_are_said_to_be() -> None:
    found = moments(EXAMPLES["burst"])
    within = sum(moment % 10 < 2 for moment in found)
    assert within == pytest.approx(6 * 2 * 200, rel=0.1)


def test_a_shift_ends_with_a_crowd() -> None:
    found = moments(EXAMPLES["shift-change"])
    crowd = sum(27 <= moment < 30 for moment in found)
    calm = sum(30 <= moment < 33 for moment in found)
    assert crowd > 5 * calm


def test_a_month_ends_with_a_crowd() -> None:
    found = moments(EXAMPLES["month-end"])
    assert sum(m >= 54 for m in found) > 4 * sum(m < 6 for m in found)


def test_changes_set_off_others_in_their_wake() -> None:
    alone = arrivals("eco-storm", rate="20/s", follow_ups=0, **{"for": "60s"})
    gaps = [b - a for a, b in zip(moments(EXAMPLES["eco-storm"]), moments(EXAMPLES["eco-storm"])[1:], strict=False)]
    steady = [b - a for a, b in zip(moments(alone), moments(alone)[1:], strict=False)]

    def roughness(values: list[float]) -> float:
        mean = sum(values) / len(values)
        return sum((value - mean) ** 2 for value in values) / len(values) / mean**2

    assert roughness(gaps) > roughness(steady)


def test_what_happened_once_happens_again(tmp_path: Path) -> None:
    estate = bench(tmp_path)
    spec = StimulusSpec.model_validate({"do": DO, "at": 0})
    plan = [Occurrence(moment, 0, f"k{moment}") for moment in (0.5, 1.0, 2.5)]
    stimulation = Stimulation([spec], estate.estate, plan)
    stimulation.start(0.0)
    estate.pass_time(3)
    estate.ledger.close()
    assert len(estate.records(Stimulus)) == 3
    again = arrivals("replay", run=str(tmp_path))
    assert moments(again) == pytest.approx([0.0, 0.5, 2.0])
    assert moments(again.scaled(4)) == pytest.approx([0.0, 0.125, 0.5])
    with pytest.raises(ValidationError, match=r"no stimulus `plm\.change\.release`"):
        shapes()["replay"].model_validate({"do": "plm.change.release", "shape": "replay", "run": str(tmp_path)})
    with pytest.raises(ValidationError, match="cannot read"):
        arrivals("replay", run=str(tmp_path / "nowhere"))


def profile(**fields: Any) -> LoadSpec:
    """A load profile with one kind of arrivals, unless others are given."""
    content = {
        "load": "small",
        "estate": "three-plants",
        "flows": ["production-confirmation"],
        "arrivals": [{"do": DO, "shape": "poisson", "rate": "20/s", "for": "10s"}],
    }
    return LoadSpec.model_validate(content | fields)


def test_the_same_seed_makes_the_same_plan_and_another_seed_another() -> None:
    assert planned(profile(), 3) == planned(profile(), 3)
    assert planned(profile(), 3).digest != planned(profile(), 4).digest


def test_one_more_kind_of_arrivals_changes_no_other() -> None:
    one = {"do": DO, "shape": "poisson", "rate": "20/s", "for": "10s", "key": "orders"}
    other = {"do": "plm.change.release", "shape": "eco-storm", "rate": "1/s", "for": "10s"}
    alone = planned(profile(arrivals=[one]), 3).occurrences
    both = planned(profile(arrivals=[other, one]), 3).occurrences
    assert [(o.moment, o.key) for o in both if o.number == 1] == [(o.moment, o.key) for o in alone]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"shape": "poison"}, "did you mean `poisson`"),
        ({"shape": "poisson", "rate": "900000/s", "for": "10s"}, "more than 1,000,000 arrivals"),
        (
            {"shape": "burst", "rate": "1/s", "burst_rate": "2/s", "every": "1s", "burst_for": "2s", "for": "9s"},
            "would never end",
        ),
        ({"shape": "eco-storm", "rate": "1/s", "follow_ups": 1.0, "for": "9s"}, "less than 1"),
    ],
)
def test_arrivals_that_cannot_be_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        profile(arrivals=[{"do": DO, **wrong}])


def test_a_profile_that_is_scaled_has_so_many_times_as_many_arrivals() -> None:
    small, large = profile(), profile().scaled(5)
    assert large.rate == pytest.approx(5 * small.rate)
    assert len(planned(large, 1).occurrences) > 4 * len(planned(small, 1).occurrences)
