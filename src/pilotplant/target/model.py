"""A target as its YAML document describes it: how to start the middleware, where its events go, what it declares."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.model.durations import Duration


class Ready(BaseModel):
    """How to see that the target is ready: this URL answers with a status below 400."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    within: Duration = 15.0


class Stop(BaseModel):
    """How to end the target: a signal, and after that long a harder one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: Literal["TERM", "INT", "KILL"] = "TERM"
    within: Duration = 5.0


class Start(BaseModel):
    """A command that starts the target as a process of its own.

    In `command` and `environment` these are replaced: `{python}` (this interpreter), `{port}` (a free one), `{work}` (a
    directory of this run), `{estate}` (the base address of the simulators).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[list[str], Field(min_length=1)]
    directory: str = ""
    environment: dict[str, str] = {}
    ready: Ready | None = None
    stop: Stop = Stop()


class DeliverSpec(BaseModel):
    """Where events go, and which; an empty list means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    events: list[str] = []


class Declares(BaseModel):
    """What the target says of itself; quiescence waits accordingly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backoff_cap: Duration = 0.0
    poll_interval: Duration = 0.0


class TargetSpec(BaseModel):
    """The middleware under test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    about: str = ""
    start: Start | None = None
    deliver: DeliverSpec | None = None
    declares: Declares = Declares()
