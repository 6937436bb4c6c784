"""The figures of a run under load, from single records; what became of single arrivals."""

from types import SimpleNamespace
from typing import Any

import pytest

from pilotplant.checks.case import Case
from pilotplant.checks.folds.curves import Curves
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.intended import Intended
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.load_result import LoadResult
from pilotplant.ledger.header import Header
from pilotplant.ledger.records import Commit, Driven, Emit, Obligation, Request, ResponseEnd, Stimulus
from pilotplant.load.driving import Driving
from pilotplant.load.plan import Plan
from pilotplant.run.stimulation import Occurrence, Stimulation
from pilotplant.systems import catalog
from tests.unit.test_load_capacity import load_spec

ERP = 0
HEADER = Header("test", 1, 0.0, 1.0, "live", ("erp", "plm"), catalog.ledger_table())
NUMBERS = HEADER.operation_numbers()


class Told:
    """Records of a run, one after the other."""

    def __init__(self) -> None:
        case = Case(HEADER, [], target="shop")
        promises = Promises(case)
        self.curves = Curves(case, promises, Intended(case))
        self._seq = 0

    def arrives(self, t: float, part: int = 0) -> None:
        """Something happens, or another part of it."""
        self.curves.on_stimulus(Stimulus(self._next(), t, 1, 0, ("ECO-1",), t, part))

    def is_open(self, since_s: float, until_s: float) -> list[tuple[float, Any]]:
        """A request, as what is told when."""
        seq = self._next()
        asked = Request(seq, since_s, ERP, 0, (), "", 0, 0, "", 0, 0)
        ended = ResponseEnd(self._next(), until_s, ERP, seq, 0, 0)
        return [
            (since_s, lambda: self.curves.on_request(asked)),
            (until_s, lambda: self.curves.on_response(ended)),
        ]

    def works(self, since_s: float, until_s: float) -> list[tuple[float, Any]]:
        """A job, as what is told when."""
        accepted = Commit(
            self._next(), since_s, ERP, 0, NUMBERS["erp.version.activate"], "erp.version.activate|DE01|I", 1
        )
        named, effect = "erp.version.activated", "erp.version.activated|DE01|I"
        done = Emit(self._next(), until_s, ERP, NUMBERS[named], effect, 1, "", accepted.seq, 0)
        return [(since_s, lambda: self.curves.on_job(accepted)), (until_s, lambda: self.curves.on_emit(done))]

    def result(self, impossible: int = 0) -> LoadResult:
        """What it came to."""
        self.curves.on_driven(Driven(self._next(), 99.0, 2, 2, "", impossible))
        found = self.curves.result(2)
        assert found is not None
        return found

    def _next(self) -> int:
        self._seq += 1
        return self._seq


@pytest.mark.parametrize("what", ["requests", "jobs"])
def test_what_is_open_in_the_drain_is_not_open_while_it_arrives(what: str) -> None:
    """From 1 to 11 it arrives; something is open from 0 to 6, and from 9 to 40: 7 of 10 seconds."""
    told = Told()
    stretch = told.is_open if what == "requests" else told.works
    moments = [(1.0, lambda: told.arrives(1.0)), (11.0, lambda: told.arrives(11.0))]
    for _moment, tell in sorted([*moments, *stretch(0.0, 6.0), *stretch(9.0, 40.0)], key=lambda each: each[0]):
        tell()
    (erp,) = told.result().systems if what == "requests" else [_of_jobs(told)]
    assert (erp.open_mean if what == "requests" else erp.jobs_mean) == pytest.approx(0.7)


def test_what_is_announced_at_once_under_another_name_is_no_job() -> None:
    """A shop floor completes an order and states a confirmation: they are not named alike, and nothing waits."""
    told = Told()
    completes, states = NUMBERS["mes.order.complete"], NUMBERS["mes.order.completed"]
    told.arrives(1.0)
    told.curves.on_job(Commit(90, 2.0, ERP, 0, completes, "mes.order.complete|DE01|PRO-1", 0))
    told.curves.on_emit(Emit(91, 2.0, ERP, states, "mes.order.completed|DE01|CNF-1", 0, "", 90, 0))
    told.arrives(11.0)
    erp = _of_jobs(told)
    assert erp.jobs_mean == 0 and not erp.job


def test_how_long_a_job_took_is_told_with_its_name() -> None:
    told = Told()
    told.arrives(1.0)
    for _moment, tell in told.works(2.0, 2.5):
        tell()
    erp = _of_jobs(told)
    assert erp.job == "erp.version.activate" and erp.job_p95_s == pytest.approx(0.5, abs=0.002)


def test_what_is_open_counts_instances_and_is_never_less_than_none() -> None:
    """One event, and a promise at each of three plants, of which two are kept."""
    told = Told()
    told.arrives(1.0)
    told.curves._case.flows.append(SimpleNamespace(flow="change", triggers=[]))  # type: ignore[arg-type]
    for plant in ("DE01", "US01", "CN01"):
        for step in ("staged", "active"):
            promise = Obligation(told._next(), 1.0, 0, plant, step, 0, "x", 1, True, (), (), 1.0, 1, "ECO-1", plant)
            told.curves.on_obligation(promise)
    for plant, t in (("DE01", 1.3), ("US01", 1.6)):
        told.curves._on_finish(Instance(0, plant, "ECO-1", plant, 1.0, 1), t)
    found = told.result()
    assert found.curve("open") == (3.0, 2.0, 1.0)


def _of_jobs(told: Told) -> Any:
    for _moment, tell in told.is_open(50.0, 51.0):
        tell()
    return told.result().systems[0]


def test_an_arrival_of_several_parts_is_one_arrival() -> None:
    told = Told()
    for moment in (1.0, 2.0):
        told.arrives(moment)
        told.arrives(moment, part=1)
        told.arrives(moment, part=2)
    found = told.result(impossible=1)
    assert found.arrivals_per_s == pytest.approx(1.0) and found.lag.count == 2 and found.impossible == 1


def stimulation(acts: Any) -> Stimulation:
    """Stimuli whose acts are what is given."""
    made = Stimulation.__new__(Stimulation)
    made.origin = 0.0
    made.occur = acts  # type: ignore[method-assign]
    return made


def test_a_simulator_that_fails_while_something_arrives_fails_the_run() -> None:
    def fails(_occurrence: Occurrence) -> None:
        raise ZeroDivisionError("in a simulator")

    failed: list[BaseException] = []
    plan = Plan((Occurrence(0.0, 0, "k"),), "")
    driving = Driving(load_spec(), plan, None, lambda _told: None)  # type: ignore[arg-type]
    world = SimpleNamespace(advance=lambda: None, env=SimpleNamespace(now=1.0))
    driving._prepared = SimpleNamespace(world=world, host=SimpleNamespace(fail=failed.append))  # type: ignore[assignment]
    driving._stimulation, driving._origin_s = stimulation(fails), 0.0
    driving.tracker = SimpleNamespace(intended_s=None)  # type: ignore[assignment]
    assert driving.fire([0]) == 1
    assert [type(error) for error in failed] == [ZeroDivisionError]
