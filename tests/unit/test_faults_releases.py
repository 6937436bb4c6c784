"""What a vendor's release does to answers, what hostile senders do to events, and that other words say the same."""

from typing import Any, get_args

import msgspec
import pytest
from pydantic import ValidationError

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.channels.letters import Journey, Letter
from pilotplant.faults import hostile, rephrased
from pilotplant.faults.fault import Fault, fault_kinds
from pilotplant.faults.hostile import Spoilt
from pilotplant.faults.new_release import Announced, Extended, Renamed
from pilotplant.faults.plan import FaultPlan
from pilotplant.faults.rephrased import Phrased
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.records import ILLEGIBLE
from pilotplant.model.problem import VersionRemoved
from pilotplant.model.script import DELIVERY, NORMAL, Alter, Copy, Refuse, Rewrite

ANSWER = (200, ((b"content-type", b"application/json"),), b'{"job":"JOB-1","status":"queued","lines":[{"item":"I"}]}')
EVENT: dict[str, Any] = {
    "id": "mes@DE01-00000007",
    "source": "/mes/DE01",
    "type": "mes.order.completed",
    "subject": "DE01/CNF-0000001",
    "data": {
        "plant": "DE01",
        "order": "O-1",
        "confirmation": "CNF-0000001",
        "item": "ITM-ü",
        "good": 4.0,
        "scrap": 0.5,
        "consumption": [{"item": "ITM-2", "lot": "L\u00e91", "quantity": 2.25, "unit": "EA"}],
    },
}


def fault(kind: str, **settings: Any) -> Fault:
    return fault_kinds()[kind].model_validate({"fault": kind, **settings})


def bent(*faults: Fault, operation: str = "erp.version.activate") -> Any:
    return FaultPlan(faults, Draws(1)).bend(NORMAL, operation, "erp", ("DE01", "I", "B"), 0.0)


def json_of(answer: Any) -> Any:
    return msgspec.json.decode(answer[2])


def test_a_new_field_stands_in_every_object_of_an_answer() -> None:
    told = json_of(Extended("f").rewrite(ANSWER))
    assert told["vendorExtension"] and told["lines"][0]["vendorExtension"] and told["job"] == "JOB-1"


def test_a_new_value_takes_the_place_of_one_value_only() -> None:
    renamed = Renamed("f", "status", "planned", "queued")
    assert json_of(renamed.rewrite(ANSWER))["status"] == "planned"
    done = (200, (), b'{"status":"done"}')
    assert json_of(renamed.rewrite(done)) == {"status": "done"}


def test_what_is_to_go_says_when() -> None:
    headers = dict(Announced("f").rewrite(ANSWER)[1])
    assert headers[b"sunset"] == b"Sun, 31 Jan 2027 00:00:00 GMT" and headers[b"deprecation"].startswith(b"@")


@pytest.mark.parametrize("answer", [(422, (), b'{"code":"x"}'), (200, (), b"<html>"), (204, (), b"")])
def test_refusals_and_what_is_no_json_stay_as_they_are(answer: Any) -> None:
    assert Extended("f").rewrite(answer) == answer


def test_what_was_removed_is_refused_for_good() -> None:
    given = fault("new-release", what="removed", match={"operation": "erp.version.activate"})
    assert Refuse("new-release", VersionRemoved(), lasting=True) in bent(given)
    assert given.objection() == "" and given.refuses_for_good
    assert "nothing is named" in fault("new-release", what="removed").objection()
    assert "changes nothing" in fault("new-release", what="removed", match={"operation": "erp.item.get"}).objection()


def test_several_faults_of_one_kind_keep_their_own_steps() -> None:
    """A step that the first of them added is not taken for one of the second."""
    faults = [fault("new-release", what="field"), fault("new-release", what="deprecated")]
    steps = [step for step in bent(*faults) if isinstance(step, Rewrite)]
    assert {type(step).__name__: step.fault for step in steps} == {
        "Extended": "new-release",
        "Announced": "new-release#2",
    }


@pytest.mark.parametrize("settings", [{"field": "status"}, {"what": "value", "field": "status"}])
def test_a_new_value_needs_all_that_it_is_about(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="all three"):
        fault("new-release", **{"what": "field", **settings})


@pytest.mark.parametrize("how", get_args(rephrased.How))
def test_other_words_say_the_same(how: rephrased.How) -> None:
    written = Phrased(how).apply(EVENT)
    raw = written if isinstance(written, bytes) else msgspec.json.encode(written)
    told = msgspec.json.decode(raw)
    assert {name: told[name] for name in EVENT} == EVENT
    assert raw != msgspec.json.encode(EVENT)


def letter(how: hostile.How) -> Letter:
    event = Outgoing(1, EVENT["type"], "mes@DE01", ("DE01", "CNF-0000001"), msgspec.json.encode(EVENT))
    return Journey(event).copy(Copy("hostile", Spoilt(how)))


@pytest.mark.parametrize("how", get_args(hostile.How))
def test_a_hostile_event_is_about_nothing_that_exists(how: hostile.How) -> None:
    sent = letter(how)
    assert sent.body != msgspec.json.encode(EVENT) and sent.bent == "hostile"
    assert sent.about == ILLEGIBLE or "CNF-8000001" in sent.about
    assert b"ITM-2" not in sent.body, "nothing may come of it"


def test_no_two_hostile_events_are_alike() -> None:
    assert len({letter(how).body for how in get_args(hostile.How)}) == len(get_args(hostile.How))


def test_deliveries_are_bent() -> None:
    plan = FaultPlan([fault("hostile", how="deep"), fault("rephrased", how="escaped")], Draws(1))
    steps = plan.bend(DELIVERY, "mes.order.completed", "mes@DE01", ("DE01", "CNF-1"), 0.0)
    assert [type(step) for step in steps if isinstance(step, Copy | Alter)] == [Alter, Copy]
