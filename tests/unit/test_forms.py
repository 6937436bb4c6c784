"""The form in which a receiver gets its events: envelopes, names, fields, units, XML, and proof of the sender."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha512
from typing import Any

import msgspec
import pytest

from pilotplant.channels.signing import Basic, Bearer, HmacSigner, OurSignature, Unsigned
from pilotplant.dialects.codecs.codec import codecs
from pilotplant.model.documents import Document
from pilotplant.model.errors import DocumentError
from pilotplant.target.checking import flaws_of_target
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.model import TargetSpec
from pilotplant.target.secrets import named_in

EVENT = {
    "id": "mes-1",
    "source": "/mes/DE01",
    "type": "mes.order.completed",
    "subject": "DE01/CNF-1",
    "time": "2026-03-02T06:00:00.000Z",
    "businesstime": "2026-03-02T06:00:00.000Z",
    "traceparent": "00-a-b-01",
    "specversion": "1.0",
    "datacontenttype": "application/json",
    "data": {
        "plant": "DE01",
        "confirmation": "CNF-1",
        "item": "000123",
        "good": 2.0,
        "unit": "EA",
        "consumption": [{"item": "Härtöl", "lot": "", "quantity": 1.5, "unit": "kg"}],
    },
}
BODY = msgspec.json.encode(EVENT)


def dressed(**spec: Any) -> tuple[dict[bytes, bytes], bytes]:
    form = DeliverSpec.model_validate({"url": "http://x/", **spec}).form(["mes.order.completed"])
    headers, body = form.dress(BODY)
    return dict(headers), body


def test_who_asks_for_nothing_gets_our_cloudevent_byte_for_byte() -> None:
    assert dressed() == ({b"content-type": b"application/cloudevents+json"}, BODY)


def test_own_names_units_and_constants() -> None:
    _headers, body = dressed(
        envelope="data",
        fields={
            "confirmation": "Number",
            "plant": {"to": "Site", "values": {"DE01": "LEJ"}},
            "unit": {"to": "Uom", "unit": "."},
            "client": {"constant": "100"},
            "item": {"drop": True},
            "consumption.quantity": {"to": "Menge", "unit": "unit"},
            "consumption.unit": {"unit": "."},
        },
        units={"kg": {"to": "GRM", "times": 1000}, "EA": "PCE"},
    )
    told = msgspec.json.decode(body)
    assert told == {
        "Site": "LEJ",
        "Number": "CNF-1",
        "good": 2.0,
        "Uom": "PCE",
        "client": "100",
        "consumption": [{"item": "Härtöl", "lot": "", "Menge": 1500.0, "unit": "GRM"}],
    }


def test_only_the_fields_that_are_named() -> None:
    _headers, body = dressed(envelope="data", fields={"plant": "Site", "consumption.item": "Part"}, only_fields=True)
    assert msgspec.json.decode(body) == {"Site": "DE01", "consumption": [{"Part": "Härtöl"}]}


def test_an_envelope_of_ones_own_and_headers() -> None:
    headers, body = dressed(
        type="ProdConf",
        template={"Head": {"Id": "{id}", "Kind": "{type}", "Text": "of {data.plant}"}, "Body": "{data}", "N": 3},
        headers={"x-kind": "{event}", "x-what": "{data.consumption}"},
    )
    told = msgspec.json.decode(body)
    assert told["Head"] == {"Id": "mes-1", "Kind": "ProdConf", "Text": "of DE01"}
    assert told["Body"] == EVENT["data"] and told["N"] == 3
    assert headers[b"x-kind"] == b"mes.order.completed" and headers[b"content-type"] == b"application/json"
    assert headers[b"x-what"].isascii() and b"\n" not in headers[b"x-what"]


def test_cloudevents_in_headers() -> None:
    headers, body = dressed(envelope="binary", types={"mes.order.completed": "done"})
    assert headers[b"ce-id"] == b"mes-1" and headers[b"ce-type"] == b"done" and b"ce-data" not in headers
    assert msgspec.json.decode(body) == EVENT["data"]


def test_xml() -> None:
    template = {"@xmlns:p": "urn:plant", "p:Data": "{data}", "undeclared:Note": "a<b"}
    headers, body = dressed(template=template, body="xml", root="p:Conf")
    assert headers[b"content-type"] == b"application/xml"
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?><p:Conf xmlns:p="urn:plant"><p:Data><plant>DE01<')
    assert b"<item>000123</item>" in body and b"<undeclared_Note>a&lt;b</undeclared_Note>" in body
    assert codecs()["xml"].decode(body)["Data"]["consumption"]["item"] == "Härtöl"


def test_what_a_fault_made_illegible_goes_out_as_it_is() -> None:
    form = DeliverSpec.model_validate({"url": "http://x/", "envelope": "data", "body": "xml"}).form([])
    for broken in (b"\xff{", b"[]", b'{"half":'):
        assert form.dress(broken).body == broken


def test_signers_prove_who_sends_and_a_forger_does_not() -> None:
    ((header, value),) = HmacSigner("s", "X-Sig", "sha512", "v=", "base64").headers(b"body", 0.0)
    assert (header, b64decode(value[2:])) == (b"X-Sig", hmac.new(b"s", b"body", sha512).digest())
    assert Basic("hub", "pw").headers(b"", 0.0) == ((b"authorization", b"Basic " + b64encode(b"hub:pw")),)
    assert Bearer("t").headers(b"", 0.0) == ((b"authorization", b"Bearer t"),)
    for signer in (OurSignature("s"), HmacSigner("s", "x", "sha256", "", "hex"), Basic("hub", "pw"), Bearer("t")):
        assert signer.FORGEABLE and signer.headers(b"b", 1.0) != signer.headers(b"b", 1.0, "forged")
    assert not Unsigned.FORGEABLE and not Unsigned.DATED and OurSignature.DATED


TARGET = """\
target: hub
deliver:
  - {url: "http://h/a", events: [mes.order.complete], fields: {confirmaton: Number}}
  - {url: "http://h/b", template: {Id: "{idd}"}}
  - url: "http://h/c"
    auth: {kind: basic, user: hub, password: geheim}
"""


def test_all_that_is_wrong_is_told_at_once_with_its_place() -> None:
    with pytest.raises(DocumentError) as caught:
        Document.parse(TARGET, "hub.yaml").validate(TargetSpec)
    told = {(problem.line, problem.message.split(",")[0]) for problem in caught.value.problems}
    assert {line for line, _message in told} == {4, 6}
    assert any("did you mean `id`" in problem.message for problem in caught.value.problems)


def test_names_are_looked_up() -> None:
    target = TargetSpec.model_validate(
        {
            "target": "hub",
            "deliver": [
                {"url": "http://h/a", "events": ["mes.order.complete"], "fields": {"confirmaton": "Number"}},
                {"url": "http://h/b"},
                {"url": "http://h/c"},
            ],
            "credentials": {"epr": {"kind": "basic", "user": "u", "password": {"env": "P"}}},
        }
    )
    flaws = {flaw.path: flaw.message for flaw in flaws_of_target(target)}
    assert set(flaws) == {
        ("deliver", 0, "events", 0),
        ("deliver", 0, "fields", "confirmaton"),
        ("deliver", 2),
        ("credentials", "epr"),
    }
    assert list(named_in(target)) == ["P"]


def test_an_event_goes_to_the_entry_that_names_it_and_else_to_the_one_that_names_none() -> None:
    target = TargetSpec.model_validate(
        {
            "target": "hub",
            "deliver": [{"url": "http://h/rest"}, {"url": "http://h/a", "events": ["mes.order.completed"]}],
        }
    )
    named, rest = target.taker("mes.order.completed"), target.taker("plm.change.released")
    assert named is not None and named.url == "http://h/a"
    assert rest is not None and rest.url == "http://h/rest"


COMPLETED = "mes.order.completed"


@pytest.mark.parametrize(
    ("deliver", "place", "says"),
    [
        ({"fields": {"consumption.quantty": "Menge"}}, ("fields", "consumption.quantty"), "`quantty` in `consumption`"),
        ({"fields": {"plant.code": "Werk"}}, ("fields", "plant.code"), "`code` in `plant`"),
        ({"fields": {"good": "Menge", "scrap": "Menge"}}, ("fields", "scrap"), "both become `Menge`"),
        ({"fields": {"good": "scrap"}}, ("fields", "good"), "both become `scrap`"),
        ({"fields": {"good": "M", "source": {"to": "M", "constant": 1}}}, ("fields", "source"), "both become `M`"),
        (
            {"fields": {"consumption.item": "Teil", "consumption.lot": "Teil"}},
            ("fields", "consumption.lot"),
            "both become `consumption.Teil`",
        ),
        ({"units": {"KG": "kg"}}, ("units",), "no field says that it is counted in a unit"),
        ({"units": {"KG": "kg"}, "fields": {"good": "Gut"}}, ("units",), "no field says"),
        ({"fields": {"good": {"unit": "unt"}}}, ("fields", "good"), "there is no field `unt` beside it"),
    ],
)
def test_a_mapping_that_loses_something_is_told(deliver: Any, place: Any, says: str) -> None:
    target = {"target": "hub", "deliver": {"url": "http://h/a", "events": [COMPLETED], **deliver}}
    (flaw,) = flaws_of_target(TargetSpec.model_validate(target))
    assert flaw.path == ("deliver", *place) and says in flaw.message


def test_names_may_be_exchanged_and_shared_by_different_events() -> None:
    exchanged = {"good": "scrap", "scrap": "good", "lot": {"drop": True}, "item": "lot"}
    target = {"target": "hub", "deliver": {"url": "http://h/a", "events": [COMPLETED], "fields": exchanged}}
    assert list(flaws_of_target(TargetSpec.model_validate(target))) == []
    shared = {"confirmation": "Nummer", "change": "Nummer"}
    events = [COMPLETED, "plm.change.released"]
    target = {"target": "hub", "deliver": {"url": "http://h/a", "events": events, "fields": shared}}
    assert list(flaws_of_target(TargetSpec.model_validate(target))) == []


def test_a_template_has_an_end() -> None:
    template: Any = "{id}"
    for _ in range(33):
        template = {"a": template}
    with pytest.raises(ValueError, match="nested 32 deep at most"):
        TargetSpec.model_validate(
            {"target": "t", "deliver": {"url": "http://h/a", "body": "xml", "template": template}}
        )
