"""The script of an exchange: the steps that a driver performs, one after the other. Computed without I/O.

Normal is `Commit, Respond`. The most important fault in integration, committed but the answer was lost, is
`Commit, Reset`. A step that a fault put there carries the fault's name, so that the fault counts as bitten only when
the step is really performed.

Drivers know few steps. What changes only whether a request is carried out, or what it is answered, are *inner* steps:
they stand around `Commit`, and the exchange performs them itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pilotplant.model.problem import Rejection, Unavailable


@dataclass(frozen=True, slots=True)
class Step:
    """Base of the steps."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class Delay(Step):
    """Wait, in wire time."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Commit(Step):
    """Carry the operation out."""


@dataclass(frozen=True, slots=True)
class Respond(Step):
    """Send the whole answer."""


@dataclass(frozen=True, slots=True)
class Trickle(Step):
    """Send the answer in pieces of `bytes_each`, one every `pause_s`."""

    bytes_each: int = 16
    pause_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Drop(Step):
    """Close the connection in an orderly way, without an answer."""


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """Send the first `at_byte` bytes of the answer, then reset the connection."""

    at_byte: int = 0


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Keep the answer back until a wire moment of the run, or until everything is healed."""

    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Strike(Step):
    """Base of what is done to the middleware itself."""


@dataclass(frozen=True, slots=True)
class Kill(Strike):
    """End the middleware as SIGKILL would, see it dead, and start it again after so long; `cold`: without its files."""

    restart_after_s: float = 0.5
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Suspend(Strike):
    """Let the middleware stand still for so long, as SIGSTOP would."""

    for_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Join(Strike):
    """Start a second instance beside the middleware. After so long one of the two is ended: `first` or `second`."""

    for_s: float = 3.0
    leaves: str = "second"


Striking = Callable[[Step, Callable[[], None]], Awaitable[None]]
"""Performs a strike, and calls the second before it touches somebody; where nobody can be struck now, it does not."""


# --- What an exchange does by itself -------------------------------------------------------------------------------

Answer = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]
"""Status, headers and body of an answer."""


@dataclass(frozen=True, slots=True)
class Inner(Step):
    """Base of the steps that an exchange performs around its commit; no driver sees them."""


_UNAVAILABLE = Unavailable()


@dataclass(frozen=True, slots=True)
class Refuse(Inner):
    """Before `Commit`: refuse instead of carrying out. After it: carried out, but the answer says this.

    `lasting` tells the judge that the refusal is for good. `revoke` makes the caller's token worthless.
    """

    problem: Rejection = _UNAVAILABLE
    lasting: bool = False
    retry_after_s: float = 0.0
    as_date: bool = False
    revoke: bool = False


@dataclass(frozen=True, slots=True)
class Recall(Inner):
    """Before `Commit`, of a query: answer with what was answered to the same question up to `lag_s` ago."""

    lag_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Doom(Inner):
    """Before `Commit`: the job that the request starts is accepted, and will fail for this reason."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Expire(Inner):
    """Before `Commit`, of a token request: the token dies after so many seconds, whatever the answer says."""

    after_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Rewrite(Inner):
    """After `Commit`: the answer is changed on its way."""

    @abstractmethod
    def rewrite(self, answer: Answer) -> Answer:
        """The answer as the caller gets it."""


# --- What happens to a file ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place(Step):
    """Put a file where its reader fetches it, complete, in the way that the profile says."""


@dataclass(frozen=True, slots=True)
class PlacePart(Step):
    """Write only the first part of a file and go on after a while: openly under the name of a complete one, or as the
    writer may; `lock`: with a lock file beside it, while its name says that it is complete."""

    share: float = 0.5
    for_s: float = 1.0
    openly: bool = False
    lock: bool = False


@dataclass(frozen=True, slots=True)
class PlaceBesides(Step):
    """Put a file with the same events besides: before the true one or after it, in another form."""

    form: str = "same"
    first: bool = False
    apart_s: float = 0.0


# --- What happens to an event on its way ---------------------------------------------------------------------------

Envelope = Mapping[str, Any]
"""A CloudEvent as plain data."""


class Change(ABC):
    """A change of an event on its way. Subclasses are frozen data, so that scripts can be compared."""

    @abstractmethod
    def apply(self, envelope: Envelope) -> Envelope | bytes:
        """The event as it is sent; bytes where it is no JSON any more."""


@dataclass(frozen=True, slots=True)
class Unchanged(Change):
    """The event as it is."""

    def apply(self, envelope: Envelope) -> Envelope | bytes:
        return envelope


@dataclass(frozen=True, slots=True)
class Alter(Step):
    """The event is changed, in its first and in all further attempts."""

    change: Change = Unchanged()


@dataclass(frozen=True, slots=True)
class Copy(Step):
    """Besides the event, `times` copies go out, one every `gap_s`, each with at most `attempts` attempts.

    `forged`: signed with another key. `age_s`: the signature says that it was made so long ago. `abreast`: all at the
    very moment of the event itself, which none of them waits for.
    """

    change: Change = Unchanged()
    times: int = 1
    gap_s: float = 0.0
    attempts: int = 1
    forged: bool = False
    age_s: float = 0.0
    abreast: bool = False


@dataclass(frozen=True, slots=True)
class Disregard(Step):
    """Send the event, and take no note of its acknowledgement."""


Script = tuple[Step, ...]

NORMAL: Script = (Commit(), Respond())
REFUSE: Script = (Respond(),)
FILE: Script = (Place(),)
DELIVERY: Script = (Respond(),)
"""How an event goes out: nothing is carried out, something is sent."""


def carries_out(script: Script) -> bool:
    """Whether the script is that of a request; what delivers an event carries nothing out."""
    return any(isinstance(step, Commit) for step in script)


def replaced(script: Script, kind: type[Step], step: Step) -> Script:
    """The script with every step of a kind replaced."""
    return tuple(step if isinstance(present, kind) else present for present in script)


def before(script: Script, kind: type[Step], step: Step) -> Script:
    """The script with a step put in front of every step of a kind."""
    widened: list[Step] = []
    for present in script:
        if isinstance(present, kind):
            widened.append(step)
        widened.append(present)
    return tuple(widened)


def after(script: Script, kind: type[Step], step: Step) -> Script:
    """The script with a step put behind every step of a kind."""
    widened: list[Step] = []
    for present in script:
        widened.append(present)
        if isinstance(present, kind):
            widened.append(step)
    return tuple(widened)


def parted(script: Script) -> tuple[tuple[Inner, ...], Script, tuple[Inner, ...]]:
    """The inner steps before the commit, what a driver performs, and the inner steps after the commit."""
    first: list[Inner] = []
    then: list[Inner] = []
    outer: list[Step] = []
    for step in script:
        if isinstance(step, Inner):
            (then if any(isinstance(earlier, Commit) for earlier in outer) else first).append(step)
        else:
            outer.append(step)
    return tuple(first), tuple(outer), tuple(then)
