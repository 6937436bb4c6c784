"""A target as its YAML document describes it: how to start the middleware, where its events go, what it declares."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pilotplant.model.durations import Duration
from pilotplant.model.suggestions import did_you_mean

PLACEHOLDERS = ("python", "port", "work", "estate")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


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
    except ValueError:
        return False
    return known and url.isascii() and url.isprintable() and " " not in url


Word = Annotated[str, AfterValidator(_word)]
Url = Annotated[str, AfterValidator(_address)]
"""An address, perhaps with placeholders in it."""


class Ready(BaseModel):
    """How to see that the target is ready: this URL answers with a status below 400."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url
    within: Duration = 15.0


class Stop(BaseModel):
    """How to end the target: a signal, and after that long a harder one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: Literal["TERM", "INT", "KILL"] = "TERM"
    within: Duration = 5.0


class Start(BaseModel):
    """A command that starts the target as a process of its own, in the folder of the project.

    In `command`, `directory` and `environment` these are replaced: `{python}` (this interpreter), `{port}` (a free
    one), `{work}` (a folder for its own files), `{estate}` (the base address of the simulators).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[list[Word], Field(min_length=1)]
    directory: Word = ""
    """Where it is started; relative to the project."""
    environment: dict[Annotated[Word, Field(pattern="^[^=]+$")], Word] = {}
    ready: Ready | None = None
    stop: Stop = Stop()


class InProcess(BaseModel):
    """How to build the target within this process: a function, or an ASGI application, as `package.module:name`.

    The function is given what it has parameters for: `environment`, `work`, `transport`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    factory: Annotated[Word, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]
    directory: Word = ""
    """From where its modules are imported; relative to the project."""
    environment: dict[Annotated[Word, Field(pattern="^[^=]+$")], Word] = {}


class DeliverSpec(BaseModel):
    """Where events go, and which; an empty list means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url
    events: list[str] = []

    def wants(self, event: str) -> bool:
        """Whether an event of this type is to be delivered."""
        return not self.events or event in self.events


class Declares(BaseModel):
    """What the target says of itself: quiescence waits accordingly, and `manners` holds it to its word."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backoff_cap: Duration = 0.0
    poll_interval: Duration = 0.0
    timeout: Duration = 0.0
    """How long it waits for an answer; 0: it does not say."""
    concurrency: Annotated[int, Field(ge=0)] = 0
    """How many requests it has open at one system at most; 0: it does not say."""
    retry_budget: Duration = 0.0
    """How long it tries again what fails before it gives up; 0: it does not say."""
    answer_patience: Duration = 0.0
    """How long it waits for the answer of a supplier before it tells a person; 0: it does not say."""


class TargetSpec(BaseModel):
    """The middleware under test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    about: str = ""
    start: Start | None = None
    inprocess: InProcess | None = None
    deliver: DeliverSpec | None = None
    declares: Declares = Declares()


def in_process(name: str) -> TargetSpec:
    """The target that a factory makes, where there is no document: events go to its `/events`."""
    return TargetSpec(target=name, deliver=DeliverSpec(url="http://127.0.0.1:{port}/events"))
