"""A model in trouble: breakers, limits, tokens, time-outs, a time of standing still. It always goes on, and counts."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from pilotplant.checks.finding import Severity
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Emit, Record, Request, ResponseEnd, ResponseFirst
from pilotplant.model.verdict import Verdict
from pilotplant.run.request import Finished
from pilotplant.run.whatif import WhatIfCourse
from pilotplant.scenario.loading import Setup
from tests.unit.whatif_runs import before_all_checks, confirmations, figures_of, modelled_run, setup_of

OPEN_2S = {"failures": 3, "open_for": "2s"}


def requests(directory: Path, operation: str) -> list[Request]:
    """What an operation was asked."""
    ledger = Ledger(directory)
    number = next(at for at, named in enumerate(ledger.header.operations) if named.name == operation)
    return [record for record in ledger if isinstance(record, Request) and record.operation == number]


def fault(kind: str, operation: str, more: str) -> str:
    """A fault that strikes an operation."""
    return f"{{fault: {kind}, match: {{operation: {operation}}}, {more}}}"


# --- Breakers ---------------------------------------------------------------------------------------------------------


def test_a_query_that_tries_and_fails_leaves_the_breaker_able_to_try_again(tmp_path: Path) -> None:
    window = "window: {from_s: 2, to_s: 8}"
    faults = [fault("outage", f"erp.stock.{name}", window) for name in ("post", "documents")]
    setup = confirmations(tmp_path, "rate: 5/s, for: 20s", f"faults: [{', '.join(faults)}]")
    finished = modelled_run(tmp_path / "run", setup, 1, breaker=OPEN_2S)
    assert finished.result.verdict is Verdict.PASS, finished.result.summary
    during = [r for name in ("post", "documents") for r in requests(tmp_path / "run", f"erp.stock.{name}")]
    assert 3 <= sum(2.1 < request.t < 7.9 for request in during) <= 12, "one call tries, every two seconds"


@pytest.mark.parametrize("status", [429, 401])
def test_a_trial_that_is_refused_is_over(tmp_path: Path, status: int) -> None:
    phases = ("status: 503, window: {from_s: 2, to_s: 3}", f"status: {status}, window: {{from_s: 3, to_s: 8}}")
    names = ("erp.stock.post", "erp.stock.documents")
    faults = [fault("failed-before-commit", name, phase) for phase in phases for name in names]
    setup = confirmations(tmp_path, "rate: 5/s, for: 20s", f"faults: [{', '.join(faults)}]")
    finished = modelled_run(tmp_path / "run", setup, 1, breaker=OPEN_2S)
    assert not [doubt for doubt in finished.result.doubts if "rest" in doubt.sentence]
    assert requests(tmp_path / "run", "erp.stock.post")[-1].t > 15


@pytest.mark.parametrize("scenario", ["long-outage", "ambiguous-timeouts"])
def test_breakers_and_lookups_hold_what_holds_by_construction(
    tmp_path: Path, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WhatIfCourse, "COMPARES_FACTS", True)
    setup = setup_of(scenario)
    model = {"breaker": {"failures": 3, "open_for": "700ms"}, "lookups": {"erp.stock.post": 1}}
    finished = modelled_run(tmp_path, setup, 11, **model)
    assert not [doubt for doubt in finished.result.doubts if "rest" in doubt.sentence]
    assert not [f for f in before_all_checks(tmp_path, setup).findings if f.severity is Severity.FAIL]


# --- Queries ----------------------------------------------------------------------------------------------------------


def test_queries_that_a_limit_refuses_are_counted_and_made_again(tmp_path: Path) -> None:
    limit = "profiles.erp.limits=[{kind: sliding-window, requests: 20, per_s: 1}]"
    setup = confirmations(tmp_path, "rate: 5/s, for: 5s", overrides=(limit,))
    finished = modelled_run(tmp_path / "run", setup, 1, lookups={"erp.stock.post": 10}, retry={"budget": 0})
    ledger = Ledger(tmp_path / "run")
    refused = sum(isinstance(record, ResponseFirst) and record.status == 429 for record in ledger)
    figures = figures_of(finished)
    assert figures["calls_throttled"] == refused > 10
    posted = len(requests(tmp_path / "run", "erp.stock.post"))
    assert figures["calls_sent"] - refused == 11 * (posted - _refused(tmp_path / "run", "erp.stock.post"))


def _refused(directory: Path, operation: str) -> int:
    asked = {request.seq for request in requests(directory, operation)}
    firsts = [record for record in Ledger(directory) if isinstance(record, ResponseFirst)]
    return sum(record.exchange in asked and record.status == 429 for record in firsts)


def test_who_cannot_look_does_not_send(tmp_path: Path) -> None:
    down = fault("failed-before-commit", "erp.stock.documents", "status: 503")
    setup = confirmations(tmp_path, "rate: 5/s, for: 5s", f"faults: [{down}]")
    finished = modelled_run(tmp_path / "run", setup, 1, lookups={"erp.stock.post": 1}, retry={"budget": "1s"})
    figures = figures_of(finished)
    assert figures["calls_given_up"] > 5
    assert figures["calls_repeated"] > 0


# --- Standing still ---------------------------------------------------------------------------------------------------


def test_who_stood_still_sends_no_more_at_once_than_before(tmp_path: Path) -> None:
    fails = fault("failed-before-commit", "erp.stock.post", "status: 503, window: {from_s: 0.1, to_s: 1.2}")
    still = fault("suspended", "mes.order.completed", "nth: 58, for_s: 5")
    setup = confirmations(tmp_path, "count: 60, over: 1s", f"faults: [{fails}, {still}]")
    model = {"targets": {"erp": 2}, "retry": {"kind": "fixed", "first": "1s"}, "workers": 60}
    finished = modelled_run(tmp_path / "run", setup, 1, **model)
    assert finished.result.verdict is Verdict.PASS
    assert _most_open(tmp_path / "run", "erp") == 2


def _most_open(directory: Path, system: str) -> int:
    ledger = Ledger(directory)
    number = ledger.header.systems.index(system)
    most = now_open = 0
    for record in ledger:
        if isinstance(record, Request | ResponseEnd) and record.system == number:
            now_open += 1 if isinstance(record, Request) else -1
            most = max(most, now_open)
    return most


# --- Tokens -----------------------------------------------------------------------------------------------------------

NO_TOKENS = "faults: [{fault: outage, match: {system: erp}, window: {from_s: 0.2, to_s: 6}, answer: dropped}]"


def test_a_breaker_keeps_requests_for_tokens_back_too(tmp_path: Path) -> None:
    setup = confirmations(tmp_path, "rate: 5/s, for: 20s", NO_TOKENS.replace("0.2", "0"))
    finished = modelled_run(tmp_path / "run", setup, 1, breaker=OPEN_2S)
    assert finished.result.verdict is Verdict.PASS
    assert len(requests(tmp_path / "run", "auth.token")) <= 8


def test_pauses_between_requests_for_tokens_grow_and_patience_ends(tmp_path: Path) -> None:
    setup = confirmations(tmp_path, "rate: 5/s, for: 20s", NO_TOKENS.replace("0.2", "0"))
    patient = modelled_run(tmp_path / "patient", setup, 1, retry={"cap": "4s", "jitter": 0})
    asked = [request.t for request in requests(tmp_path / "patient", "auth.token")]
    gaps = [round(after - before, 3) for before, after in itertools.pairwise(asked)]
    assert gaps == sorted(gaps) and gaps[-1] > 2 * gaps[0]
    assert figures_of(patient)["calls_given_up"] == 0
    impatient = modelled_run(tmp_path / "impatient", setup, 1, retry={"budget": "2s"})
    assert figures_of(impatient)["calls_given_up"] > 5


def test_many_who_waited_are_sent_where_a_system_answers_at_once(tmp_path: Path) -> None:
    at_once = ("profiles.erp.latency={median_ms: 0, p95_ms: 0}", "profiles.erp.limits=[]")
    outage = NO_TOKENS.replace("0.2", "0").replace("6", "1.1")
    setup = confirmations(tmp_path, "count: 1500, over: 1s", outage, overrides=at_once)
    finished = modelled_run(tmp_path / "run", setup, 1, workers=2000, concurrency=1)
    assert finished.result.verdict is Verdict.PASS


@pytest.mark.parametrize("kind", ["basic", "api-key", "none"])
def test_a_model_has_the_credentials_that_a_system_wants(tmp_path: Path, kind: str) -> None:
    setup = confirmations(tmp_path, "rate: 5/s, for: 2s", overrides=(f"profiles.erp.auth={{kind: {kind}}}",))
    finished = modelled_run(tmp_path / "run", setup, 1, retry={"kind": "none"})
    assert finished.result.verdict is Verdict.PASS


# --- Time-outs --------------------------------------------------------------------------------------------------------


def timed(directory: Path, setup: Setup, network: str) -> Finished:
    """A run with a slow network and a caller that waits a second."""
    retry = {"kind": "fixed", "first": "500ms", "budget": "4s"}
    return modelled_run(directory, setup, 1, network=network, timeout="1s", retry=retry)


def test_time_on_the_way_there_and_back_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WhatIfCourse, "COMPARES_FACTS", True)
    setup = confirmations(tmp_path, "rate: 5/s, for: 5s")
    quick = figures_of(timed(tmp_path / "quick", setup, "100ms"))
    assert quick["calls_repeated"] == quick["calls_given_up"] == 0
    back = figures_of(timed(tmp_path / "back", setup, "600ms"))
    assert back["calls_repeated"] > 0, "the answers come, and too late"
    posted = requests(tmp_path / "back", "erp.stock.post")
    assert posted
    assert not [f for f in before_all_checks(tmp_path / "back", setup).findings if f.check == "once"]
    there = figures_of(timed(tmp_path / "there", setup, "10s"))
    assert there["calls_given_up"] > 5
    assert not requests(tmp_path / "there", "erp.stock.post"), "who is given up on the way does not come"


# --- Chance -----------------------------------------------------------------------------------------------------------


def ways(directory: Path) -> dict[tuple[str, int], float]:
    """By what was stated once, how long it took to be known."""
    records: list[Record] = list(Ledger(directory))
    stated = {record.seq: (record.effect, record.version) for record in records if isinstance(record, Emit)}
    times = Counter(stated.values())
    told: dict[tuple[str, int], float] = {}
    begun: dict[int, float] = {}
    for record in records:
        match type(record).__name__:
            case "Deliver":
                begun[record.emit] = record.t  # type: ignore[attr-defined]
            case "Ack":
                emit = record.emit  # type: ignore[attr-defined]
                if times[stated[emit]] == 1:
                    told[stated[emit]] = round(record.t - begun[emit], 9)
    return told


def test_a_delivery_takes_as_long_whatever_else_is_turned(tmp_path: Path) -> None:
    setup = setup_of("eco-cascade")
    network = {"kind": "exponential", "mean": "20ms"}
    modelled_run(tmp_path / "few", setup, 1, network=network, workers=1)
    modelled_run(tmp_path / "many", setup, 1, network=network, workers=64)
    few, many = ways(tmp_path / "few"), ways(tmp_path / "many")
    shared = few.keys() & many.keys()
    assert len(shared) > 30
    assert {which: few[which] for which in shared} == {which: many[which] for which in shared}


def test_every_handling_has_a_draw_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pilotplant.kernel.draws import Draws

    drawn: Counter[str] = Counter()
    uniform = Draws.uniform

    def noted(self: Draws, key: str) -> float:
        drawn[key] += key.startswith("model|handling")
        return uniform(self, key)

    monkeypatch.setattr(Draws, "uniform", noted)
    modelled_run(tmp_path, setup_of("eco-cascade"), 1, handling={"kind": "exponential", "mean": "5ms"})
    assert len(+drawn) > 50
    assert max(drawn.values()) == 1
