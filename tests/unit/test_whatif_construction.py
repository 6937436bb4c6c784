"""What holds by construction really does: the ledgers of models stand before all checks, as a middleware's would."""

from pathlib import Path

import pytest

from pilotplant.checks.finding import Severity
from pilotplant.drive.whatif.middleware import Middleware
from pilotplant.drive.whatif.pieces import modelled
from pilotplant.drive.whatif.port import Port
from pilotplant.run.whatif import WhatIfCourse
from pilotplant.systems.system import System
from tests.unit.whatif_runs import before_all_checks, modelled_run, project, setup_of


def _can_be_modelled(name: str) -> bool:
    scenario = setup_of(name).scenario
    return scenario.crash is None and all(fault.KIND != "second-instance" for fault in scenario.faults)


SCENARIOS = [name for name in project().names("scenarios") if name != "business-day" and _can_be_modelled(name)]
IMPATIENT = {"timeout": "300ms", "retry": {"first": "20ms", "cap": "100ms"}, "queue": "fifo", "at_once": 40}
POLLS = {"intake": {"kind": "polling", "every": "2s", "confirm_every": "1s"}, "workers": 3, "documents": "lines"}


@pytest.fixture(autouse=True)
def all_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what a model books."""
    monkeypatch.setattr(WhatIfCourse, "COMPARES_FACTS", True)


def failures(directory: Path, scenario: str) -> list[str]:
    """What the checks would hold against a middleware. Where steps were left out, since nothing declares what to send,
    replicas cannot agree."""
    setup = setup_of(scenario)
    found = before_all_checks(directory, setup).findings
    if modelled(setup.flows)[1]:
        found = tuple(finding for finding in found if finding.check != "convergence")
    return [f"{finding.check}: {finding.sentence}" for finding in found if finding.severity is Severity.FAIL]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_check_has_anything_against_a_model(tmp_path: Path, scenario: str) -> None:
    finished = modelled_run(tmp_path, setup_of(scenario), 3)
    assert finished.result.counts.obligations > 0
    assert not failures(tmp_path, scenario)


@pytest.mark.parametrize("scenario", ["ambiguous-timeouts", "middleware-crash", "out-of-order"])
@pytest.mark.parametrize("model", [IMPATIENT, POLLS], ids=["impatient", "polls"])
def test_nor_against_one_that_is_set_otherwise(tmp_path: Path, scenario: str, model: dict[str, object]) -> None:
    modelled_run(tmp_path, setup_of(scenario), 4, **model)
    assert not failures(tmp_path, scenario)


def test_a_model_that_waits_for_nothing_is_convicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Middleware._is_known

    def hasty(self: Middleware, effect: str, version: int) -> bool:
        return known(self, effect, version) or effect.startswith("erp.version.activated")

    monkeypatch.setattr(Middleware, "_all_known", lambda self, task: False)
    monkeypatch.setattr(Middleware, "_is_known", hasty)
    modelled_run(tmp_path, setup_of("eco-cascade"), 3)
    assert any(found.startswith("sequencing: ") for found in failures(tmp_path, "eco-cascade"))


def test_a_model_that_repeats_without_looking_is_convicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(System, "stands", lambda self, effect: False)
    arrive = Port._arrive

    def without_key(self: Port, call: object, attempt: int, sent_at: float) -> None:
        call.key = ""  # type: ignore[attr-defined]
        arrive(self, call, attempt, sent_at)  # type: ignore[arg-type]

    monkeypatch.setattr(Port, "_arrive", without_key)
    modelled_run(tmp_path, setup_of("ambiguous-timeouts"), 3)
    assert any(found.startswith("once: ") for found in failures(tmp_path, "ambiguous-timeouts"))
