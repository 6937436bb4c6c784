"""Bodies survive their format; hostile ones are refused, never obeyed."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotplant.dialects.codecs.codec import Unreadable, codec_of, codecs
from pilotplant.dialects.codecs.shaping import shaped

LEGAL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\t\n"), max_size=20)


class Line(msgspec.Struct):
    item: str
    quantity: float
    lots: list[str] = []


class Document(msgspec.Struct):
    number: str
    lines: tuple[Line, ...]
    text: str | None = None


@given(
    st.builds(
        Document,
        number=LEGAL,
        lines=st.lists(
            st.builds(
                Line,
                item=LEGAL,
                quantity=st.floats(-1e9, 1e9),
                lots=st.lists(LEGAL.filter(bool), max_size=3),
            ),
            max_size=3,
        ).map(tuple),
        text=LEGAL.filter(bool),
    )
)
def test_a_typed_document_survives_xml(document: Document) -> None:
    xml = codecs()["xml"]
    plain = xml.decode(xml.encode(msgspec.to_builtins(document), "document"))
    assert msgspec.convert(shaped(plain, Document), Document, strict=False) == document


@given(
    st.recursive(
        LEGAL | st.integers() | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=12,
    )
)
def test_whatever_is_written_is_well_formed(content: Any) -> None:
    codecs()["xml"].decode(codecs()["xml"].encode({"content": content}, "root"))


@given(st.binary(max_size=200))
def test_garbage_is_refused_politely(body: bytes) -> None:
    for codec in codecs().values():
        with suppress(Unreadable):
            codec.decode(body)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>"""
OUTSIDE = b"""<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>"""


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        OUTSIDE,
        b"<a>" * 100 + b"</a>" * 100,
        b"",
        b"<a></b>",
        b"<a>\xff</a>",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
def test_hostile_xml(body: bytes) -> None:
    with pytest.raises(Unreadable):
        codecs()["xml"].decode(body)


def test_too_many_elements() -> None:
    with pytest.raises(Unreadable, match="elements"):
        codecs()["xml"].decode(b"<r>" + b"<a/>" * 200_001 + b"</r>")


def test_namespaces_are_left_aside_and_attributes_are_fields() -> None:
    body = b'<s:E xmlns:s="urn:x" xmlns="urn:y" s:id="1" kind="k"><Body s:n="2"><Item>0012</Item></Body></s:E>'
    assert codecs()["xml"].decode(body) == {"kind": "k", "Body": {"Item": "0012"}}


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (b"text/xml; charset=utf-8", "xml"),
        (b"application/soap+xml", "xml"),
        (b"application/json", "json"),
        (b"application/cloudevents+json", "json"),
        (b"text/csv", ""),
        (b"", ""),
    ],
)
def test_content_types_lead_to_codecs(content_type: bytes, kind: str) -> None:
    codec = codec_of(content_type)
    assert (codec.NAME if codec is not None else "") == kind
