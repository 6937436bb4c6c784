"""Which system serves which plant: one for all, one in each, or several that share the plants among them."""

from typing import Any

import pytest
from pydantic import ValidationError

from pilotplant.exchange.profile import OAuth2
from pilotplant.run.preparation import generate_data
from pilotplant.scenario.loading import load_estate
from pilotplant.systems.estate import EstateSpec, said_of
from tests.different.running import SHIPPED

PLANTS = {code: {"name": code, "time_zone": "Europe/Berlin"} for code in ("DE01", "US01", "CN01")}


def estate(*erp: dict[str, Any]) -> EstateSpec:
    """An estate with these ERPs."""
    return EstateSpec.model_validate({"estate": "e", "plants": PLANTS, "systems": {"erp": list(erp)}})


def test_several_systems_of_a_kind_share_the_plants() -> None:
    built = estate({"profile": "a", "plants": ["DE01", "US01"]}, {"profile": "b", "plants": ["CN01"]})
    assert built.instances() == (("erp@DE01-US01", "erp", ("DE01", "US01")), ("erp@CN01", "erp", ("CN01",)))
    assert built.profiles() == {"erp@DE01-US01": "a", "erp@CN01": "b"}
    assert estate({"profile": "a", "plants": ["DE01", "US01"], "name": "west"}).instances()[0][0] == "erp@west"


def test_one_for_all_and_one_in_each() -> None:
    assert estate({"profile": "a"}).instances() == (("erp", "erp", ("DE01", "US01", "CN01")),)
    per_plant = estate(
        {"profile": "a", "per": "plant", "plants": ["DE01", "CN01"]}, {"profile": "b", "plants": ["US01"]}
    )
    assert [name for name, _kind, _plants in per_plant.instances()] == ["erp@DE01", "erp@CN01", "erp@US01"]


@pytest.mark.parametrize(
    ("erp", "says"),
    [
        ([{"profile": "a", "plants": ["DE02"]}], "a plant `DE02` that the estate does not have; did you mean `DE01`"),
        ([{"profile": "a", "plants": ["DE01"]}, {"profile": "b", "plants": ["DE01"]}], "serves the plant DE01 twice"),
        ([{"profile": "a"}, {"profile": "b", "plants": ["DE01"]}], "each has to say which `plants` it serves"),
        (
            [
                {"profile": "a", "plants": ["DE01", "US01"], "name": "x"},
                {"profile": "b", "plants": ["CN01"], "name": "x"},
            ],
            "two systems are called `erp@x`",
        ),
    ],
)
def test_what_cannot_be(erp: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        estate(*erp)
    assert says in str(refused.value)


def test_each_system_has_the_profile_that_its_estate_says() -> None:
    setup = load_estate(SHIPPED, "three-clouds")
    limits = {
        name: [limit.kind for limit in said_of(name, kind, setup.profiles).limits]
        for name, kind, _plants in setup.estate.instances()
        if kind == "erp"
    }
    assert limits["erp@US01"] == ["concurrency"]
    assert limits["erp@CN01"] == ["fixed-window"]
    assert isinstance(setup.profiles["erp@DE01"].auth, OAuth2)
    assert generate_data(setup, 1).digest == generate_data(load_estate(SHIPPED, "three-plants"), 1).digest
