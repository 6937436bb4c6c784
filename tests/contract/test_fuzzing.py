"""Simulators and the reference withstand what is generated; documents and middlewares that do not are convicted."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.conformance.fuzzing.generating import generate
from pilotplant.conformance.fuzzing.middleware import EVENTS, HOWS, MiddlewareFuzzed
from pilotplant.conformance.fuzzing.middleware import fuzz as fuzz_middleware
from pilotplant.conformance.fuzzing.outcome import Fuzzed
from pilotplant.conformance.fuzzing.simulators import fuzz
from pilotplant.conformance.fuzzing.vocabulary import Vocabulary
from pilotplant.contracts.openapi import document
from pilotplant.exchange.exchange import Exchange
from pilotplant.ledger.records import Commit
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.prove.running import with_defect
from pilotplant.reporting import fuzzing
from pilotplant.resources import find_project
from pilotplant.scenario.loading import EstateSetup, load_estate
from pilotplant.systems import catalog
from pilotplant.systems.system import System


@cache
def whole(repository: Path) -> EstateSetup:
    return load_estate(find_project(str(repository), {}, repository), "whole")


def fuzzed(repository: Path, requests: int, *systems: str, **more: Any) -> Fuzzed:
    return fuzz(whole(repository), systems, requests, 5, lambda _progress: None, **more)


def test_the_simulators_keep_their_documents_and_their_word(repository: Path) -> None:
    found = fuzzed(repository, 180)
    assert found.findings == () and found.requests == 180
    assert all(asked.requests and not asked.unasked for asked in found.asked), "each operation of each system"
    judged = {check.check: check.times for check in found.checks}
    assert judged["ledger"] and judged["refusal"] >= sum(asked.refused for asked in found.asked)


def test_what_was_not_asked_is_unknown_and_said(repository: Path) -> None:
    found = fuzzed(repository, 12)
    asked = {asked.system: asked.requests for asked in found.asked}
    assert max(asked.values()) <= 4 and sum(asked.values()) == 12, "a small budget is shared as well"
    (erp,) = (asked for asked in found.asked if asked.system == "erp")
    assert "erp.bom.get" in erp.unasked and found.exit is Exit.UNKNOWN
    assert "never asked: `erp." in fuzzing.text(found) and "UNKNOWN — 12 generated" in fuzzing.text(found)


def _carries_out(system: System, exchange: int) -> None:
    system.ledger.write(Commit, 0.0, system.number, exchange, 2, "planted|DE01", 0)


def test_who_refuses_and_commits_is_convicted(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reject = System.reject

    def half_done(system: System, operation: Any, command: Any, rejection: Any, exchange: int) -> None:
        _carries_out(system, exchange)
        reject(system, operation, command, rejection, exchange)

    monkeypatch.setattr(System, "reject", half_done)
    found = fuzzed(repository, 60, "desk", "supplier")
    assert {f.check for f in found.findings} == {"ledger"} and found.exit is Exit.VIOLATION


def test_who_refuses_a_probe_and_commits_is_convicted(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only probes come without credentials."""
    refuse = Exchange.refuse

    def half_done(exchange: Exchange, refusal: Any) -> None:
        if getattr(refusal, "status", 0) == 401:
            _carries_out(exchange.boundary.system, exchange.seq)
        refuse(exchange, refusal)

    monkeypatch.setattr(Exchange, "refuse", half_done)
    found = fuzzed(repository, 20, "desk")
    assert {(f.check, f.sentence) for f in found.findings} == {("ledger", "refused with 401, and committed")}
    assert all("/exceptions" in f.request for f in found.findings) and found.exit is Exit.VIOLATION


class _Odd(Vocabulary):
    """Knows one word, which somebody has put into the estate."""

    def __init__(self) -> None:
        """Nothing is learned."""

    def speak(self, said: Any, *, negative: bool, name: str = "") -> Any:
        return dict.fromkeys(said, "a/b?c#d%") if "exception" in said else said


def test_a_word_of_the_estate_is_written_as_an_address_wants_it(repository: Path) -> None:
    """Else the request is another one, and what it is answered is held against the simulator."""
    profile = whole(repository).profiles["desk"]
    generator = generate(document(catalog.kinds()["desk"], profile))
    kind = next(kind for kind in generator.kinds(1, lambda: 1) if kind.operation == "desk.exception.resolve")
    request = generator.request(next(kind.cases), _Odd(), {})
    assert request.path == "/exceptions/a%2Fb%3Fc%23d%25/resolution"


def test_the_same_seed_asks_the_same(repository: Path) -> None:
    first, again = (fuzzed(repository, 60, "desk") for _ in range(2))
    assert (first.asked, first.checks) == (again.asked, again.checks)


def test_a_document_that_is_not_kept_is_found_out(repository: Path) -> None:
    def renamed(system: System, document: dict[str, Any]) -> dict[str, Any]:
        del system
        changed: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
        changed["components"]["schemas"]["ExceptionView"]["required"].append("colour")
        return changed

    found = fuzzed(repository, 80, "desk", documents=renamed)
    assert found.exit is Exit.VIOLATION
    assert any(f.check == "document" and "colour" in f.sentence for f in found.findings)


def test_a_check_that_had_nothing_to_judge_is_unknown(repository: Path) -> None:
    assert fuzzed(repository, 1, "erp").exit is Exit.UNKNOWN


def reference(repository: Path, defect: str = "") -> MiddlewareFuzzed:
    project = find_project(str(repository), {}, repository)
    return fuzz_middleware(
        project,
        "reference",
        rounds=1,
        seed=3,
        mode="inprocess",
        watch=lambda _progress: None,
        prepare=lambda target: with_defect(target, defect),
    )


def test_the_reference_withstands_hostile_events(repository: Path) -> None:
    found = reference(repository)
    assert [event for event in found.events if event.verdict is not Verdict.PASS] == []
    assert len(found.events) == len(HOWS) * len(EVENTS)
    assert found.exit is Exit.PASS and {event.ended for event in found.events} == {"excepted", "refused"}


def test_a_silent_drop_is_convicted(repository: Path) -> None:
    found = reference(repository, "d21_drops_the_unknown")
    dropped = {(event.event, event.how) for event in found.events if event.ended == "dropped"}
    assert {("mes.order.completed", "null-field"), ("plm.change.released", "truncated")} <= dropped
    assert found.exit is Exit.VIOLATION


@pytest.mark.parametrize("defect", ["d19_poison_blocks_the_queue"])
def test_whoever_is_blocked_is_convicted(repository: Path, defect: str) -> None:
    found = reference(repository, defect)
    assert found.run.verdict is Verdict.FAIL and found.exit is Exit.VIOLATION
