"""What the team wants to be sure of before it releases the hub."""

import httpx
import pytest
import respx
from hub.app import create
from hub.erp import Erp, Refused

CONFIRMATIONS = {
    "stimuli": [{"do": "mes.order.complete", "count": 8, "over": "2s"}],
    "flows": ["production-confirmation"],
    "faults": [{"fault": "response-lost", "match": {"operation": "erp.stock.post"}, "probability": 0.4}],
    "thresholds": [],
}


@pytest.mark.pilotplant("ambiguous-timeouts", set=CONFIRMATIONS)
def test_a_scenario_that_ships_with_stimuli_of_our_own(verdict, ledger):
    assert verdict == "pass"
    assert sum(1 for _record in ledger) > 100


@pytest.mark.parametrize("seed", range(5))
def test_many_seeds_are_cheap(scenario, seed):
    assert scenario("ambiguous-timeouts", target=create, seed=seed, set=CONFIRMATIONS) == "pass"


@pytest.mark.pilotplant(target="hub.app:create", flows=["production-confirmation"])
def test_a_story(estate):
    async def story():
        estate.do("mes.order.complete")
        await estate.rest()
        booked = estate.effects("erp.stock.post")
        assert booked
        await estate.wait(3600)
        later = estate.effects("erp.stock.post")
        assert [later.count(effect) for effect in booked] == [1] * len(booked), "an hour later still booked once"

    assert estate.play(story).result.verdict == "pass"


def test_one_class_with_respx_as_we_always_did(estate):
    """Only ERP is simulated; what else the class calls is mocked as in any respx test."""

    async def story():
        with respx.mock(assert_all_called=False) as router:
            router.route(host="estate.pilotplant").mock(side_effect=estate.respond)
            desk = router.post("http://desk.example/exceptions").respond(201)
            async with httpx.AsyncClient() as http:
                erp = Erp({**estate.environment, "PILOTPLANT_DESK_URL": "http://desk.example"}, http)
                with pytest.raises(Refused, match="item-not-at-plant"):
                    await erp.book(NONSENSE)
                await erp.tell_somebody(NONSENSE, "item-not-at-plant")
        assert desk.called

    estate.play(story)


NONSENSE = {
    "confirmation": "CNF-1",
    "plant": "DE01",
    "item": "NO-SUCH-ITEM",
    "lot": "L1",
    "unit": "EA",
    "good": 1,
    "scrap": 0,
    "consumption": [],
    "posting_date": "2026-03-02",
}
