"""What a target meets on its way when a fault strikes the delivery of an event, on a real socket; what is recorded."""

import hmac
import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pilotplant.channels import webhook
from pilotplant.faults.fault import Fault
from pilotplant.ledger.records import ILLEGIBLE, Ack, Deliver, Emit, FaultBitten
from pilotplant.systems.erp.operations import post_stock
from tests.estates import EPOCH, SECRET, Live, live, posting
from tests.integration.test_live_host import Receiver, run, until
from tests.unit.test_faults import fault

Got = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(webhook, "RETRY_CAP_S", 0.03)


class Seen:
    """What arrived and what was recorded."""

    def __init__(self, receiver: Receiver, estate: Live) -> None:
        self.bodies = [body for _headers, body in receiver.got]
        self.signed = [_signed(headers["pilotplant-signature"], body) for headers, body in receiver.got]
        self.delivers = estate.records(Deliver)
        self.acks = estate.records(Ack)
        self.emits = estate.records(Emit)
        self.bitten = [record.fault for record in estate.records(FaultBitten)]
        self.bent = [record.bent for record in self.delivers]
        self.about = [record.about for record in self.delivers]

    @property
    def events(self) -> Got:
        return [json.loads(body) for body in self.bodies]


def _signed(header: str, body: bytes) -> tuple[bool, float]:
    """Whether the signature is true, and how old it says it is."""
    given = dict(part.split("=") for part in header.split(","))
    expected = hmac.new(SECRET.encode(), given["t"].encode() + b"." + body, sha256).hexdigest()
    return hmac.compare_digest(expected, given["v1"]), EPOCH - int(given["t"])


def see(
    tmp_path: Path,
    faults: Sequence[Fault],
    *,
    script: Sequence[int | str] = (),
    facts: int = 1,
    heal_when: Callable[[Receiver], object] | None = None,
) -> Seen:
    """State facts of the ERP while faults are armed, until nothing is under way any more."""
    seen: list[Seen] = []

    async def main() -> None:
        async with live(tmp_path, faults=faults) as estate, Receiver(list(script)).listening() as receiver:
            estate.host.subscribe(receiver.url, lambda name: name == "erp.stock.posted")
            for number in range(facts):
                estate.bench.apply("erp", post_stock, **posting(f"CNF-{number + 1}"))
            if heal_when is not None:
                await until(lambda: heal_when(receiver))
                estate.host.heal()
            await until(lambda: not estate.host.undelivered)
            seen.append(Seen(receiver, estate))

    run(main())
    found = seen[0]
    numbers = [(record.emit, record.attempt) for record in found.delivers]
    assert len(set(numbers)) == len(numbers), "no two attempts have one number"
    assert set(numbers) == {(ack.emit, ack.attempt) for ack in found.acks}
    return found


def test_duplicates_are_the_very_same_event(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("duplicate", copies=2, gap_s=0.02)])
    assert len(seen.bodies) == 3 and len(set(seen.bodies)) == 1
    assert seen.bent == ["", "duplicate", "duplicate"] and seen.bitten == ["duplicate"] * 2
    assert all(true for true, _age in seen.signed)


def test_copies_that_are_due_after_the_faults_are_lifted_never_leave(tmp_path: Path) -> None:
    replayed = fault("replayed", after_s=60)
    seen = see(tmp_path, [replayed], heal_when=lambda receiver: receiver.got)
    assert seen.bent == [""] and seen.bitten == []


def test_a_replay_is_signed_anew(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("replayed", after_s=0.05)])
    assert seen.bent == ["", "replayed"] and len(set(seen.bodies)) == 1
    assert all(true and -30 < age <= 0 for true, age in seen.signed)
    assert seen.delivers[1].t - seen.delivers[0].t >= 0.04


def test_events_overtake_each_other(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("reordered", within_s=0.3)], facts=12)
    arrived = [record.emit for record in seen.delivers]
    assert sorted(arrived) == [record.seq for record in seen.emits] and arrived != sorted(arrived)
    assert seen.bent == ["reordered"] * 12 and seen.bitten == ["reordered"] * 12


def test_what_is_kept_back_holds_up_nothing_else(tmp_path: Path) -> None:
    """More events are kept back than there are connections; what is not kept back arrives before them."""
    held = fault("latency", delay_s=0.3, match={"keys": {"plant": "DE01"}}, nth=None, max_count=40)
    seen = see(tmp_path, [held], facts=45)
    assert seen.bent[:5] == [""] * 5 and seen.bent[5:] == ["latency"] * 40


def test_a_burst_comes_at_once(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("burst", every_s=0.4)], facts=6)
    moments = [record.t for record in seen.delivers]
    assert min(moments) >= 0.39 and max(moments) - min(moments) < 0.2 and seen.bent == ["burst"] * 6


def test_an_acknowledgement_that_is_lost_brings_the_event_again(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("unacknowledged", max_count=1)])
    assert [ack.status for ack in seen.acks] == [202, 202] and len(set(seen.bodies)) == 1
    assert seen.bent == ["unacknowledged", ""] and seen.bitten == ["unacknowledged"]


def test_an_acknowledgement_that_never_came_cannot_be_lost(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("unacknowledged", max_count=1)], script=[500])
    assert [ack.status for ack in seen.acks] == [500, 202] and seen.bitten == []


def test_a_forged_event_tells_of_something_else_and_comes_first(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("forged-signature", ahead_s=0.1)], script=[401])
    assert [true for true, _age in seen.signed] == [False, True]
    forged, true = seen.events
    assert forged["type"] == true["type"] and forged.keys() == true.keys()
    assert forged["id"] != true["id"] and forged["subject"] != true["subject"] and forged["data"] != true["data"]
    assert forged["data"]["plant"] == true["data"]["plant"] and forged["data"].keys() == true["data"].keys()
    assert seen.bent == ["forged-signature", ""] and seen.bitten == ["forged-signature"]
    assert seen.about == [forged["subject"], ""]
    assert [(ack.attempt, ack.status) for ack in seen.acks] == [(1, 401), (2, 202)]
    assert {record.emit for record in seen.delivers} == {seen.emits[0].seq}


def test_a_forged_event_may_tell_the_same(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("forged-signature", content="same", ahead_s=0.05)])
    assert len(set(seen.bodies)) == 1 and [true for true, _age in seen.signed] == [False, True]


def test_a_signature_of_yesterday(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("expired-timestamp", age_s=86_400, ahead_s=0.05)], script=[401])
    assert all(true for true, _age in seen.signed) and len(set(seen.bodies)) == 1
    assert seen.signed[0][1] > 86_000 and seen.signed[1][1] <= 0
    assert seen.bent == ["expired-timestamp", ""]


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        (fault("unknown-field", field="energy"), lambda event: event["data"].pop("energy")),
        (fault("clock-skewed", by_s=-120), lambda event: event.pop("time")),
    ],
    ids=lambda value: value.KIND if isinstance(value, Fault) else "",
)
def test_an_altered_event_is_the_same_in_every_attempt(
    tmp_path: Path, given: Fault, changed: Callable[[dict[str, Any]], object]
) -> None:
    seen = see(tmp_path, [given], script=[500, 202])
    assert len(seen.bodies) == 2 and len(set(seen.bodies)) == 1 and seen.bent == [given.KIND] * 2
    event = seen.events[0]
    assert changed(event) is not None
    assert event["data"] == {"plant": "DE01", "document": "4900000001", "source_document": "CNF-1"}
    assert all(true for true, _age in seen.signed)


def test_an_unknown_type_is_an_event_of_its_own(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("unknown-type", attempts=3)], script=[202, 500, 500, 500])
    assert seen.bent == ["", *["unknown-type"] * 3] and [ack.status for ack in seen.acks] == [202, 500, 500, 500]
    assert {event["type"] for event in seen.events[1:]} == {"erp.record.reviewed"}
    assert len({event["id"] for event in seen.events}) == 2 and seen.events[1] == seen.events[3]


@pytest.mark.parametrize("how", ["unreadable", "incomplete"])
def test_poison_comes_besides_and_gives_up_some_time(tmp_path: Path, how: str) -> None:
    seen = see(tmp_path, [fault("poison", how=how, attempts=2)], script=[202, 500, 500])
    assert seen.bent == ["", "poison", "poison"] and seen.bitten == ["poison", "poison"]
    assert seen.about[0] == "" and all((about == ILLEGIBLE) is (how == "unreadable") for about in seen.about[1:])
    assert all(true for true, _age in seen.signed), "it comes from whom it says"
    good, bad = json.loads(seen.bodies[0]), seen.bodies[1]
    if how == "unreadable":
        with pytest.raises(json.JSONDecodeError):
            json.loads(bad)
        return
    poison = json.loads(bad)
    assert poison["id"] != good["id"] and poison["data"]["document"] != good["data"]["document"]
    assert "source_document" not in poison["data"]


def test_a_duplicate_of_an_altered_event_is_altered(tmp_path: Path) -> None:
    seen = see(tmp_path, [fault("unknown-field"), fault("duplicate")])
    assert len(seen.bodies) == 2 and len(set(seen.bodies)) == 1 and "extension" in seen.events[0]["data"]
    assert seen.bent == ["unknown-field", "duplicate"]
