"""The search for the knee, what binds there, and calibration: from what runs came to, without running anything."""

import json
from collections.abc import Iterable
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml

from pilotplant.checks.finding import Doubt
from pilotplant.checks.load_result import Curve, Histogram, LoadResult, SystemLoad, Used
from pilotplant.checks.result import ThresholdResult
from pilotplant.exchange.latency import Latency
from pilotplant.exchange.profile import LatencySpec, ProfileSpec
from pilotplant.kernel.draws import Draws
from pilotplant.load.binding import Binding, binding, sustained_by_limits
from pilotplant.load.calibration import as_profile, calibrate
from pilotplant.load.capacity import Attempt, highest_held, judged, lowest_broken, search, steady, unmoved
from pilotplant.load.conclusion import conclude
from pilotplant.load.model import CapacitySpec, LoadSpec
from pilotplant.model.errors import UsageError
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.reporting import capacity as told
from tests.estates import profile

BACKLOG = Curve("open", "", 0.25, (0.0, 1.0, 2.0))
FLAT = Curve("open", "", 0.25, (1.0,) * 12)
SPEC = CapacitySpec.model_validate({"from": "5/s", "to": "4000/s"})


def attempt(rate: float, capacity: float, *, wrong_above: float = 1e9, resource: str = "target") -> Attempt:
    """What holding a rate comes to, with a target that carries so much."""
    held, convicted = rate <= capacity * 1.02 and rate <= wrong_above, rate > wrong_above
    return Attempt(
        rate=rate,
        held=held,
        why="" if held else "it was too much",
        verdict=Verdict.PASS if held else Verdict.FAIL,
        convicted=convicted,
        finished_per_s=min(rate, capacity),
        growth_per_s=max(0.0, rate - capacity),
        drained_s=1.0,
        latencies=(("production-confirmation", 0.1, 0.2, 0.3),),
        binding=Binding(resource, "it shows"),
        backlog=BACKLOG,
        run="x",
    )


@pytest.mark.parametrize("capacity", [0.6, 3.0, 7.3, 20.0, 61.0, 333.0, 1510.0])
def test_the_knee_is_found_to_the_wanted_precision(capacity: float) -> None:
    tried = search(SPEC, lambda rate: attempt(rate, capacity))
    low, high = highest_held(tried), lowest_broken(tried)
    assert low is not None and high is not None
    assert low.rate == pytest.approx(capacity, rel=0.08)
    assert high.rate / low.rate <= 1 + SPEC.precision + 1e-9
    assert len(tried) <= 14


class Noisy:
    """A target that carries so much, on a machine that spoils some of the trials, whichever rate they are of."""

    def __init__(self, capacity: float, spoiled: Iterable[int], *, wrong_above: float = 1e9) -> None:
        self.capacity, self.spoiled, self.wrong_above = capacity, frozenset(spoiled), wrong_above
        self.trials: list[float] = []

    def __call__(self, rate: float) -> Attempt:
        """Hold a rate."""
        self.trials.append(rate)
        spoiled = len(self.trials) in self.spoiled
        return attempt(rate, rate / 3 if spoiled else self.capacity, wrong_above=self.wrong_above)


@pytest.mark.parametrize("spoiled", [(), (1,), (2,), (5, 8), (6, 9, 12), range(1, 40, 4)], ids=str)
@pytest.mark.parametrize("capacity", [20.0, 168.0])
def test_a_machine_that_hiccups_moves_the_knee_by_less_than_a_tenth(capacity: float, spoiled: Iterable[int]) -> None:
    tried = search(SPEC, Noisy(capacity, spoiled))
    low, high = highest_held(tried), lowest_broken(tried)
    assert low is not None and high is not None
    assert low.rate == pytest.approx(capacity, rel=0.08)
    assert high.rate / low.rate <= 1 + SPEC.precision + 1e-9
    assert all(each.trials.count(each.held) >= 2 for each in tried if not each.held), "no break of one trial"


def test_a_break_is_believed_when_it_is_seen_twice() -> None:
    target = Noisy(20.0, (1,))
    first, *_ = search(SPEC, target)
    assert first.held and first.trials == (False, True, True) and target.trials[:3] == [5.0, 5.0, 5.0]
    assert "2 of 3 trials held" in told.render(concluded([first, attempt(9, 7)]), report="x")


def test_what_is_wrong_once_is_wrong() -> None:
    target = Noisy(1000.0, (), wrong_above=100.0)
    tried = search(SPEC, target)
    assert all(len(each.trials) == 1 for each in tried if not each.held)


def test_the_knee_is_not_what_one_trial_says() -> None:
    """The rate that is the knee in the end is held once more; one lucky trial does not make it."""
    lucky = iter([True])

    def target(rate: float) -> Attempt:
        return attempt(rate, 40.0 if rate == 40 and next(lucky, False) else 30.0)

    tried = search(SPEC, target)
    low = highest_held(tried)
    assert low is not None and low.rate == pytest.approx(30, rel=0.08) and len(low.trials) == 2


FAILED = SimpleNamespace(check="once", verdict=Verdict.FAIL)
MISSED = ThresholdResult("p95 < 1s", 2.0, Verdict.FAIL, "p95 is 2 s")
UNMEASURED = ThresholdResult("p95 < 1s", None, Verdict.UNKNOWN, "nothing was measured")


@pytest.mark.parametrize(
    ("load", "result", "outcome"),
    [
        ({}, {}, "held"),
        ({}, {"thresholds": (MISSED,), "verdict": Verdict.FAIL}, "broke"),
        ({"happened": 400, "undriven": "worker-1 ended by itself"}, {"thresholds": (MISSED,)}, "undecided"),
        ({"happened": 400, "target_died": "it ended with exit code 3"}, {}, "broke"),
        ({"impossible": 6}, {"thresholds": (MISSED,)}, "undecided"),
        ({"impossible": 5}, {}, "held"),
        ({"lag": 0.4}, {"thresholds": (MISSED,), "verdict": Verdict.FAIL}, "undecided"),
        ({"lag": 0.4}, {}, "held"),
        ({"waited": 0.3}, {"thresholds": (MISSED,), "verdict": Verdict.FAIL}, "undecided"),
        ({"waited": 0.3}, {}, "held"),
        ({"waited": 0.3}, {"checks": (FAILED,), "verdict": Verdict.FAIL}, "broke"),
        ({}, {"thresholds": (UNMEASURED,), "verdict": Verdict.UNKNOWN}, "undecided"),
        ({}, {"doubts": (Doubt("run", "It did not come to rest."),), "verdict": Verdict.UNKNOWN}, "undecided"),
        ({"happened": 400, "undriven": "x"}, {"checks": (FAILED,), "verdict": Verdict.FAIL}, "broke"),
        (None, {"verdict": Verdict.UNKNOWN}, "undecided"),
        ({}, {"exit": Exit.INTERNAL, "verdict": Verdict.UNKNOWN}, "undecided"),
    ],
)
def test_a_trial_that_the_harness_spoiled_counts_neither_way(load: Any, result: Any, outcome: str) -> None:
    ours = {name: load[given] for given, name in (("lag", "lag_s"), ("waited", "waited")) if load and given in load}
    rest = {name: value for name, value in (load or {}).items() if name not in ("lag", "waited")}
    made = None if load is None else msgspec.structs.replace(under_load(**ours), curves=(FLAT,), **rest)
    found = judged(100, came_to(made, **result), SPEC, "x")
    told_as = "held" if found.held else "undecided" if found.undecided else "broke"
    assert told_as == outcome and bool(found.why) == (outcome != "held")
    assert found.crashed == (result.get("exit") == Exit.INTERNAL)


def spoiled(rate: float, **given: Any) -> Attempt:
    """A trial of which nothing can be said."""
    why = "worker-1 ended by itself"
    return msgspec.structs.replace(attempt(rate, rate / 2), undecided=why, why=why, verdict=Verdict.UNKNOWN, **given)


def test_a_knee_that_the_harness_left_open_is_unknown_and_nobody_s() -> None:
    found = concluded(search(SPEC, lambda rate: attempt(rate, 1e6) if rate < 100 else spoiled(rate)))
    assert found.exit == Exit.UNKNOWN and found.verdict is Verdict.UNKNOWN
    assert found.binding.resource == "not known" and found.broken_per_s is None
    assert found.knee_per_s is not None and "cannot be said: worker-1" in found.summary
    assert "cannot be said" in told.render(found, report="x") and "cannot be said" in told.page(found)


def test_one_spoiled_trial_is_tried_again() -> None:
    spoils = iter([True])
    tried = search(SPEC, lambda rate: spoiled(rate) if next(spoils, False) else attempt(rate, 40.0))
    assert concluded(tried).exit == Exit.PASS and tried[0].held


def test_where_nothing_can_be_said_at_all_the_search_ends() -> None:
    tried = search(SPEC, spoiled)
    assert len(tried) == 1 and concluded(tried).exit == Exit.UNKNOWN


def test_a_judge_that_fails_ends_the_search() -> None:
    tried = search(SPEC, lambda rate: spoiled(rate, crashed=True))
    assert len(tried[0].trials) == 1 and concluded(tried).exit == Exit.INTERNAL


@pytest.mark.parametrize(
    ("faster", "resource", "exit_"),
    [
        (attempt(99, 90), "target", Exit.PASS),
        (attempt(99, 90, resource="harness"), "harness", Exit.UNKNOWN),
        (spoiled(99), "not known", Exit.UNKNOWN),
        (None, "none", Exit.PASS),
    ],
)
def test_what_binds_at_the_knee_is_not_forgotten_over_a_declared_limit(
    faster: Attempt | None, resource: str, exit_: Exit
) -> None:
    """A limit that a short run does not meet says how long the knee can be held, and not what the knee is due to."""
    limited = profile("erp", limits=[{"kind": "sliding-window", "requests": 6000, "per_s": 300}])
    tried = [attempt(80, 90), *([faster] if faster else [])]
    found = concluded(tried, under_load(), erp=limited)
    assert found.exit == exit_ and found.binding.resource == resource
    assert found.sustained_by.resource == "limit of erp" and "allow 10 a second" in found.summary
    for shown in (told.render(found, report="x"), told.page(found)):
        assert found.binding.why in shown and "sliding-window, 6,000 in 300 s" in shown


def queued(rate: float, *, service_s: float = 0.05, hold_s: float = 10.0, stall_s: float = 0.0) -> Attempt:
    """What a target comes to that has one step of 50 ms, hidden, and stands still for a moment in the middle."""
    moments = [number / rate for number in range(int(rate * hold_s))]
    free, ends = 0.0, []
    for moment in moments:
        stalled = stall_s if free < hold_s / 2 <= max(free, moment) + service_s else 0.0
        free = max(free, moment) + service_s + stalled
        ends.append(free)
    waits = sorted(end - moment for moment, end in zip(moments, ends, strict=True))
    open_ = [
        float(sum(m <= t for m in moments) - sum(e <= t for e in ends))
        for t in (n / 4 for n in range(int(4 * hold_s) + 1))
    ]
    load = msgspec.structs.replace(
        under_load(),
        window_s=hold_s,
        begun=len(moments),
        happened=len(moments),
        planned=len(moments),
        finished_in_window_per_s=sum(end <= hold_s for end in ends) / hold_s,
        curves=(Curve("open", "", 0.25, tuple(open_)),),
    )
    late = waits[int(0.95 * len(waits))]
    missed = ThresholdResult("p95 < 1s", late, Verdict.FAIL if late >= 1 else Verdict.PASS, f"p95 is {late:.2f} s")
    return judged(rate, came_to(load, thresholds=(missed,), verdict=missed.verdict), SPEC, "x")


def came_to(load: LoadResult | None, **given: Any) -> Any:
    """The result of a run under load of which only what is given is out of the ordinary."""
    usual = {"checks": (), "thresholds": (), "doubts": (), "verdict": Verdict.PASS, "exit": Exit.PASS}
    return SimpleNamespace(load=load, **(usual | given))


@pytest.mark.parametrize("stalled", [(), (3,), (5, 7), (4, 6, 8)], ids=str)
def test_a_hidden_step_of_50_ms_is_20_a_second(stalled: tuple[int, ...]) -> None:
    trials = count(1)
    tried = search(SPEC, lambda rate: queued(rate, stall_s=3.0 if next(trials) in stalled else 0.0))
    low, high = highest_held(tried), lowest_broken(tried)
    assert low is not None and high is not None
    assert 19 <= low.rate < high.rate <= 22


def test_a_target_that_carries_everything_has_no_knee() -> None:
    tried = search(SPEC, lambda rate: attempt(rate, 1e6))
    assert lowest_broken(tried) is None
    assert max(each.rate for each in tried) == SPEC.to


def slow(rate: float, took_s: float, *, growth: float = 0.0, **erp: Any) -> Attempt:
    """A rate at which an answer took so long, whatever waited in line."""
    curve = Curve("open", "", 0.25, tuple(growth * step / 4 for step in range(21)))
    load = msgspec.structs.replace(under_load(**erp), planned=int(5 * rate), happened=int(5 * rate), curves=(curve,))
    load = msgspec.structs.replace(load, begun=int(10 * rate))
    missed = ThresholdResult("change_propagation p95 < 100ms", took_s, Verdict.FAIL, f"it is {took_s} s")
    return judged(rate, came_to(load, thresholds=(missed,), verdict=Verdict.FAIL), SPEC, f"rate-{rate:g}")


def test_a_latency_that_the_load_does_not_make_ends_the_search_and_what_takes_it_is_named() -> None:
    tried = search(SPEC, lambda rate: slow(rate, 0.95, job_p95_s=0.9, job_p50_s=0.3, job="erp.version.activate"))
    found = concluded(tried)
    assert sorted({each.rate for each in tried}) == [2.5, 5.0]
    assert found.binding.resource == "duration of work at erp" and found.exit == Exit.THRESHOLD
    assert "erp.version.activate, from accepted to done, took 0.30 s (p50) to 0.90 s (p95)" in found.binding.why
    assert found.recovery_s is None and "Too much, and after" not in told.page(found)
    assert "at 5 a second it was not much slower" in found.summary and "no lower rate was tried" in found.summary
    assert concluded([slow(5, 1.0, answer_ms_mean=700), slow(2.5, 0.9, answer_ms_mean=700)]).binding.resource == (
        "service time of erp"
    )
    inside = concluded([slow(5, 1.0), slow(2.5, 0.9)]).binding
    assert inside.resource == "target" and "nothing waits in line" in inside.why


@pytest.mark.parametrize(
    ("given", "flat"), [({"took_s": 0.95}, True), ({"took_s": 0.5}, False), ({"took_s": 0.95, "growth": 3.0}, False)]
)
def test_what_waits_in_line_is_no_flat_latency(given: Any, flat: bool) -> None:
    assert unmoved([slow(5, 1.0), slow(2.5, **given)]) == flat
    assert not unmoved([slow(5, 1.0), slow(4.5, **given)]), "too little less to say so"


def test_no_rate_is_tried_of_which_fewer_than_a_handful_arrive() -> None:
    spec = CapacitySpec.model_validate({"from": "4/s", "to": "8/s", "hold": "4s"})
    tried = search(spec, lambda rate: attempt(rate, 0.01))
    assert min(each.rate for each in tried) == 5 / 4 and len(tried) == 2
    profile_ = load_spec().model_copy(update={"capacity": spec})
    assert "for fewer to say anything" in conclude(profile_, "shop", 0, tried, None, {}).summary
    few = CapacitySpec.model_validate({"from": "0.2/s", "to": "8/s", "hold": "4s"})
    assert [each.rate for each in search(few, lambda rate: attempt(rate, 0.01))] == [0.2]


@pytest.mark.parametrize("precision", [0.006, 0.03, 0.05, 0.3])
def test_rates_have_no_more_digits_than_can_be_told_apart(precision: float) -> None:
    spec = CapacitySpec.model_validate({"from": "5/s", "to": "4000/s", "precision": precision})
    for capacity in (16.916, 99.97, 1.0003, 1234.5):
        tried = search(spec, partial(attempt, capacity=capacity))
        rates = [each.rate for each in tried]
        assert len(rates) == len(set(rates))
        assert precision < 0.04 or all(rate == float(f"{rate:.3g}") for rate in rates)


def test_what_was_finished_is_counted_in_arrivals_as_the_rate_is() -> None:
    load = msgspec.structs.replace(under_load(), begun=1000, finished=1000, curves=(FLAT,))
    found = judged(100, came_to(msgspec.structs.replace(load, finished_in_window_per_s=200)), SPEC, "x")
    assert found.finished_per_s == 100 and found.instances_each == 2
    assert "counted in arrivals; one began 2 flow instances" in told.render(concluded([found]), report="x")


def test_that_shapes_count_only_by_their_mix_is_said() -> None:
    said = "arrivals evenly spaced (of poisson and ramp in the profile only the mix counts)"
    found = concluded([attempt(5, 7), attempt(9, 7)])
    assert said in found.held_as and "80 s after was given up" in found.held_as
    assert said in told.page(found) and said in told.render(found, report="x")


def load_spec() -> LoadSpec:
    """Two kinds of arrivals, one four times as frequent as the other."""
    arrivals = [
        {"do": "mes.order.complete", "shape": "poisson", "rate": "8/s", "for": "10s"},
        {"do": "plm.change.release", "shape": "ramp", "from": "1/s", "to": "3/s", "for": "10s"},
    ]
    content = {"load": "mix", "estate": "three-plants", "flows": ["production-confirmation"], "arrivals": arrivals}
    return LoadSpec.model_validate(content)


def test_a_rate_that_is_held_keeps_the_mix() -> None:
    held = steady(load_spec(), 50.0, 4.0)
    assert [each.expected for each in held.arrivals] == [pytest.approx(160), pytest.approx(40)]
    assert held.quiescence.give_up >= 32


def concluded(tried: list[Attempt], last: LoadResult | None = None, **profiles: ProfileSpec) -> Any:
    """What a search comes to."""
    return conclude(load_spec(), "shop", 0, tried, last, profiles)


def test_a_middleware_that_is_wrong_under_load_fails_however_fast_it_is() -> None:
    tried = search(SPEC, lambda rate: attempt(rate, 1000.0, wrong_above=100.0))
    found = concluded(tried)
    assert found.exit == Exit.VIOLATION and found.verdict is Verdict.FAIL
    assert found.knee_per_s == pytest.approx(100, rel=0.08)


def test_a_knee_of_the_harness_proves_nothing() -> None:
    found = concluded([attempt(5, 7, resource="harness"), attempt(9, 7, resource="harness")])
    assert found.exit == Exit.UNKNOWN


def test_a_knee_is_relative_until_the_profiles_are_calibrated() -> None:
    tried = [attempt(5, 7), attempt(9, 7)]
    assumed, measured = profile("erp"), profile("erp", calibrated="DEV200, 400 samples, 2026-11-01")
    assert concluded(tried, erp=assumed).relative and "relative" in concluded(tried, erp=assumed).summary
    assert not concluded(tried, erp=measured).relative
    page = told.page(concluded(tried, erp=assumed))
    assert "relative" in page and "<script" not in page and "<svg" in page
    assert "5 searches" in told.spread([concluded(tried, erp=measured)] * 5)


def histogram(name: str, seconds: float) -> Histogram:
    """Durations that are all the same."""
    return Histogram(name, 10, tuple((p, seconds) for p in (50.0, 90.0, 95.0, 99.0, 99.9)), seconds, ())


def under_load(
    *,
    lag_s: float = 0.01,
    delivery_s: float = 0.01,
    harness: float = 0.3,
    target: float = 0.3,
    waited: float = 0.05,
    **erp: float,
) -> LoadResult:
    """A run of which only what is given is out of the ordinary."""
    given = {"limited": 0, "open_max": 16, "open_mean": 1.0, "answer_ms_mean": 5.0, "jobs_mean": 0.0} | erp
    system = SystemLoad("erp", 1000, **given)  # type: ignore[arg-type]
    return LoadResult(
        planned=500,
        happened=500,
        window_s=5,
        arrivals_per_s=100,
        begun=500,
        finished=500,
        finished_in_window_per_s=80,
        drained_s=2,
        latencies=(),
        lag=histogram("lag", lag_s),
        delivery=histogram("delivery", delivery_s),
        curves=(BACKLOG,),
        systems=(system,),
        used=(
            Used("drivers", 1, 0.1, 1, 1, waited_s=5 * waited, waited=waited),
            Used("harness", 1, harness, 1, 1, waited_s=0.1, waited=0.02),
            Used("target", 1, target, 1, 1),
        ),
    )


@pytest.mark.parametrize(
    ("given", "resource"),
    [
        ({}, "target"),
        ({"target": 0.97}, "target: its processor"),
        ({"lag_s": 0.4}, "harness"),
        ({"lag_s": 0.4, "waited": 0.3}, "this machine"),
        ({"waited": 0.3}, "this machine"),
        ({"harness": 0.98}, "harness"),
        ({"limited": 200}, "limit of erp"),
        ({"delivery_s": 1.0}, "target: taking events"),
        ({"open_mean": 14.0}, "service time of erp"),
        ({"jobs_mean": 30.0}, "job queue of erp"),
    ],
)
def test_what_binds_is_named(given: dict[str, float], resource: str) -> None:
    assert binding(under_load(**given)).resource == resource


def test_a_knee_that_an_overloaded_machine_left_open_names_the_machine() -> None:
    """Two rates hold; then the machine has no processor left, whoever takes them."""

    def target(rate: float) -> Attempt:
        missed = {"thresholds": (MISSED,), "verdict": Verdict.FAIL} if rate > 10 else {}
        load = msgspec.structs.replace(under_load(waited=0.3 if rate > 10 else 0.05), curves=(FLAT,))
        return judged(rate, came_to(load, **missed), SPEC, "x")

    found = concluded(search(SPEC, target))
    assert found.exit == Exit.UNKNOWN and found.knee_per_s == 10 and found.broken_per_s is None
    assert found.binding.resource == "this machine"
    why = "this machine kept the drivers waiting for a processor for 30 % of the run (1.5 s); it would help to end what"
    assert why in found.summary and why in told.render(found, report="x")


@pytest.mark.parametrize(("each", "machine"), [(0.1, False), (0.25, True)])
def test_of_several_processes_the_one_that_waited_longest_counts(each: float, machine: bool) -> None:
    whole = under_load()
    parts = (Used(f"drivers/{number}", 1, 0.1, 1, 1, waited_s=5 * each, waited=each) for number in range(3))
    total = Used("drivers", 1, 0.3, 1, 1, waited_s=15 * each, waited=3 * each)
    load = msgspec.structs.replace(whole, used=(total, *parts, *whole.used[1:]))
    assert bool(load.kept_waiting) == machine


@pytest.mark.parametrize(("parts", "resource"), [((0.7, 0.5, 0.4), "target"), ((0.95, 0.1, 0.1), "harness")])
def test_a_harness_of_several_processes_is_as_busy_as_the_busiest(parts: tuple[float, ...], resource: str) -> None:
    whole = under_load(harness=sum(parts))
    used = (*whole.used, *(Used(f"harness/{number}", 1, share, 1, 1) for number, share in enumerate(parts)))
    assert binding(msgspec.structs.replace(whole, used=used)).resource == resource


def test_a_limit_with_a_long_window_binds_though_a_short_run_does_not_meet_it() -> None:
    limited = profile("erp", limits=[{"kind": "sliding-window", "requests": 6000, "per_s": 300}])
    implied = sustained_by_limits(under_load(), {"erp": limited})
    assert implied is not None and implied[0] == pytest.approx(10), "two requests for each flow, twenty a second"
    found = concluded([attempt(80, 90), attempt(99, 90)], under_load(), erp=limited)
    assert found.sustained_per_s == pytest.approx(10) and found.sustained_by.resource == "limit of erp"
    assert concluded([attempt(5, 7), attempt(9, 7)], under_load(), erp=limited).sustained_per_s is None


def test_a_csv_calibrates(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    rows = [f"erp.bom.release,{100 + n}" for n in range(100)] + ["erp.stock.post,12", "sap.something,3"]
    path.write_text("operation,ms\n" + "\n".join(rows), encoding="utf-8")
    found = calibrate(path, "erp")
    assert [(each.operation, each.samples) for each in found.measured] == [
        ("erp.bom.release", 100),
        ("erp.stock.post", 1),
    ]
    assert found.unmatched == (("sap.something", 1),)
    content = yaml.safe_load(as_profile(found, "measured.csv", date(2026, 11, 25)))
    made = ProfileSpec.model_validate({"profile": "mine", "system": "erp", **content})
    assert made.calibrated == "measured.csv, 101 samples, 2026-11-25"
    assert made.latency.operations["erp.bom.release"].median_ms == pytest.approx(150, abs=1)
    assert made.latency.operations["erp.bom.release"].p95_ms == pytest.approx(195, abs=1)


def test_a_har_calibrates_whatever_stands_before_the_path(tmp_path: Path) -> None:
    def entry(method: str, url: str, wait: float) -> dict[str, Any]:
        return {"request": {"method": method, "url": url}, "timings": {"wait": wait}}

    entries = [
        entry("POST", "https://erp.example/odata/v1/stock-documents?x=1", 80.0),
        entry("GET", "https://erp.example/odata/v1/plants/DE01/items/I-1/stock", 20.0),
        entry("GET", "https://erp.example/logo.png", 3.0),
        entry("POST", "https://erp.example/odata/v1/stock-documents", -1.0),
    ]
    path = tmp_path / "measured.har"
    path.write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
    found = calibrate(path, "erp")
    assert {each.operation: each.samples for each in found.measured} == {"erp.stock.post": 1, "erp.stock.balance": 1}
    assert found.unmatched == (("GET /logo.png", 1),)


@pytest.mark.parametrize(
    ("name", "content", "told_"),
    [
        ("a.csv", "operation,ms\nerp.stock.post,soon\n", "a.csv:2: `ms` is 'soon'"),
        ("a.csv", "name,ms\nx,1\n", "needs the columns operation and ms"),
        ("a.csv", "operation,ms\nx,1\n", "holds nothing that is an operation"),
        ("a.har", "{}", "is not a HAR"),
        ("a.har", '{"log": {"entries": 7}}', "is not a HAR"),
    ],
)
def test_what_cannot_calibrate_says_why(name: str, content: str, told_: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        calibrate(path, "erp")
    assert told_ in error.value.message


def test_a_large_structure_takes_longer(tmp_path: Path) -> None:
    from pilotplant.systems.erp.stock import PostLine, PostStock

    spec = LatencySpec.model_validate(
        {
            "median_ms": 10,
            "p95_ms": 10,
            "operations": {"erp.stock.post": {"median_ms": 5, "p95_ms": 5, "per_line_ms": 2}},
        }
    )
    latency = Latency("erp", spec, Draws(1))
    line = PostLine(movement="issue", item="I", quantity=1, unit="EA")

    def took_ms(lines: int) -> float:
        command = PostStock(plant="DE01", posting_date=date(2026, 1, 1), lines=(line,) * lines)
        return 1000 * latency.seconds("erp.stock.post", ("DE01", "X"), command)

    assert took_ms(1) == pytest.approx(7)
    assert took_ms(100) == pytest.approx(205)
    assert 1000 * latency.seconds("erp.stock.documents", ("DE01", "X")) == pytest.approx(10)
