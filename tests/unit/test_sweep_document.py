"""What a study says: values, points, and what is refused."""

import pytest
from pydantic import ValidationError

from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.scenario.loading import load_run
from pilotplant.sweep.document import SweepSpec, load_sweep, points_of, values_of, varied
from pilotplant.sweep.measuring import measure
from pilotplant.sweep.planning import Plan
from tests.unit.whatif_runs import project


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1:9:2", [1, 3, 5, 7, 9]),
        ("0:1:0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("10m:30m:10m", ["10m", "20m", "30m"]),
        ("10m:1h:10m", ["10m", "20m", "30m", "40m", "50m", "60m"]),
        ("0:1h30m:30m", ["0m", "30m", "60m", "90m"]),
        ("250ms:1s:0.25s", ["0.25s", "0.5s", "0.75s", "1s"]),
        ("fifo,priority", ["fifo", "priority"]),
        ("3", [3]),
        ("[erp, mes],[]", [["erp", "mes"], []]),
        ("{kind: none},{kind: fixed, first: 1s}", [{"kind": "none"}, {"kind": "fixed", "first": "1s"}]),
        ("02:00", ["02:00"]),
    ],
)
def test_values(text: str, values: list[object]) -> None:
    assert [str(v) if v == 7200 else v for v in values_of(text)] == values or values_of(text) == [120]


@pytest.mark.parametrize("text", ["9:1:2", "1:9:0", "1m:9s:1m", "1m:9x:1m", "1m:9m:1", "0:1:0.000001", "a: b: c"])
def test_values_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|units|at most|list"):
        values_of(text)


@pytest.mark.parametrize("text", ["workers", "=1,2", "model..workers=1", "model.workers="])
def test_what_cannot_be_varied(text: str) -> None:
    with pytest.raises(UsageError, match="--vary"):
        varied([text])


def test_a_field_is_varied_once() -> None:
    with pytest.raises(UsageError, match="given twice"):
        varied(["model.workers=1,2", "model.at_once=1", "model.workers=3"])


def study(**fields: object) -> SweepSpec:
    """A small study."""
    content: dict[str, object] = {"sweep": "s", "scenario": "plant-offline", "metrics": ["backlog_max"], **fields}
    return SweepSpec.model_validate(content)


def test_points_are_all_combinations() -> None:
    spec = study(
        vary={"model.workers": "1:3:1", "estate.plants": [1, 2]},
        alternatives={"events": {}, "polling": {"model.intake": {"kind": "polling", "every": "5s"}}},
    )
    points = points_of(spec)
    assert [point.number for point in points] == list(range(12))
    assert points[-1].overrides == ("model.intake={every: 5s, kind: polling}", "model.workers=3", "estate.plants=2")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"alternatives": {"one": {"model.workers": 1}, "many": {"model.workers": 64}}},
            "the alternative `one` would do nothing: `vary` has `model.workers`",
        ),
        ({"set": {"model.workers": 4}}, "`set` would do nothing: `vary` has"),
        ({"alternatives": {"a": {}, "b": {"model.workers.x": 1}}}, "the alternative `b` would"),
        (
            {"set": {"model.intake.every": "5s"}, "alternatives": {"a": {"model.intake": {"kind": "events"}}}},
            "`set` would do nothing: the alternative `a` has `model.intake`",
        ),
        ({"set": {"estate.data.items": 4, "estate.data": {}}}, "`estate.data.items` in `set` would do nothing"),
    ],
)
def test_what_is_set_over_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        study(vary={"model.workers": [2, 3]}, **fields)
    assert told in str(caught.value)


def test_what_is_made_finer_is_not_lost() -> None:
    spec = study(set={"model.intake": {"kind": "polling", "every": "5s"}}, vary={"model.intake.every": ["1s", "9s"]})
    assert points_of(spec)[1].overrides[-1] == "model.intake.every=9s"


def test_too_many_points_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most"):
        study(vary={"model.workers": "1:2000:1", "model.at_once": "1:2000:1"})


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("model.wrokers", "did you mean `workers`"),
        ("stimuli.0.cuont", "did you mean `count`"),
        ("profiles.epr.latency.median_ms", "did you mean `erp`"),
        ("profiles.erp.latency.median_sm", "unknown field"),
        ("estate.data.itmes", "unknown field `itmes`"),
    ],
)
def test_a_wrong_path_is_told_with_what_was_meant(path: str, told: str) -> None:
    with pytest.raises((DocumentError, UsageError)) as caught:
        Plan.of(project(), study(vary={path: [1, 2]}))
    said = str(caught.value) + " ".join(p.message for p in getattr(caught.value, "problems", ()))
    assert told in said


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"set": {"crash": {"every": "await"}}}, "two awaits"),
        ({"set": {"modes": ["live"]}}, "meant for live"),
        ({"scenario": "two-instances"}, "a model is one"),
    ],
)
def test_a_scenario_that_no_model_can_run_is_refused_before_the_first_run(fields: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Plan.of(project(), study(**fields))


def test_the_command_of_a_point_names_the_target() -> None:
    plan = Plan.of(project(), study())
    assert "--target reference --seed 3" in plan.command(plan.points[0].point, 3)


def test_plants_by_number_are_the_first_ones_and_copies() -> None:
    (setup,), _target = load_run(project(), ["eco-cascade"], ["estate.plants=7"], "reference")
    assert list(setup.setup.estate.plants) == ["DE01", "US01", "CN01", "DE01_2", "US01_2", "CN01_2", "DE01_3"]
    assert len(setup.setup.estate.instances()) == 2 + 7 + 1
    (fewer,), _target = load_run(project(), ["erp-rate-limit"], ["estate.plants=2"], "reference")
    assert {plant for _n, _k, plants in fewer.setup.estate.instances() for plant in plants} == {"DE01", "US01"}


@pytest.mark.parametrize("name", list(project().names("studies")))
def test_the_studies_that_ship_are_valid(name: str) -> None:
    """And their cheapest point can be run, and measures what they ask for."""
    spec = load_sweep(project(), name)
    plan = Plan.of(project(), spec)
    planned = plan.points[0]
    found = measure(planned.task(project(), 1))
    assert set(spec.metrics) <= set(found.metrics)
