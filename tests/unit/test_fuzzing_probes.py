"""What documents cannot say is probed: systems that keep it pass, and each that does not is convicted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotplant.conformance.fuzzing.probes import PROBES, REFUSAL, Caller, Sent, meet_limit
from pilotplant.drive.direct import DirectHost
from pilotplant.exchange.exchange import Exchange
from pilotplant.exchange.idempotency import IdempotencyKeys
from pilotplant.exchange.limits import limit
from pilotplant.exchange.wire import WireRequest
from pilotplant.faults.plan import FaultPlan
from pilotplant.model.outcome import Refused
from pilotplant.model.script import Refuse
from pilotplant.systems import catalog
from pilotplant.systems.erp.problems import PeriodClosed
from tests.estates import SECRET, bench, dataset, posting

POST = catalog.operations()["erp.stock.post"]
CHANGE = catalog.operations()["erp.production_order.change"]
RELEASE = catalog.operations()["erp.production_order.release"]
LIST = catalog.operations()["plm.change.list"]


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Callable[..., Caller]]:
    hosts: list[DirectHost] = []

    def build(kind: str = "erp", **settings: Any) -> Caller:
        from pilotplant.exchange.authentication import credentials_for

        given = {"auth": {"kind": "api-key"}, "idempotency": "stripe", **settings}
        folder = tmp_path / str(len(hosts))
        folder.mkdir()
        changed: Any = {kind: given}
        built = bench(folder, **changed)
        credentials = {
            system.name: credentials_for(system.name, built.profiles[system.kind.name], built.world.draws)
            for system in built.estate
        }
        plan = FaultPlan((), built.world.draws)
        host = DirectHost(built.estate, built.profiles, credentials, plan, events_secret=SECRET, documents={})
        hosts.append(host)
        system = built[kind]
        return Caller(host, system, built.profiles[kind], host.token(system))

    yield build
    for host in hosts:
        host.ledger.close()


def sent(caller: Caller, operation: Any, path: str, body: Any = None, **headers: bytes) -> Sent:
    given = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    encoded = b"" if body is None else msgspec.json.encode(body)
    request = WireRequest(operation.method, path, b"", {**caller.headers, **given}, encoded)
    return caller.ask(operation, request)


def posted(caller: Caller, source: str = "CNF-1") -> Sent:
    return sent(caller, POST, "/stock-documents", posting(source), idempotency_key=source.encode())


def changed(caller: Caller) -> Sent:
    order = dataset().production_orders[0].order
    return sent(caller, CHANGE, f"/production-orders/{order}", {"quantity": 3.0}, if_match=b"*")


def complaints(caller: Caller, probe: str, shown: Sent) -> list[str]:
    return [sentence for sentence, _sent in PROBES[probe](caller, shown)]


@pytest.mark.parametrize("mode", ["stripe", "strict"])
def test_a_system_that_keeps_its_word_is_not_accused(erp: Callable[..., Caller], mode: str) -> None:
    caller = erp(idempotency=mode)
    for probe in PROBES:
        for shown in (posted(caller, f"CNF-{probe}"), changed(caller)):
            assert complaints(caller, probe, shown) == []
    assert {caller.judged[probe] > 0 for probe in ("idempotency", "entity tag", "credentials")} == {True}


def test_a_request_without_a_body_can_be_other_bytes_too(erp: Callable[..., Caller]) -> None:
    caller = erp()
    order = next(order.order for order in dataset().production_orders if not order.dispatched)
    shown = sent(caller, RELEASE, f"/production-orders/{order}/release", idempotency_key=b"k-0")
    assert shown.reply.status < 300
    assert complaints(caller, "idempotency", shown) == [] and caller.judged["idempotency"] == 1


def test_a_key_that_means_nothing_is_found_out(erp: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IdempotencyKeys, "admit", lambda *_: None)
    caller = erp()
    found = complaints(caller, "idempotency", posted(caller))
    assert any("changed the state once more" in sentence for sentence in found)
    assert any("other bytes under the same key" in sentence for sentence in found)


def test_a_replay_that_says_something_else_is_found_out(
    erp: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    admit = IdempotencyKeys.admit

    def forgetful(keys: IdempotencyKeys, key: str, fingerprint: int, now: float) -> Any:
        found: Any = admit(keys, key, fingerprint, now)
        return found._replace(status=200) if hasattr(found, "headers") and hasattr(found, "body") else found

    monkeypatch.setattr(IdempotencyKeys, "admit", forgetful)
    caller = erp()
    assert complaints(caller, "idempotency", posted(caller)) == [
        "the first answer was 201, the same under the same key 200"
    ]


def test_changes_without_a_tag_are_found_out(erp: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "_pass_gates", lambda *_: True)
    caller = erp()
    found = complaints(caller, "entity tag", changed(caller))
    assert [sentence[:46] for sentence in found[:2]] == [
        "a change that has to be refused with 428 is an",
        "a change that has to be refused with 412 is an",
    ]


def test_a_door_that_is_open_is_found_out(erp: Callable[..., Caller]) -> None:
    caller = erp()
    open_door = erp(auth={"kind": "none"})
    caller.host, caller.system = open_door.host, open_door.system
    assert (
        complaints(caller, "credentials", posted(caller))
        == ["a request without valid credentials is answered 201, not 401"] * 2
    )


def test_a_refusal_that_changes_something_is_found_out(
    erp: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_done(state: Any, command: Any, now: Any) -> Any:
        state.balances["DE01", "ITM-X", ""] = 1.0
        return Refused(PeriodClosed())

    caller = erp()
    monkeypatch.setitem(caller.system.kind.operations, POST.name, POST)
    object.__setattr__(POST, "handler", handler := POST.handler)
    try:
        object.__setattr__(POST, "handler", half_done)
        shown = posted(caller)
    finally:
        object.__setattr__(POST, "handler", handler)
    assert shown.reply.status == PeriodClosed.status and caller.judged[REFUSAL] == 1
    assert caller.broken == [(f"the answer is {PeriodClosed.status}, and the state was changed", shown)]


def test_a_probe_that_is_refused_and_changes_something_is_found_out(
    erp: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = erp()
    shown = posted(caller)
    record_refusal = Exchange._record_refusal

    def half_done(exchange: Exchange, rejection: Any) -> None:
        exchange.boundary.system.state.balances["DE01", "ITM-X", ""] = 1.0
        record_refusal(exchange, rejection)

    monkeypatch.setattr(Exchange, "_record_refusal", half_done)
    judged = caller.judged[REFUSAL]
    complaints(caller, "idempotency", shown)
    assert [sentence for sentence, _sent in caller.broken] == ["the answer is 422, and the state was changed"]
    assert caller.judged[REFUSAL] == judged + 1, "every refusal that was watched, and no other"
    assert caller.broken[0][1].reply.exchange in caller.refused


def test_a_refusal_that_nobody_watched_is_not_counted(erp: Callable[..., Caller]) -> None:
    caller = erp()
    request = WireRequest("POST", "/stock-documents", b"", caller.headers, b"{}")
    assert caller.ask(POST, request, watched=False).reply.changed is None and caller.judged[REFUSAL] == 0
    assert caller.ask(POST, request).reply.changed is False and caller.judged[REFUSAL] == 1


LIMITS = [{"kind": "sliding-window", "requests": 5, "per_s": 30}]


def test_who_waited_as_told_is_let_in(erp: Callable[..., Caller]) -> None:
    caller = erp("plm", limits=LIMITS, idempotency="none")
    met = meet_limit(caller, sent(caller, LIST, "/changes"))
    assert met is not None and met.reply.status == 429
    assert complaints(caller, "retry-after", met) == [] and caller.judged["retry-after"] == 1


def test_a_retry_after_that_is_not_true_is_found_out(
    erp: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = limit.Gate.take

    def too_short(gate: limit.Gate, now: float) -> Refuse | None:
        refused = take(gate, now)
        return Refuse(problem=gate._problem(1.0), retry_after_s=1.0) if refused else None

    monkeypatch.setattr(limit.Gate, "take", too_short)
    caller = erp("plm", limits=LIMITS, idempotency="none")
    met = meet_limit(caller, sent(caller, LIST, "/changes"))
    assert met is not None
    assert complaints(caller, "retry-after", met) == ["Retry-After said 1 s, and after 1 s the answer is 429 again"]
