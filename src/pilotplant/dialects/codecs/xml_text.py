"""XML: an element per field, repeated for lists; `@name` is an attribute, `#text` the text beside attributes.

What is read may come from anybody: document types (and with them entities) are refused, depth and number of elements
are bounded, and prefixes of namespaces are left aside, since every sender chooses others.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from pilotplant.dialects.codecs.codec import Unreadable

DEPTH_MAX = 64
ELEMENTS_MAX = 200_000
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document can hold, not even escaped."""
_DECLARES = "@xmlns:"
_NO_NAME = re.compile(r"[^\w.-]", re.ASCII)


class Xml:
    """XML 1.0 in UTF-8."""

    NAME = "xml"
    CONTENT_TYPE = b"application/xml"

    def encode(self, content: Any, root: str) -> bytes:
        parts = ['<?xml version="1.0" encoding="UTF-8"?>']
        _write(root, content, parts, 0)
        return "".join(parts).encode()

    def decode(self, body: bytes) -> Any:
        return _Reader().read(body)


def _write(name: str, content: Any, parts: list[str], depth: int, declared: frozenset[str] = frozenset()) -> None:
    if depth > DEPTH_MAX:
        raise ValueError(f"data nested deeper than {DEPTH_MAX} cannot be written as XML")
    if isinstance(content, list | tuple):
        for entry in content:
            _write(name, entry, parts, depth + 1, declared)
        return
    if not isinstance(content, Mapping):
        tag, text = _name(name, declared), _text(content)
        parts.append(f"<{tag}>{text}</{tag}>" if text else f"<{tag}/>")
        return
    declared |= {key.removeprefix(_DECLARES) for key in content if key.startswith(_DECLARES)}
    tag = _name(name, declared)
    attributes = {_name(key[1:], declared | {"xmlns"}): value for key, value in content.items() if key.startswith("@")}
    parts.append(
        "".join((f"<{tag}", *(f" {key}={quoteattr(_legal(value))}" for key, value in attributes.items()), ">"))
    )
    for key, value in content.items():
        if key == "#text":
            parts.append(_text(value))
        elif not key.startswith("@"):
            _write(key, value, parts, depth + 1, declared)
    parts.append(f"</{tag}>")


def _text(content: Any) -> str:
    return escape(_legal(content)).replace("\r", "&#13;")


def _legal(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", str(content))


def _name(key: str, declared: frozenset[str]) -> str:
    """A name that XML allows: what is no part of a name becomes `_`, and a prefix that nobody declared as well."""
    prefix, colon, local = key.partition(":")
    if colon and prefix in declared and local:
        return f"{_part(prefix)}:{_part(local)}"
    return _part(key)


def _part(text: str) -> str:
    cleaned = _NO_NAME.sub("_", text)
    return cleaned if cleaned[:1].isalpha() or cleaned[:1] == "_" else f"_{cleaned}"


class _Element:
    __slots__ = ("fields", "texts")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.texts: list[str] = []

    def put(self, name: str, value: Any) -> None:
        """A field; the second of one name makes a list of both."""
        if name not in self.fields:
            self.fields[name] = value
        elif isinstance(self.fields[name], list):
            self.fields[name].append(value)
        else:
            self.fields[name] = [self.fields[name], value]

    def value(self) -> Any:
        """A text where there are no fields, else a mapping."""
        text = "".join(self.texts)
        if not self.fields:
            return text
        if text.strip():
            self.put("#text", text.strip())
        return self.fields


class _Reader:
    """Reads one document."""

    def __init__(self) -> None:
        self._open = [_Element()]
        self._elements = 0
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.EntityDeclHandler = self._refuse_doctype
        self._parser = parser

    def read(self, body: bytes) -> Any:
        """The content of the root element."""
        try:
            self._parser.Parse(body, True)
        except expat.ExpatError as error:
            raise Unreadable(f"this is not XML: {error}"[:200]) from None
        except (LookupError, ValueError) as error:
            raise Unreadable(str(error)[:200]) from None
        finally:
            del self._parser  # parser and reader hold each other
        return next(iter(self._open[0].fields.values()))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) > DEPTH_MAX:
            raise Unreadable(f"nested deeper than {DEPTH_MAX}")
        if self._elements > ELEMENTS_MAX:
            raise Unreadable(f"more than {ELEMENTS_MAX:,} elements")
        element = _Element()
        for key, value in attributes.items():
            if " " not in key:  # xsi:type and the like are none of ours
                element.put(key, value)
        self._open.append(element)

    def _end(self, name: str) -> None:
        element = self._open.pop()
        self._open[-1].put(name.rpartition(" ")[2], element.value())

    def _characters(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _refuse_doctype(self, *_of_it: Any) -> None:
        raise Unreadable("a document type is not accepted: nobody needs entities here")


CODEC = Xml()
