"""What texts in a target file may be: addresses and words of commands, with placeholders that each run fills."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

from pilotplant.model.suggestions import did_you_mean

PLACEHOLDERS = ("python", "port", "work", "estate")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_HOST = re.compile(r"^[a-z]+://([^/?#]*)")
_START = re.compile(r"^\{estate\}(?=[/?#]|$)")
_PORT = re.compile(r"(?<=:)\{port\}$")


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _word(text: str) -> str:
    """Part of a command or an environment: operating systems end these at a NUL."""
    if "\0" in text:
        raise ValueError("holds a NUL character, which no command or variable can")
    return text


def _address(url: str) -> str:
    for name in _PLACEHOLDER.findall(url):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"`{{{name}}}` is none of {known}{did_you_mean(name, PLACEHOLDERS)}")
    host = _HOST.match(_START.sub("http://h", url, count=1))
    if host and "{" in _PORT.sub("", host[1]):
        raise ValueError("`{estate}` stands for the start of an address, and `{port}` for its whole port")
    example = filled(url, {"port": "8080", "estate": "http://127.0.0.1:8080"})
    if not _usable(example):
        raise ValueError("this is not an address; write it like http://127.0.0.1:8080/events")
    if "@" in urlsplit(example).netloc:
        raise ValueError("an address with a password in it would end up in reports; leave it out")
    return url


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.Request("GET", url)
    except (ValueError, httpx.InvalidURL):
        return False
    return known and url.isascii() and url.isprintable() and " " not in url


def _public(url: str) -> str:
    return _address(url).rstrip("/") if url else ""


PublicUrl = Annotated[str, AfterValidator(_public)]
"""The address of the simulators as the target knows it."""
Word = Annotated[str, AfterValidator(_word)]
Url = Annotated[str, AfterValidator(_address)]
"""An address, perhaps with placeholders in it."""
