"""The form in which a receiver wants its events: envelope, names of types, fields, JSON or XML."""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from pilotplant.channels.cloudevents import CONTENT_TYPE
from pilotplant.channels.field_map import FieldMap
from pilotplant.dialects.codecs.codec import Codec, codecs

Envelope = Literal["cloudevents", "binary", "data"]
"""Structured CloudEvents, CloudEvents with their attributes in headers, or the bare data."""

ATTRIBUTES = ("id", "source", "type", "event", "subject", "time", "businesstime", "traceparent", "data")
"""What a template of a receiver may name. `type` is the receiver's word for the event, `event` ours."""
_BEYOND_HEADERS = re.compile(r"[^ !#$&-~]")
PLACEHOLDER = re.compile(r"\{([a-z]+(?:\.\w+)*)\}")


class Dressed(NamedTuple):
    """An event as it goes out."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Form:
    """Turns our CloudEvents into what a receiver wants. What a fault has made illegible goes out as it is."""

    def __init__(
        self,
        *,
        envelope: Envelope = "cloudevents",
        template: Any = None,
        types: Mapping[str, str] | None = None,
        fields: FieldMap | None = None,
        codec: Codec | None = None,
        root: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._envelope = envelope
        self._template = template
        self._types = types or {}
        self._fields = fields
        self._codec = codec or codecs()["json"]
        self._root = root
        self._headers = headers or {}
        self._as_it_is = (
            envelope == "cloudevents" and template is None and not self._types and fields is None and codec is None
        ) and not self._headers

    def dress(self, body: bytes) -> Dressed:
        """An event, given as structured CloudEvent in JSON."""
        if self._as_it_is:
            return Dressed(((b"content-type", CONTENT_TYPE),), body)
        try:
            event = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Dressed(((b"content-type", self._content_type()),), body)
        if not isinstance(event, dict) or "type" not in event:
            return Dressed(((b"content-type", self._content_type()),), body)
        name = str(event["type"])
        told = {**event, "event": name, "type": self._types.get(name, name)}
        if self._fields is not None:
            told["data"] = self._fields.apply(event.get("data"))
        headers = [(b"content-type", self._content_type())]
        headers += [(key.encode(), _one_line(filled(text, told))) for key, text in self._headers.items()]
        if self._template is not None:
            content = _instance(self._template, told)
        elif self._envelope == "cloudevents":
            content = {key: value for key, value in told.items() if key != "event"}
        else:
            content = told.get("data")
            if self._envelope == "binary":
                headers += [
                    (f"ce-{key}".encode(), _one_line(value))
                    for key, value in told.items()
                    if key not in ("data", "event", "datacontenttype")
                ]
        return Dressed(tuple(headers), self._codec.encode(content, self._root or _element(told["type"])))

    def _content_type(self) -> bytes:
        if self._template is None and self._envelope == "cloudevents":
            return b"application/cloudevents+" + self._codec.NAME.encode()
        return self._codec.CONTENT_TYPE


AS_IT_IS = Form()
"""Structured CloudEvents in JSON: what a target gets that asks for nothing else."""


def filled(text: str, told: Mapping[str, Any]) -> str:
    """A text with its placeholders replaced."""
    return PLACEHOLDER.sub(lambda found: _shown(_looked_up(found[1], told)), text)


def _instance(template: Any, told: Mapping[str, Any]) -> Any:
    """A template with its placeholders replaced; one that is all of a text becomes what it stands for."""
    if isinstance(template, dict):
        return {key: _instance(value, told) for key, value in template.items()}
    if isinstance(template, list):
        return [_instance(entry, told) for entry in template]
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        return _looked_up(whole[1], told) if whole else filled(template, told)
    return template


def _looked_up(path: str, told: Mapping[str, Any]) -> Any:
    value: Any = told
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()


def _one_line(value: Any) -> bytes:
    """As it may stand in a header; what is no ASCII is percent-encoded, as the HTTP binding of CloudEvents asks."""
    return _BEYOND_HEADERS.sub(lambda found: _percent(found[0]), _shown(value)).encode()


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _element(name: str) -> str:
    return re.sub(r"\W+", "-", name) or "event"
