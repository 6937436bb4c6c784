"""A target as its YAML document describes it: how to start the middleware, where its events go, what it declares."""

from keyword import iskeyword
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.model.durations import Duration
from pilotplant.target.credentials import FixedCredentials
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.exceptions import ExceptionsSpec
from pilotplant.target.extensions import Kind as ExtensionKind
from pilotplant.target.hooks import Hooks
from pilotplant.target.identity import Rule
from pilotplant.target.projection import ProjectionRule
from pilotplant.target.tls import TlsSpec
from pilotplant.target.words import PublicUrl, Url, Word


def _nameable(path: str) -> str:
    for name in path.split("."):
        if iskeyword(name) or "__" in name or not name.isidentifier():
            raise ValueError(f"`{name}` cannot be the name of a field here")
    return path


FieldPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$"), AfterValidator(_nameable)]


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
    fresh: bool | None = None
    """Whether it remembers nothing of earlier runs; if not said, that is so where it is given `{work}`."""

    @property
    def forgets(self) -> bool:
        """Whether each start is its first."""
        words = (*self.command, self.directory, *self.environment.values())
        return self.fresh if self.fresh is not None else any("{work}" in word for word in words)


class InProcess(BaseModel):
    """How to build the target within this process: a function, or an ASGI application, as `package.module:name`.

    The function is given what it has parameters for: `environment`, `work`, `transport`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    factory: Annotated[Word, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]
    directory: Word = ""
    """From where its modules are imported; relative to the project."""
    environment: dict[Annotated[Word, Field(pattern="^[^=]+$")], Word] = {}


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
    deliver: DeliverSpec | list[DeliverSpec] | None = None
    files: Word = ""
    """Below which folder systems that tell by files drop them (`{work}`: the target's own); empty: in the run's."""
    credentials: dict[str, FixedCredentials] = {}
    """By system, what the target calls it with, where it cannot take the credentials that each run draws."""
    tls: TlsSpec | None = None
    """The simulators serve HTTPS to this target."""
    public_url: PublicUrl = ""
    """How this target reaches the simulators, if not at 127.0.0.1; `{port}` is the port that they listen on."""
    extensions: dict[str, dict[FieldPath, ExtensionKind]] = {}
    """By operation, the custom fields that its system accepts from this target: `{lines.item_text: text}`."""
    identity: dict[str, dict[str, Annotated[list[Rule], Field(min_length=1)]]] = {}
    """By operation and key of its effect, where identities stand, if not in the field made for them."""
    projection: dict[str, Annotated[list[ProjectionRule], Field(min_length=1)]] = {}
    """By operation, how what is held differs from a copy of what another system owns."""
    hooks: Hooks = Hooks()
    exceptions: ExceptionsSpec | None = None
    """Where it tells what it gives up, if not the exception desk."""
    declares: Declares = Declares()
    model: ModelSpec | None = None
    """How it behaves, for what-if: the parameters of the model that stands in its place."""

    @property
    def deliveries(self) -> tuple[DeliverSpec, ...]:
        """Where events go; an event goes where the first entry names it, or else to the first that names none."""
        given = self.deliver
        return tuple(given) if isinstance(given, list) else (given,) if given is not None else ()

    def taker(self, event: str) -> DeliverSpec | None:
        """The entry that takes events of this type."""
        named = [each for each in self.deliveries if event in each.events]
        rest = [each for each in self.deliveries if not each.events]
        return next(iter((*named, *rest)), None)

    @property
    def remembers(self) -> bool:
        """Whether it may know numbers of an earlier run: it is not reset, and does not begin anew each time."""
        if self.hooks.reset is not None:
            return False
        if self.start is not None:
            return not self.start.forgets
        reached = bool(self.files or self.credentials or self.public_url or self.exceptions)
        return reached or not self.deliveries or not all("{estate}" in each.url for each in self.deliveries)

    @property
    def started(self) -> bool:
        """Whether Pilotplant starts it, and so can tell it what each run draws."""
        return self.start is not None or self.inprocess is not None


def in_process(name: str) -> TargetSpec:
    """The target that a factory makes, where there is no document: events go to its `/events`."""
    return TargetSpec(target=name, deliver=DeliverSpec(url="http://127.0.0.1:{port}/events"))
