"""Blots out what may be a secret: whatever stands under a name that says so, however deep, and what looks like one in
free text."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

BLOT = "***"
_WORD = (
    r"(?:client[_-]?|shared[_-]?)?secret(?:[_-]?key)?|password|passwd|passphrase|pwd|(?:\w+[_-])?token|authorization"
    r"|api[_-]?key|private[_-]?key|access[_-]?key|credentials?|cookie|session[_-]?id"
)
_NAME = re.compile(
    r"secret|passw|passphrase|token|authorization|api[_-]?key|private[_-]?key|access[_-]?key|credential|cookie"
    r"|session[_-]?id",
    re.IGNORECASE,
)
_IN_TEXT = (
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {BLOT}"),
    (re.compile(rf"\b({_WORD})(\"?\s*[=:]\s*\"?)(?!\s)[^\s,;&\"]+", re.IGNORECASE), rf"\1\2{BLOT}"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), rf"\1{BLOT}@"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), BLOT),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\b(?:gh[pousr]_|glpat-|xox[abprs]-|sk-)[\w-]{16,}"), BLOT),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), BLOT),
)


def blotted(value: Any, name: str = "", *, hidden: bool = False) -> Any:
    """The same without secrets. What is blotted out keeps its type, so that the shape stays what it was."""
    hidden = hidden or bool(_NAME.search(name))
    if isinstance(value, Mapping):
        return {_text(key): blotted(inner, key, hidden=hidden) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [blotted(inner, hidden=hidden) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return (BLOT if value else "") if hidden else _text(value)
    return type(value)(0) if hidden else value


def blotted_path(path: str) -> str:
    """The path without secrets in its parts."""
    parts = (unquote(part) for part in path.split("/"))
    return "/".join(quote(_text(part), safe="") for part in parts)


def _text(text: str) -> str:
    for pattern, put in _IN_TEXT:
        text = pattern.sub(put, text)
    return text
