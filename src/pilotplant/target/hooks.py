"""Hooks: what Pilotplant asks a target to do, by a command or an HTTP call."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotplant.model.durations import Duration
from pilotplant.target.words import Url, Word

_CONFIG = ConfigDict(extra="forbid", frozen=True)


class Hook(BaseModel):
    """A command, or an HTTP call: `{url: "http://127.0.0.1:{port}/poll", method: POST}`."""

    model_config = _CONFIG

    command: list[Word] = []
    url: Url | None = None
    method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    within: Annotated[Duration, Field(gt=0)] = 10.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("a hook is either a `command` or a `url`")
        return self


class StatusHook(Hook):
    """Asks whether the target is busy: as long as what stands at `busy` is true, a number above 0, or a text, it is.

    A command says it by what it prints, or by an exit code other than 0.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    busy: str = "busy"
    """A path into the answer: `queue.open`."""


class Hooks(BaseModel):
    """What can be asked of the target, and when that is done.

    `start` before the run, and `stop` after it, where the target runs elsewhere; `reset` before `start`: forget all.
    `poll_now` and `run_batch` after the last stimulus and again while coming to rest, in place of waiting for a timer;
    `replay` once everything is healed, to try again what was given up; `status` while coming to rest.
    """

    model_config = _CONFIG

    reset: Hook | None = None
    start: Hook | None = None
    stop: Hook | None = None
    poll_now: Hook | None = None
    run_batch: Hook | None = None
    replay: Hook | None = None
    status: StatusHook | None = None
