"""Faults: what each does to a script, and whom the plan of a run strikes."""

from typing import Any

import pytest
from pydantic import ValidationError

from pilotplant.faults.answer_garbled import Garble
from pilotplant.faults.clock_skewed import Skewed
from pilotplant.faults.fault import Fault, Occasion, fault_kinds
from pilotplant.faults.forged_signature import Imitation
from pilotplant.faults.hostile import Spoilt as Hostile
from pilotplant.faults.new_release import Extended
from pilotplant.faults.plan import FaultPlan
from pilotplant.faults.poison import Spoilt
from pilotplant.faults.redirected import Redirect
from pilotplant.faults.rephrased import Phrased
from pilotplant.faults.unknown_field import Added
from pilotplant.faults.unknown_type import OtherType
from pilotplant.faults.unknown_value import Valued
from pilotplant.kernel.draws import Draws
from pilotplant.model.problem import Overloaded, RateLimited, Unauthorized, Unavailable
from pilotplant.model.script import (
    DELIVERY,
    NORMAL,
    Alter,
    Commit,
    Copy,
    Delay,
    Disregard,
    Doom,
    Drop,
    Expire,
    Hold,
    Inner,
    Join,
    Kill,
    Recall,
    Refuse,
    Reset,
    Respond,
    Script,
    Suspend,
    Trickle,
    parted,
)
from pilotplant.systems.catalog import TOKEN

POST, KEYS = "erp.stock.post", ("DE01", "CNF-1")
LATE = "the cost estimate is missing"
TIGHT = Refuse("limit-tightened", RateLimited(limit="limit-tightened"), retry_after_s=1.0)


def fault(kind: str, **settings: Any) -> Fault:
    return fault_kinds()[kind].model_validate({"fault": kind, **settings})


def plan(*faults: Fault, seed: int = 1) -> FaultPlan:
    return FaultPlan(faults, Draws(seed))


def strikes(given: FaultPlan, times: int, keys: tuple[str, ...] = KEYS) -> list[int]:
    return [n for n in range(1, times + 1) if given.bend(NORMAL, POST, "erp", keys, 0.0) != NORMAL]


DELIVERED = "erp.version.activated"
U = 0.25
REFUSED = Refuse("failed-before-commit", Unavailable(), retry_after_s=2)


def occasion(operation: str = POST, **settings: Any) -> Occasion:
    return Occasion(operation, operation.partition(".")[0], KEYS, u=U, **settings)


BENT: list[tuple[Fault, Script, Script]] = [
    (
        fault("killed", restart_after_s=2),
        (Commit(), Kill("killed", 2.0), Respond()),
        (Respond(), Kill("killed", 2.0)),
    ),
    (fault("killed", moment="before"), (Kill("killed", 0.5), Drop()), (Kill("killed", 0.5), Respond())),
    (
        fault("killed", restart="cold"),
        (Commit(), Kill("killed", 0.5, True), Respond()),
        (Respond(), Kill("killed", 0.5, True)),
    ),
    (
        fault("second-instance", for_s=4, leaves="first"),
        (Join("second-instance", 4.0, "first"), Commit(), Respond()),
        (Join("second-instance", 4.0, "first"), Respond()),
    ),
    (
        fault("suspended", for_s=3),
        (Suspend("suspended", 3.0), Commit(), Respond()),
        (Suspend("suspended", 3.0), Respond()),
    ),
    (fault("latency", delay_s=2), (Delay("latency", 2.0), Commit(), Respond()), (Delay("latency", 2.0), Respond())),
    (fault("response-lost", at_byte=9), (Commit(), Reset("response-lost", 9)), DELIVERY),
    (fault("request-dropped"), (Drop("request-dropped"),), DELIVERY),
    (fault("slow-body", bytes_each=4, pause_s=1), (Commit(), Trickle("slow-body", 4, 1.0)), DELIVERY),
    (
        fault("answer-held", until_s=6),
        (Commit(), Hold("answer-held", 6.0), Respond()),
        (Hold("answer-held", 6.0), Respond()),
    ),
    (fault("failed-before-commit", status=503, retry_after_s=2), (REFUSED, Commit(), Respond()), DELIVERY),
    (
        fault("failed-after-commit", status=503),
        (Commit(), Refuse("failed-after-commit", Overloaded()), Respond()),
        DELIVERY,
    ),
    (fault("answer-garbled", how="empty"), (Commit(), Garble("answer-garbled", "empty"), Respond()), DELIVERY),
    (
        fault("redirected", status=307),
        (Refuse(), Commit(), Redirect("redirected", 307, "/sign-on"), Respond()),
        DELIVERY,
    ),
    (fault("black-hole"), (Hold("black-hole", 604_800.0), Drop("black-hole")), DELIVERY),
    (fault("outage", answer="dropped"), (Drop("outage"),), DELIVERY),
    (fault("outage"), (Refuse("outage", Unavailable()), Commit(), Respond()), DELIVERY),
    (fault("flapping", up_s=1, down_s=1, answer="dropped"), (Drop("flapping"),), DELIVERY),
    (fault("correlated-outage", systems=["erp", "plm"], answer="dropped"), (Drop("correlated-outage"),), DELIVERY),
    (
        fault("token-revoked"),
        (Refuse("token-revoked", Unauthorized(detail="the token was revoked"), revoke=True), Commit(), Respond()),
        DELIVERY,
    ),
    (fault("hostile", how="deep"), NORMAL, (Respond(), Copy("hostile", Hostile("deep"), attempts=4))),
    (fault("rephrased", how="spaced"), NORMAL, (Alter("rephrased", Phrased("spaced")), Respond())),
    (fault("new-release", what="field"), (Commit(), Extended("new-release"), Respond()), DELIVERY),
    (fault("duplicate", copies=2), NORMAL, (Respond(), Copy("duplicate", times=2, abreast=True))),
    (fault("duplicate", gap_s=1), NORMAL, (Respond(), Copy("duplicate", gap_s=1.0))),
    (fault("replayed", after_s=3), NORMAL, (Respond(), Copy("replayed", gap_s=3.0))),
    (fault("reordered", within_s=2), NORMAL, (Delay("reordered", 2 * U), Respond())),
    (fault("burst", every_s=2), NORMAL, (Hold("burst", 2.0), Respond())),
    (fault("unacknowledged"), NORMAL, (Disregard("unacknowledged"),)),
    (
        fault("forged-signature"),
        NORMAL,
        (Copy("forged-signature", Imitation(), forged=True), Delay("", 0.5), Respond()),
    ),
    (
        fault("forged-signature", content="same", ahead_s=1),
        NORMAL,
        (Copy("forged-signature", forged=True), Delay("", 1.0), Respond()),
    ),
    (fault("expired-timestamp"), NORMAL, (Copy("expired-timestamp", age_s=3600.0), Delay("", 0.5), Respond())),
    (fault("unknown-type"), NORMAL, (Respond(), Copy("unknown-type", OtherType("record.reviewed"), attempts=4))),
    (fault("unknown-field"), NORMAL, (Alter("unknown-field", Added("extension")), Respond())),
    (fault("clock-skewed", by_s=-9), NORMAL, (Alter("clock-skewed", Skewed(-9.0)), Respond())),
    (fault("poison"), NORMAL, (Respond(), Copy("poison", Spoilt(), attempts=4))),
]
ON_SOME: list[tuple[Fault, str, Script]] = [
    (fault("rejected-late"), "erp.version.activate", (Doom("rejected-late", LATE), Commit(), Respond())),
    (fault("rejected-late"), POST, NORMAL),
    (fault("stale-read", lag_s=2), "erp.stock.documents", (Recall("stale-read", 2.0), Commit(), Respond())),
    (fault("stale-read", lag_s=2), POST, NORMAL),
    (fault("limit-tightened", requests=1), POST, (TIGHT, Commit(), Respond())),
    (fault("token-expires-early", after_s=2), TOKEN, (Expire("token-expires-early", 2.0), Commit(), Respond())),
    (fault("token-expires-early", after_s=2), POST, NORMAL),
    (
        fault("unknown-value"),
        "plm.change.released",
        (Alter("unknown-value", Valued("priority", "expedite")), Respond()),
    ),
    (fault("poison", how="impossible"), "erp.stock.posted", DELIVERY),
    (
        fault("poison", how="impossible"),
        "mes.order.completed",
        (Respond(), Copy("poison", Spoilt("impossible"), attempts=4)),
    ),
    (fault("unknown-value"), "mes.order.completed", DELIVERY),
]


@pytest.mark.parametrize(("given", "request_script", "delivery_script"), BENT, ids=str)
def test_what_each_does_to_a_request_and_to_a_delivery(
    given: Fault, request_script: Script, delivery_script: Script
) -> None:
    strikes_requests, strikes_deliveries = request_script != NORMAL, delivery_script != DELIVERY
    assert given.bend(NORMAL, occasion()) == request_script or not strikes_requests
    assert given.bend(DELIVERY, occasion(DELIVERED, delivery=True)) == delivery_script or not strikes_deliveries
    assert (given.strikes(delivery=False), given.strikes(delivery=True)) == (strikes_requests, strikes_deliveries)
    quiet = plan(given)
    if not strikes_requests:
        assert quiet.bend(NORMAL, POST, "erp", KEYS, 0.0) == NORMAL
    if not strikes_deliveries:
        assert quiet.bend(DELIVERY, DELIVERED, "erp", KEYS, 0.0) == DELIVERY


@pytest.mark.parametrize(("given", "operation", "expected"), ON_SOME, ids=str)
def test_what_some_do_only_to_some_operations(given: Fault, operation: str, expected: Script) -> None:
    assert given.bend(DELIVERY if expected is DELIVERY else NORMAL, occasion(operation)) == expected or (
        len(expected) == 2 and given.bend(DELIVERY, occasion(operation, delivery=True)) == expected
    )


def test_the_folder_holds_exactly_what_is_tested_above() -> None:
    of_files = {kind for kind, given in fault_kinds().items() if given.FILES}  # see test_files.py
    assert set(fault_kinds()) == of_files | {given.KIND for given, *_ in (*BENT, *ON_SOME)}


def test_poison_about_items_that_do_not_exist() -> None:
    data = {
        "plant": "DE01",
        "confirmation": "CNF-0000009",
        "item": "ITM-1",
        "consumption": [{"item": "ITM-2", "lot": "L"}],
    }
    envelope = {"id": "mes@DE01-00000007", "type": "mes.order.completed", "subject": "DE01/CNF-0000009", "data": data}
    spoilt = Spoilt("impossible").apply(envelope)
    assert not isinstance(spoilt, bytes)
    assert spoilt["id"] == "mes@DE01-06000007" and spoilt["subject"] == "DE01/CNF-6000009"
    assert spoilt["data"]["item"] == spoilt["data"]["consumption"][0]["item"] == "ITM-NOWHERE"
    assert data["item"] == "ITM-1", "the event itself stays as it is"


def test_poison_about_an_item_is_about_one_of_its_own() -> None:
    """Else a middleware that knows what it was told by its subject took all of them for the same."""
    envelope = {"id": "erp-00000007", "type": "erp.item.changed", "data": {"plant": "DE01", "item": "ITM-001063"}}
    spoilt = Spoilt("impossible").apply({**envelope, "subject": "DE01/ITM-001063"})
    assert not isinstance(spoilt, bytes)
    assert spoilt["subject"] == "DE01/" + spoilt["data"]["item"] == "DE01/ITM-6001063"


def test_a_driver_sees_no_inner_step() -> None:
    for given, bent, _delivery in BENT:
        first, outer, then = parted(bent)
        assert not any(isinstance(step, Inner) for step in outer)
        assert len(first) + len(outer) + len(then) == len(bent)
        if first or then:
            assert outer == NORMAL, given


def test_they_compose() -> None:
    bent = plan(fault("latency", delay_s=1), fault("response-lost")).bend(NORMAL, POST, "erp", KEYS, 0.0)
    assert bent == (Delay("latency", 1.0), Commit(), Reset("response-lost", 0))


@pytest.mark.parametrize(
    ("match", "operation", "system", "struck"),
    [
        ({}, POST, "erp", True),
        ({"operation": POST}, POST, "erp", True),
        ({"operation": POST}, "erp.stock.reverse", "erp", False),
        ({"system": "mes"}, "mes.order.hold", "mes@DE01", True),
        ({"system": "mes@US01"}, "mes.order.hold", "mes@DE01", False),
        ({"system": "erp", "operation": POST}, POST, "plm", False),
    ],
)
def test_match(match: dict[str, str], operation: str, system: str, struck: bool) -> None:
    given = plan(fault("request-dropped", match=match))
    assert (given.bend(NORMAL, operation, system, KEYS, 0.0) != NORMAL) is struck


@pytest.mark.parametrize(("now", "struck"), [(0.9, False), (1.0, True), (1.9, True), (2.0, False)])
def test_window(now: float, struck: bool) -> None:
    given = plan(fault("request-dropped", window={"from_s": 1, "to_s": 2}))
    assert (given.bend(NORMAL, POST, "erp", KEYS, now) != NORMAL) is struck


def test_nth_and_max_count() -> None:
    assert strikes(plan(fault("request-dropped", nth=3)), 10) == [3]
    assert strikes(plan(fault("request-dropped", max_count=2)), 10) == [1, 2]


def test_what_cannot_be_struck_uses_up_no_count() -> None:
    given = plan(fault("response-lost", max_count=1, nth=1))
    assert given.bend(DELIVERY, "erp.stock.posted", "erp", KEYS, 0.0) == DELIVERY
    assert strikes(given, 2) == [1]
    both = plan(fault("request-dropped", nth=1), fault("response-lost", max_count=1))
    assert both.bend(NORMAL, POST, "erp", KEYS, 0.0) == (Drop("request-dropped"),)
    assert both.bend(NORMAL, POST, "erp", KEYS, 0.0) == (Commit(), Reset("response-lost", 0))


def test_chance_is_keyed_and_not_sequential() -> None:
    asked = [("DE01", f"CNF-{number}") for number in range(200)]

    def struck(order: list[tuple[str, str]]) -> set[tuple[str, str]]:
        given = plan(fault("request-dropped", probability=0.2))
        return {keys for keys in order if given.bend(NORMAL, POST, "erp", keys, 0.0) != NORMAL}

    found = struck(asked)
    assert struck(asked[::-1]) == found
    assert struck(asked[::2]) == found & set(asked[::2])
    assert 20 <= len(found) <= 60


def test_each_attempt_is_drawn_anew_and_each_plant_for_itself() -> None:
    given = plan(fault("request-dropped", probability=0.5))
    assert 10 <= len(strikes(given, 40)) <= 30
    shares = [
        [given.bend(NORMAL, "mes.order.hold", system, ("000001",), 0.0) != NORMAL for _ in range(40)]
        for system in ("mes@DE01", "mes@US01")
    ]
    assert shares[0] != shares[1]


def test_labels_tell_two_of_a_kind_apart() -> None:
    given = plan(
        fault("response-lost", match={"operation": "x"}), fault("latency", delay_s=1), fault("response-lost", at_byte=5)
    )
    assert list(given.bitten) == ["response-lost", "latency", "response-lost#2"]
    bent = given.bend(NORMAL, POST, "erp", KEYS, 0.0)
    assert bent == (Delay("latency", 1.0), Commit(), Reset("response-lost#2", 5))


def test_after_healing_nothing_strikes() -> None:
    given = plan(fault("latency", delay_s=1))
    assert given.active
    given.healed = True
    assert not given.active
    assert not plan().active


@pytest.mark.parametrize(
    "settings",
    [
        {"probability": 0},
        {"probability": 1.1},
        {"nth": 0},
        {"max_count": 0},
        {"delay_s": 0},
        {"delay_s": 1e9},
        {"x": 1},
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        fault("latency", **{"delay_s": 1, **settings})


def test_keys_are_matched_by_name() -> None:
    given = fault("request-dropped", match={"operation": POST, "keys": {"plant": "DE01"}})
    struck = [plan(given).bend(NORMAL, POST, "erp", (plant, "CNF-1"), 0.0) != NORMAL for plant in ("DE01", "US01")]
    assert struck == [True, False]
    anywhere = plan(fault("request-dropped", match={"keys": {"source_document": "CNF-1"}}))
    assert anywhere.bend(NORMAL, POST, "erp", KEYS, 0.0) != NORMAL
    assert anywhere.bend(NORMAL, "plm.item.get", "plm", ("CNF-1",), 0.0) == NORMAL, "no such key there"


@pytest.mark.parametrize(
    ("given", "operation", "struck"),
    [
        (fault("request-dropped"), TOKEN, False),
        (fault("request-dropped", match={"system": "erp"}), TOKEN, False),
        (fault("request-dropped", match={"operation": TOKEN}), TOKEN, True),
        (fault("latency", delay_s=1, match={"operation": TOKEN}), POST, False),
        (fault("outage", match={"system": "erp"}), TOKEN, True),
        (fault("outage", match={"system": "plm"}), TOKEN, False),
        (fault("outage", match={"operation": POST}), TOKEN, False),
    ],
)
def test_tokens_are_struck_where_they_are_named_or_all_is_down(given: Fault, operation: str, struck: bool) -> None:
    assert (plan(given).bend(NORMAL, operation, "erp", (), 0.0) != NORMAL) is struck


def when_down(given: Fault, system: str, *moments: float) -> list[bool]:
    down = plan(given)
    return [down.bend(NORMAL, POST, system, KEYS, now) != NORMAL for now in moments]


def test_flapping() -> None:
    given = fault("flapping", up_s=2, down_s=1, window={"from_s": 1, "to_s": 6.5})
    assert when_down(given, "erp", 0.5, 1.5, 2.9, 3.0, 3.9, 4.0, 6.1, 6.6) == [
        False, False, False, True, True, False, True, False
    ]  # fmt: skip


def test_a_correlated_outage_ends_in_the_reverse_order() -> None:
    given = fault("correlated-outage", systems=["plm", "mes"], stagger_s=1, window={"from_s": 1, "to_s": 5})
    moments = (0.9, 1.0, 2.0, 3.9, 4.0, 4.9, 5.0)
    assert when_down(given, "plm", *moments) == [False, True, True, True, True, True, False]
    assert when_down(given, "mes@DE01", *moments) == [False, False, True, True, False, False, False]
    assert not any(when_down(given, "erp", *moments))


def test_a_tighter_limit_slides_and_counts_for_each_system() -> None:
    given = plan(fault("limit-tightened", requests=2, per_s=1, retry_after="growing"))

    def waits(system: str, *moments: float) -> list[float]:
        scripts = [given.bend(NORMAL, POST, system, KEYS, now) for now in moments]
        return [step.retry_after_s if isinstance(step := script[0], Refuse) else 0.0 for script in scripts]

    assert waits("erp", 0.0, 0.5, 0.6, 0.8) == pytest.approx([0.0, 0.0, 0.4, 2 * 0.2])
    assert waits("mes", 0.8) == [0.0]
    assert waits("erp", 1.0, 1.1) == pytest.approx([0.0, 0.4]), "it was taken in between, so it begins anew"


def test_a_plan_leaves_the_faults_of_its_scenario_alone() -> None:
    given = fault("limit-tightened", requests=1)
    for _ in range(2):
        assert strikes(plan(given), 2) == [2], "what one run counted is nothing to the next"


def test_a_spread_of_delays_is_keyed() -> None:
    def delays(seed: int) -> list[float]:
        given = plan(fault("latency", delay_s=1, p95_s=3), seed=seed)
        scripts = [given.bend(NORMAL, POST, "erp", ("DE01", str(number)), 0.0) for number in range(200)]
        return [step.seconds for script in scripts if isinstance(step := script[0], Delay)]

    first = delays(1)
    assert first == delays(1) != delays(2)
    assert 0.8 < sorted(first)[100] < 1.25 and 2 < sorted(first)[190] < 4.5


def test_faults_are_armed_and_lifted_one_by_one() -> None:
    given = plan(fault("request-dropped"))
    assert given.arm(fault("request-dropped", match={"operation": "plm.item.get"})) == "request-dropped#2"
    assert given.armed == ["request-dropped", "request-dropped#2"]
    assert given.lift("request-dropped") and not given.lift("request-dropped") and not given.lift("outage")
    assert given.bend(NORMAL, POST, "erp", KEYS, 0.0) == NORMAL
    assert given.bend(NORMAL, "plm.item.get", "plm", KEYS, 0.0) != NORMAL
    assert given.active and given.lift("request-dropped#2") and not given.active
    assert given.arm(fault("latency", delay_s=1)) == "latency" and given.active


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("failed-before-commit", {"status": 402}),
        ("failed-before-commit", {"status": 200}),
        ("failed-before-commit", {"status": 500, "retry_after_s": 1}),
        ("failed-before-commit", {"status": 422, "vendor_limit": True}),
        ("failed-after-commit", {"status": 404}),
        ("redirected", {"status": 304}),
        ("correlated-outage", {"systems": ["erp"]}),
        ("correlated-outage", {"systems": ["erp", "plm"], "match": {"system": "mes"}}),
        ("answer-garbled", {"keep": 1}),
        ("limit-tightened", {"requests": 0}),
        ("duplicate", {"copies": 0}),
        ("expired-timestamp", {"age_s": 1}),
        ("unknown-value", {"field": "effectivity"}),
    ],
)
def test_settings_of_their_own_that_cannot_be(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        fault(kind, **settings)


def test_moments_count_from_when_the_stimuli_began() -> None:
    window = {"from_s": 1, "to_s": 2}
    given = plan(fault("request-dropped", window=window), fault("answer-held", until_s=3), fault("burst", every_s=2))
    given.origin_s = 10.0
    dropped = [given.bend(NORMAL, POST, "erp", KEYS, now) == (Drop("request-dropped"),) for now in (10.9, 11.5, 12.1)]
    assert dropped == [False, True, False]
    assert given.bend(NORMAL, POST, "erp", KEYS, 12.5) == (Commit(), Hold("answer-held", 13.0), Respond())
    assert Hold("burst", 14.0) in given.bend(DELIVERY, DELIVERED, "erp", KEYS, 13.5)


def test_a_strike_that_could_not_be_performed_is_owed_to_the_next_occasion() -> None:
    plan = FaultPlan([fault("killed", nth=1)], Draws(1))
    first, second, third = (plan.bend(NORMAL, "erp.stock.post", "erp", ("DE01",), 0.0) for _ in range(3))
    assert first != NORMAL and second == third == NORMAL
    plan.not_performed("killed")
    fourth, fifth = (plan.bend(NORMAL, "erp.stock.post", "erp", ("DE01",), 0.0) for _ in range(2))
    assert fourth == first and fifth == NORMAL
